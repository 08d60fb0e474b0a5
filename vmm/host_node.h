/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmm must know of the host's NUMA nodes to say no in time: their CPUs, memory, hugepages. */
#ifndef VMTUNE_VMM_HOST_NODE_H
#define VMTUNE_VMM_HOST_NODE_H

#include <stdint.h>

#include "lib/error.h"
#include "lib/idset.h"

/* Nodes that have memory; only node 0 on a kernel without NUMA. */
void host_nodes_with_memory(struct idset *nodes);
/* CPUs of @nodes; empty when the kernel does not tell. */
void host_nodes_cpus(const struct idset *nodes, struct idset *cpus);
/* The one node that has all of @cpus, or -1. */
int host_node_of_cpus(const struct idset *cpus);
/*
 * Free hugepages of @page_size bytes on @nodes together (empty: on the whole host, without those that
 * others have reserved). -1 when the kernel has no pages of that size.
 */
int64_t host_free_hugepages(const struct idset *nodes, uint64_t page_size);
/*
 * Bytes that @nodes together could give: free memory and page cache. An upper bound; UINT64_MAX when
 * the kernel does not tell.
 */
uint64_t host_available_memory(const struct idset *nodes);

#endif
