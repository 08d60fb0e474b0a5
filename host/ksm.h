/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KSM has done so far: /sys/kernel/mm/ksm and the time its kernel thread has used. */
#ifndef VMTUNE_HOST_KSM_H
#define VMTUNE_HOST_KSM_H

#include <stdint.h>
#include <sys/types.h>

#include "host/root.h"

#define KSM_UNKNOWN UINT64_MAX
#define KSM_PAGE    UINT64_C(4096) /* bytes: it merges pages of the base size only */
#define KSM_ITEM    UINT64_C(64)   /* bytes that it keeps for each page it scans: struct ksm_rmap_item, mm/ksm.c */

/* Pages and counts; KSM_UNKNOWN for what this kernel does not tell. */
struct ksm {
	uint64_t run;            /* 0 stopped, 1 merging, 2 unmerging */
	uint64_t pages_shared;   /* pages kept */
	uint64_t pages_sharing;  /* further users of them: what is saved */
	uint64_t pages_unshared, pages_volatile;
	uint64_t pages_scanned, full_scans;
	uint64_t zero_pages;
};

/* Returns 0, or -errno when the kernel has no KSM (everything is KSM_UNKNOWN then). */
int ksm_read(const struct root *root, struct ksm *ksm);

/* PID of ksmd, 0 when there is none. Walks /proc: ask once. */
pid_t ksm_daemon(const struct root *root);

#endif
