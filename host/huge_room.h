/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many huge pages a NUMA node can be brought to give: what is free, and page cache that goes when it must,
 * less what no compaction brings together.
 */
#ifndef VMTUNE_HOST_HUGE_ROOM_H
#define VMTUNE_HOST_HUGE_ROOM_H

#include "host/root.h"

/* Bytes. */
struct huge_room {
	uint64_t free;        /* of the node's meminfo, and what its CPUs keep at hand (/proc/zoneinfo) */
	uint64_t cache;       /* file pages */
	uint64_t whole;       /* free in pieces of 2M and more */
	uint64_t fixed;       /* in 2M blocks for pages that do not move, used or not (/proc/pagetypeinfo) */
	uint64_t kept;        /* below the low watermarks of the node's zones (/proc/zoneinfo) */
};

/*
 * Reads /proc/buddyinfo, pagetypeinfo, zoneinfo and the node's meminfo. pagetypeinfo is root's and walks the
 * kernel's lists with their lock held: not for every second. 0 or -errno.
 */
int huge_room_read(const struct root *root, unsigned int node, struct huge_room *room);

/* Pages of @page_size that the node gives at once; and that it will give when its memory is compacted. */
uint64_t huge_room_now(const struct huge_room *room, uint64_t page_size);
uint64_t huge_room_pages(const struct huge_room *room, uint64_t page_size);

#endif
