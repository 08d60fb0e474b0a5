/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the balloon's driver tells the host of the free part of the pool: free page reporting (virtio 1.2,
 * 5.5.6.7), which gives it to the host until a job wants it, and free page hinting (5.5.6.4), which only
 * names it when the host asks.
 */
#ifndef VMTUNE_GUEST_FREE_PAGES_H
#define VMTUNE_GUEST_FREE_PAGES_H

#include "guest/guest.h"
#include "guest/virtio.h"

struct free_pages {
	struct guest *guest;
	const struct virtio *virtio;
	struct virtq report, hint;   /* size 0: not negotiated */
	uint64_t reported;           /* the free pages from here on the host has already */
	uint64_t pages_reported;     /* since the start, the same page each time anew */
	uint32_t poison;             /* what a page holds when it is reported; 0: whatever it held */
	uint32_t *said;              /* buffer for the command id */
	uint32_t round;              /* command id of the last round of hints */
	uint64_t hint_at;            /* the next page to hint, while hinting */
	bool hinting;
};

/* All free pages are still to be reported. */
void free_pages_init(struct free_pages *free, struct guest *guest, const struct virtio *virtio);
/* The next step; true: there is more to do soon. On the boot CPU. */
bool free_pages_poll(struct free_pages *free);
/* Before a job takes pages of the free part: returns when the host is at work on none of them. */
void free_pages_settle(struct free_pages *free);
/* Of the free pages [first, end), which were reported, those that lost their poison. */
uint64_t free_pages_bad(const struct free_pages *free, uint64_t first, uint64_t end);

#endif
