/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/zoneinfo: what the zones of a NUMA node keep back. */
#ifndef VMTUNE_HOST_ZONEINFO_H
#define VMTUNE_HOST_ZONEINFO_H

#include <stdint.h>

#include "host/root.h"

#define ZONEINFO_LOW     "low"    /* the low watermarks: below them the kernel reclaims */
#define ZONEINFO_AT_HAND "count:" /* free pages that each CPU keeps for itself; no line of meminfo counts them */

/* Bytes: the sum of the lines of that name over the node's zones. 0 when the file cannot be read. */
uint64_t zoneinfo_sum(const struct root *root, unsigned int node, const char *name);

#endif
