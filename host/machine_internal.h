/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the machine_*.c files: how a machine is filled in, source by source. */
#ifndef VMTUNE_HOST_MACHINE_INTERNAL_H
#define VMTUNE_HOST_MACHINE_INTERNAL_H

#include <hwloc.h>

#include "host/machine.h"

/* Fills @machine from a loaded topology: structure, memory sizes, distances, pools, XML. */
int machine_fill(struct machine *machine, hwloc_topology_t topology, struct error *err);

/* machine_devices.c: keeps the devices in a topology that is not loaded yet; fills ->devices. */
void machine_want_devices(hwloc_topology_t topology);
void machine_fill_devices(struct machine *machine, hwloc_topology_t topology);
void machine_free_devices(struct machine *machine);

/* Sets the CPUs of a node, and the node of these CPUs. */
void machine_set_node_cpus(struct machine *machine, struct machine_node *node,
	const struct idset *cpus);

#endif
