/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/zoneinfo: what the zones of a NUMA node keep back. */
#ifndef VMTUNE_HOST_ZONEINFO_H
#define VMTUNE_HOST_ZONEINFO_H

#include <stdint.h>

#define ZONEINFO_LOW     "low"    /* the low watermarks: below them the kernel reclaims */
#define ZONEINFO_AT_HAND "count:" /* free pages that each CPU keeps for itself; no line of meminfo counts them */

/* The file's path; it is long where there are many CPUs: read it once for all nodes. */
#define ZONEINFO_FILE "/proc/zoneinfo"

/* Bytes: the sum of the lines of that name over the node's zones, in the file's @text. 0 when that is NULL. */
uint64_t zoneinfo_sum(const char *text, unsigned int node, const char *name);

#endif
