/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: a list of nodes, each with its own backing, page size and NUMA policy.
 *
 * Order matters and memory_create() keeps it for every node: mmap, policy (mbind), THP or KSM advice,
 * then populate every page by threads that run on the target node, then ask the kernel where each
 * page is. A hugetlb reservation secures no node, so a node that is short must be found here, at
 * start, and not by SIGBUS in a running guest.
 */
#ifndef VMTUNE_VMM_MEMORY_H
#define VMTUNE_VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/idset.h"

#define MEMORY_NODES_MAX   64
#define MEMORY_HOLE_BASE   (UINT64_C(3) << 30) /* RAM below 4 GiB ends here, devices above */
#define MEMORY_HIGH_BASE   (UINT64_C(4) << 30)
#define MEMORY_SIZE_MAX    (UINT64_C(64) << 40) /* of a guest; half of a process's address space */
#define MEMORY_ALIGN       (UINT64_C(2) << 20) /* RAM starts and sizes, so that THP covers all of it */

enum memory_policy { MEMORY_POLICY_DEFAULT, MEMORY_POLICY_BIND, MEMORY_POLICY_PREFERRED,
	MEMORY_POLICY_INTERLEAVE };
enum memory_pages { MEMORY_PAGES_4K, MEMORY_PAGES_THP, MEMORY_PAGES_2M, MEMORY_PAGES_1G };

/* What the command line asks for one guest NUMA node. */
struct memory_node_config {
	uint64_t size;             /* bytes, a multiple of MEMORY_ALIGN (1 GiB pages: of 1 GiB) */
	struct idset cpus;         /* guest CPUs of this node */
	struct idset host_nodes;   /* empty: no policy */
	enum memory_policy policy;
	enum memory_pages pages;
	bool shared;               /* MAP_SHARED memfd instead of private anonymous memory */
	bool mergeable;            /* KSM; an error together with shared or hugetlb */
};

/* One KVM memory slot: a piece of a node that is contiguous in guest physical space. */
struct memory_region {
	uint64_t gpa, size;
	uint8_t *host;
	unsigned int node;         /* guest node, for e820 and SRAT */
};

struct guest_memory {
	struct memory_region regions[MEMORY_NODES_MAX + 1];
	unsigned int region_count;
	uint64_t size;             /* all RAM, bytes */
	uint64_t low_end, high_end; /* RAM is [0, low_end) and [MEMORY_HIGH_BASE, high_end) */
	/* private to memory.c */
	uint8_t *base;             /* host address of guest address 0 */
	void *reserved;            /* the address space it lies in */
	struct memory_node *nodes;
	unsigned int node_count;
};

/*
 * Maps, binds, advises, populates and verifies the nodes. @prefault false leaves 4K/THP nodes
 * unpopulated (hugetlb is always populated). Returns 0, or negative with @err naming the node, the
 * pages that are missing and where. Nothing stays mapped on failure.
 */
int memory_create(struct guest_memory *memory, const struct memory_node_config *config,
	unsigned int count, bool prefault, struct error *err);
void memory_release(struct guest_memory *memory);

/*
 * The only door from a guest physical address to host memory: @length bytes from @gpa, or NULL
 * unless all of them are RAM. Never fails for a zero length inside RAM. What is contiguous for the
 * guest is contiguous here, across the borders of guest nodes too.
 */
void *memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t length);

/*
 * Gives the pages of [gpa, gpa + length) back to the host (balloon): madvise(MADV_DONTNEED) for
 * private memory, fallocate(FALLOC_FL_PUNCH_HOLE) for shared; only whole backing pages.
 * Returns the bytes given back (0 when the range is smaller than a hugetlb page), or -EFAULT when the
 * range is not RAM.
 */
int64_t memory_discard(struct guest_memory *memory, uint64_t gpa, uint64_t length);

/* Size of the backing's pages at @gpa, in bytes (THP counts as 4 KiB), or 0 where there is no RAM. */
uint64_t memory_page_size(const struct guest_memory *memory, uint64_t gpa);
/* The guest physical address of @host, which memory_at() returned or which lies in what it returned. */
uint64_t memory_gpa(const struct guest_memory *memory, const void *host);
/* Bytes of [gpa, gpa + length), which must be RAM, that the host holds memory for: mincore(2). */
uint64_t memory_resident(const struct guest_memory *memory, uint64_t gpa, uint64_t length);

/*
 * KSM at run time: marks (or unmarks, which breaks sharing up and can need memory) all of RAM.
 * -EINVAL with @err and nothing changed when a node is shared or hugetlb memory, which KSM cannot merge.
 */
int memory_set_mergeable(struct guest_memory *memory, bool mergeable, struct error *err);
/* Whether guest node @node is marked for KSM now. */
bool memory_is_mergeable(const struct guest_memory *memory, unsigned int node);

#endif
