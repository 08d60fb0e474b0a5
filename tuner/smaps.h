/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says of a guest's RAM mappings (/proc/PID/smaps): marks and page sizes as they are,
 * not as a VMM was asked to make them. The walk holds the guest's mmap lock (6 ms a GiB of 4K pages),
 * so this is for verify, not for a monitor.
 */
#ifndef VMTUNE_TUNER_SMAPS_H
#define VMTUNE_TUNER_SMAPS_H

#include <stdint.h>

#include "host/guest.h"
#include "lib/error.h"

/* Sums over the guest's RAM, bytes. */
struct smaps_ram {
	uint64_t mapped;             /* all of it */
	uint64_t mergeable;          /* marked for KSM */
	uint64_t thp;                /* asks for 2M pages */
	uint64_t huge;               /* is in 2M pages of THP now */
	uint64_t page_min, page_max; /* kernel page sizes of the mappings */
};

/* Returns 0 or negative with @err (the guest has ended, no permission). */
int smaps_read(const struct root *root, const struct guest *guest, struct smaps_ram *sum,
	struct error *err);

#endif
