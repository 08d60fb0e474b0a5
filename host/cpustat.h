/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the CPUs' time went: the "cpu" line of /proc/stat. */
#ifndef VMTUNE_HOST_CPUSTAT_H
#define VMTUNE_HOST_CPUSTAT_H

#include <stdint.h>

#include "host/root.h"

/* Clock ticks of all CPUs together since boot. */
struct cpustat {
	uint64_t total, busy; /* busy: neither idle nor waiting for I/O nor stolen */
	uint64_t guest, iowait, steal;
};

/* Returns 0 or -errno. */
int cpustat_read(const struct root *root, struct cpustat *stat);

#endif
