/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pressure stall information: the share of time in which tasks waited for a resource. */
#ifndef VMTUNE_HOST_PSI_H
#define VMTUNE_HOST_PSI_H

#include <stdint.h>

#include "host/root.h"

/* Percent over the last ten seconds, NAN when the kernel does not say; totals in microseconds. */
struct psi {
	double some_avg10, full_avg10;
	uint64_t some_total, full_total; /* UINT64_MAX unknown */
};

/*
 * @path: "/proc/pressure/cpu" (memory, io), or a cgroup's cpu.pressure. Returns 0 or -errno; some
 * kernels have the file and answer -EOPNOTSUPP.
 */
int psi_read(const struct root *root, const char *path, struct psi *psi);

#endif
