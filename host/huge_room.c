// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/huge_room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/meminfo.h"
#include "host/zoneinfo.h"
#include "lib/size.h"

#define HUGE_ORDER 9 /* 2M, in pages of 4K */
#define HUGE_BYTES (2 * MIB)

/* ---- /proc/buddyinfo and /proc/pagetypeinfo -------------------------------------------------- */

/* Bytes in the free pieces of 2M and more, of a line that counts those of each order. */
static uint64_t large_pieces(const char *counts)
{
	uint64_t pages = 0;

	for (unsigned int order = 0; order < 64 && *(counts += strspn(counts, " ")) && *counts != '\n'; order++) {
		char *end;
		uint64_t count = strtoull(counts, &end, 10);

		if (end == counts)
			break;
		pages += order >= HUGE_ORDER ? count << order : 0;
		counts = end;
	}
	return pages * 4 * KIB;
}

/* "Node 0, zone   Normal      1      0 ...": sums up what is free in large pieces. */
static uint64_t whole_of(const char *text, unsigned int node)
{
	uint64_t sum = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		unsigned int of;
		int at = 0;

		line += *line == '\n';
		if (sscanf(line, "Node %u, zone %*s%n", &of, &at) == 1 && at && of == node)
			sum += large_pieces(line + at);
	}
	return sum;
}

/*
 * "Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate", then for each zone
 * "Node 0, zone   Normal          149        10429          174            0            0".
 */
static uint64_t fixed_of(const char *text, unsigned int node)
{
	unsigned long long unmovable, reclaimable, sum = 0;
	unsigned int of;

	/* to the end of that table: with page_owner there is one more, of "mixed blocks" */
	for (const char *line = strstr(text, "Number of blocks"); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, "Number of mixed", strlen("Number of mixed")))
			break;
		if (sscanf(line, "Node %u, zone %*s %llu %*u %llu", &of, &unmovable, &reclaimable) == 3 && of == node)
			sum += unmovable + reclaimable;
	}
	return sum * HUGE_BYTES;
}

/* ---- all of it ------------------------------------------------------------------------------ */

void huge_lists_read(const struct root *root, struct huge_lists *lists)
{
	*lists = (struct huge_lists){
		.buddyinfo = root_read_all(root, NULL, "/proc/buddyinfo"),
		.pagetypeinfo = root_read_all(root, NULL, "/proc/pagetypeinfo"),
		.zoneinfo = root_read_all(root, NULL, ZONEINFO_FILE),
	};
}

void huge_lists_release(struct huge_lists *lists)
{
	free(lists->buddyinfo);
	free(lists->pagetypeinfo);
	free(lists->zoneinfo);
	*lists = (struct huge_lists){ 0 };
}

int huge_room_read(const struct root *root, const struct huge_lists *lists, unsigned int node, struct huge_room *room)
{
	struct meminfo info;
	int status = meminfo_read_node(root, node, &info);

	*room = (struct huge_room){ 0 };
	if (status < 0)
		return status;
	if (!lists->buddyinfo || info.free == MEMINFO_UNKNOWN)
		return -ENODATA;
	room->whole = whole_of(lists->buddyinfo, node);
	room->fixed = lists->pagetypeinfo ? fixed_of(lists->pagetypeinfo, node) : 0;
	room->free = info.free + zoneinfo_sum(lists->zoneinfo, node, ZONEINFO_AT_HAND);
	room->kept = zoneinfo_sum(lists->zoneinfo, node, ZONEINFO_LOW);
	if (info.active_file != MEMINFO_UNKNOWN && info.inactive_file != MEMINFO_UNKNOWN)
		room->cache = info.active_file + info.inactive_file;
	return 0;
}

uint64_t huge_room_now(const struct huge_room *room, uint64_t page_size)
{
	return (room->whole > room->kept ? room->whole - room->kept : 0) / page_size;
}

/*
 * Of what is free, a quarter of the blocks for pages that do not move is not to be had: that is what was left in them when
 * nodes were emptied to the last page (tests/bench/lab-hugepages). Of page cache a part is in use all the time, as
 * MemAvailable has it.
 */
uint64_t huge_room_pages(const struct huge_room *room, uint64_t page_size)
{
	uint64_t in_use = room->cache / 2 < room->kept ? room->cache / 2 : room->kept;
	uint64_t have = room->free + room->cache - in_use, less = room->fixed / 4 + room->kept;
	uint64_t now = huge_room_now(room, page_size), pages = (have > less ? have - less : 0) / page_size;

	return pages > now ? pages : now;
}
