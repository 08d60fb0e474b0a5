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

/* The kernel's lists of free pages, of all nodes; NULL for what cannot be read. */
struct huge_lists {
	char *buddyinfo, *pagetypeinfo, *zoneinfo;
};

/* pagetypeinfo is root's, and the kernel walks its lists with their lock held for it: not for every second. */
void huge_lists_read(const struct root *root, struct huge_lists *lists);
void huge_lists_release(struct huge_lists *lists);

/* What @lists and the node's meminfo say of one node. 0 or -errno. */
int huge_room_read(const struct root *root, const struct huge_lists *lists, unsigned int node, struct huge_room *room);

/* Pages of @page_size that the node gives at once; and that it will give when its memory is compacted. */
uint64_t huge_room_now(const struct huge_room *room, uint64_t page_size);
uint64_t huge_room_pages(const struct huge_room *room, uint64_t page_size);

#endif
