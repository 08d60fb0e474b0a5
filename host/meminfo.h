/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/meminfo and its sibling of each NUMA node: who uses the memory. */
#ifndef VMTUNE_HOST_MEMINFO_H
#define VMTUNE_HOST_MEMINFO_H

#include <stdint.h>

#include "host/root.h"

#define MEMINFO_UNKNOWN UINT64_MAX

/* Bytes; MEMINFO_UNKNOWN for what the kernel does not say. */
struct meminfo {
	uint64_t total, free;
	uint64_t available;   /* a node's is computed: free, file pages and reclaimable slab */
	uint64_t anon, anon_huge;
	uint64_t active_file, inactive_file, shmem, reclaimable;
	uint64_t file;        /* page cache and shared memory; a node's only */
	uint64_t slab, kernel_stacks;
	uint64_t page_tables, second_tables; /* of processes; of guests, by KVM (Linux 6.1) */
	uint64_t swap_total, swap_free;
};

/* Returns 0 or -errno; on failure everything is MEMINFO_UNKNOWN. */
int meminfo_read(const struct root *root, struct meminfo *info);
int meminfo_read_node(const struct root *root, unsigned int node, struct meminfo *info);

#endif
