/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pool.h"

#include "guest/paging.h"

extern char image_end[];

/* Adds what is left of @range in whole 2 MiB pages. */
static void add_part(struct pool *pool, struct range range, unsigned int node)
{
	struct pool_part *part = &pool->part[pool->part_count];
	uint64_t start = align_up(range.start, PAGE_2M), end = align_down(range.end, PAGE_2M);

	if (start >= end || pool->part_count == POOL_PARTS)
		return;
	part->address = start;
	part->pages = (end - start) / PAGE_SIZE;
	part->first = pool->pages;
	part->node = node;
	pool->pages += part->pages;
	pool->part_count++;
}

/* Cuts [start, end) at the edges of SRAT's ranges and adds the pieces of the nodes that are wanted. */
static void add_by_node(struct pool *pool, const struct acpi *acpi, struct range range, int node,
	bool near)
{
	struct range piece = range;
	unsigned int i, of;
	uint64_t edge;

	for (; piece.start < range.end; piece.start = piece.end) {
		piece.end = range.end;
		for (i = 0; i < acpi->memory_count; i++) {
			edge = acpi->memory[i].range.start;
			if (edge > piece.start && edge < piece.end)
				piece.end = edge;
			edge = acpi->memory[i].range.end;
			if (edge > piece.start && edge < piece.end)
				piece.end = edge;
		}
		of = acpi_memory_node(acpi, piece.start);
		if ((node < 0 || of == (unsigned int)node) == near)
			add_part(pool, piece, of);
	}
}

/* Adds the RAM of @range that no module occupies. Modules are sorted. */
static void add_around_modules(struct pool *pool, const struct pvh_info *pvh,
	const struct acpi *acpi, struct range range, int node, bool near)
{
	const struct range *module = pvh->module;
	unsigned int i;

	for (i = 0; i < pvh->module_count; i++, module++) {
		if (module->end <= range.start || module->start >= range.end)
			continue;
		if (module->start > range.start)
			add_by_node(pool, acpi, (struct range){range.start, module->start}, node, near);
		range.start = module->end;
	}
	if (range.start < range.end)
		add_by_node(pool, acpi, range, node, near);
}

static void add_all(struct pool *pool, const struct pvh_info *pvh, const struct acpi *acpi, int node,
	bool near)
{
	uint64_t floor = align_up((uint64_t)image_end, PAGE_2M);
	struct range range;
	unsigned int i;

	for (i = 0; i < pvh->ram_count; i++) {
		range = pvh->ram[i];
		range.start = max_u64(range.start, floor);
		if (range.start < range.end)
			add_around_modules(pool, pvh, acpi, range, node, near);
	}
}

void pool_init(struct pool *pool, const struct pvh_info *pvh, const struct acpi *acpi, int node)
{
	unsigned int i;

	add_all(pool, pvh, acpi, node, true);
	pool->near_pages = pool->pages;
	if (node >= 0)
		add_all(pool, pvh, acpi, node, false);
	for (i = 0; i < pool->part_count; i++)
		map_range(POOL_BASE + pool->part[i].first * PAGE_SIZE, pool->part[i].address,
			pool->part[i].pages * PAGE_SIZE);
}

uint64_t pool_physical(const struct pool *pool, uint64_t page, uint64_t *run)
{
	const struct pool_part *part = pool->part;

	while (page >= part->first + part->pages)
		part++;
	*run = part->first + part->pages - page;
	return part->address + (page - part->first) * PAGE_SIZE;
}
