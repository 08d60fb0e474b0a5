/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On which nodes a guest works, and how much of its memory is elsewhere. */
#ifndef VMTUNE_TUNER_HOME_H
#define VMTUNE_TUNER_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "host/guest.h"
#include "host/machine.h"
#include "lib/idset.h"

/* The nodes that have one of these CPUs. */
struct idset nodes_of_cpus(const struct machine *machine, const struct idset *cpus);

/*
 * The nodes where the guest's vCPUs work: of a bound thread the nodes it may be on; of one that may run
 * on several, the one it was seen on. Empty: no vCPU thread is known. *@bound (may be NULL): all of them
 * are bound to one node each.
 */
struct idset home_of(const struct machine *machine, const struct guest *guest, bool *bound);

/* How many of the mapped bytes are on other nodes. */
uint64_t home_bytes_outside(const struct machine *machine, const struct guest_memory_map *map,
	const struct idset *home);

#endif
