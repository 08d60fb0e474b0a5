/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory that jobs and the balloon share: all RAM above the guest's image, as one line of pages
 * 0 .. pages-1 that is mapped contiguously at POOL_BASE, whatever holes the RAM has. The job owns
 * [0, job_pages), the balloon [pages - balloon_pages, pages), and between the two is what is free:
 *
 *     0            job_pages       pages - balloon_pages          pages
 *     |   job      |       free        |      balloon              |
 *
 * So the balloon takes what no job uses first; when that is not enough and the job can shrink, it
 * takes the end of the job's part. With SRAT, node=N puts the memory of that node first in the line,
 * which is where jobs take theirs.
 */
#ifndef VMTUNE_GUEST_POOL_H
#define VMTUNE_GUEST_POOL_H

#include "guest/acpi.h"
#include "guest/pvh.h"

#define POOL_BASE  (UINT64_C(1) << 40)
#define POOL_PARTS (2 * PVH_RANGES)

struct pool_part {
	uint64_t first;           /* index of its first page */
	uint64_t pages, address;  /* physical, 2 MiB aligned */
	unsigned int node;
};

struct pool {
	struct pool_part part[POOL_PARTS];
	unsigned int part_count;
	uint64_t pages;           /* all */
	uint64_t near_pages;      /* of the wanted node; all without one */
	uint64_t job_pages, balloon_pages;
};

/* @node: whose memory comes first; -1: by address. Touches no page of the pool. */
void pool_init(struct pool *pool, const struct pvh_info *pvh, const struct acpi *acpi, int node);
/* The physical address of a page, and in *@run how many pages from it on are contiguous. */
uint64_t pool_physical(const struct pool *pool, uint64_t page, uint64_t *run);

static inline void *pool_page(uint64_t page)
{
	return (void *)(POOL_BASE + page * PAGE_SIZE);
}

static inline uint64_t pool_free(const struct pool *pool)
{
	return pool->pages - pool->balloon_pages - pool->job_pages;
}

#endif
