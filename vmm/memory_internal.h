/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by memory.c (mapping) and memory_populate.c (filling). */
#ifndef VMTUNE_VMM_MEMORY_INTERNAL_H
#define VMTUNE_VMM_MEMORY_INTERNAL_H

#include "vmm/memory.h"

struct memory_node {
	struct memory_node_config config;
	uint64_t page_size; /* of the backing; THP counts as 4 KiB, the kernel may split it */
	int memfd;          /* of shared memory, else -1 */
	bool populate;
};

static inline bool memory_is_hugetlb(const struct memory_node *node)
{
	return node->config.pages == MEMORY_PAGES_2M || node->config.pages == MEMORY_PAGES_1G;
}

/*
 * Looks whether the host can give all nodes what they ask for, before anything is mapped. -ENOMEM with
 * @err saying which node has how much and how much is needed.
 */
int memory_check_host(const struct guest_memory *memory, struct error *err);
/* Populates the nodes that want it, all at once, and verifies where their pages are. */
int memory_populate(struct guest_memory *memory, struct error *err);

#endif
