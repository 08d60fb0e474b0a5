// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapping of guest memory. All RAM lies in one reserved stretch of address space, guest address 0 at
 * its start and the 32-bit hole left unmapped in the middle: translation is an addition, and a buffer
 * of the guest that crosses from one of its nodes into the next is contiguous here too. The start is
 * aligned to 1 GiB, so guest and host addresses agree in every page size KVM may map.
 */
#include "vmm/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "vmm/host_node.h"
#include "vmm/memory_internal.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif
#define LOG2_2M 21u
#define LOG2_1G 30u

#ifndef MPOL_PREFERRED_MANY /* Linux 5.15 */
#define MPOL_PREFERRED_MANY 5
#endif

static uint64_t reserved_size(const struct guest_memory *memory)
{
	return memory->high_end + GIB; /* room to align the start */
}

/* ---- layout ------------------------------------------------------------------------------------ */

static uint64_t page_size_of(enum memory_pages pages)
{
	switch (pages) {
	case MEMORY_PAGES_2M:
		return 2 * MIB;
	case MEMORY_PAGES_1G:
		return GIB;
	default:
		return 4 * KIB;
	}
}

static int check_node(const struct memory_node *node, unsigned int index, uint64_t gpa,
	struct error *err)
{
	uint64_t align = node->page_size > MEMORY_ALIGN ? node->page_size : MEMORY_ALIGN;
	char size[SIZE_TEXT_MAX], unit[SIZE_TEXT_MAX];

	if (!node->config.size || node->config.size % align)
		return error_set(err, EINVAL, "guest node %u: its size %s is not a multiple of %s", index,
			size_format(size, node->config.size), size_format(unit, align));
	if (node->config.size > MEMORY_SIZE_MAX || gpa > MEMORY_SIZE_MAX - node->config.size)
		return error_set(err, EINVAL, "guest node %u: its size %s makes the guest larger than %s", index,
			size_format(size, node->config.size), size_format(unit, MEMORY_SIZE_MAX));
	if (gpa % align)
		return error_set(err, EINVAL,
			"guest node %u: 1G pages need it to begin on a multiple of 1G; the nodes before it end "
			"at %s",
			index, size_format(size, gpa));
	if (node->config.mergeable && (node->config.shared || memory_is_hugetlb(node)))
		return error_set(err, EINVAL,
			"guest node %u: KSM merges only private memory of normal pages; 'mergeable' and '%s' "
			"exclude each other",
			index, node->config.shared ? "shared" : "pages=2M or 1G");
	return 0;
}

static void add_region(struct guest_memory *memory, uint64_t gpa, uint64_t size, unsigned int node)
{
	memory->regions[memory->region_count++] =
		(struct memory_region){.gpa = gpa, .size = size, .node = node};
}

/* Places the nodes one after another, one of them perhaps on both sides of the 32-bit hole. */
static int lay_out(struct guest_memory *memory, struct error *err)
{
	uint64_t gpa = 0;

	for (unsigned int i = 0; i < memory->node_count; i++) {
		uint64_t size = memory->nodes[i].config.size, low = 0;

		if (check_node(&memory->nodes[i], i, gpa, err) < 0)
			return -EINVAL;
		if (gpa < MEMORY_HOLE_BASE) {
			low = size < MEMORY_HOLE_BASE - gpa ? size : MEMORY_HOLE_BASE - gpa;
			add_region(memory, gpa, low, i);
			gpa += low;
			memory->low_end = gpa;
			if (gpa == MEMORY_HOLE_BASE)
				gpa = MEMORY_HIGH_BASE;
		}
		if (size > low) {
			add_region(memory, gpa, size - low, i);
			gpa += size - low;
		}
		memory->size += size;
	}
	memory->high_end = gpa > MEMORY_HIGH_BASE ? gpa : MEMORY_HIGH_BASE;
	return 0;
}

/* ---- mapping ----------------------------------------------------------------------------------- */

static int reserve(struct guest_memory *memory, struct error *err)
{
	uint64_t size = reserved_size(memory);
	void *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (start == MAP_FAILED)
		return error_errno(err, errno, "cannot reserve %" PRIu64 " bytes of address space", size);
	memory->reserved = start;
	memory->base = (uint8_t *)(((uintptr_t)start + GIB - 1) & ~(uintptr_t)(GIB - 1));
	return 0;
}

static int create_memfd(struct memory_node *node, unsigned int index, struct error *err)
{
	unsigned int flags = MFD_CLOEXEC;
	char name[32];

	if (memory_is_hugetlb(node))
		flags |= MFD_HUGETLB |
			(node->config.pages == MEMORY_PAGES_1G ? LOG2_1G : LOG2_2M) << MFD_HUGE_SHIFT;
	snprintf(name, sizeof(name), "guest-node%u", index);
	node->memfd = memfd_create(name, flags);
	if (node->memfd < 0 || ftruncate(node->memfd, (off_t)node->config.size) < 0)
		return error_errno(err, errno, "guest node %u: cannot create shared memory", index);
	return 0;
}

static int mmap_flags(const struct memory_node *node)
{
	int flags = MAP_FIXED | (node->memfd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);

	if (!memory_is_hugetlb(node))
		return node->populate ? flags : flags | MAP_NORESERVE;
	if (node->memfd < 0)
		flags |= MAP_HUGETLB |
			(int)((node->config.pages == MEMORY_PAGES_1G ? LOG2_1G : LOG2_2M) << MAP_HUGE_SHIFT);
	return flags;
}

static int bind_region(const struct memory_region *region, const struct memory_node *node,
	struct error *err)
{
	static const int modes[] = {
		[MEMORY_POLICY_DEFAULT] = MPOL_BIND, /* nodes without a policy: exactly there */
		[MEMORY_POLICY_BIND] = MPOL_BIND,
		[MEMORY_POLICY_PREFERRED] = MPOL_PREFERRED,
		[MEMORY_POLICY_INTERLEAVE] = MPOL_INTERLEAVE,
	};
	int mode = modes[node->config.policy];
	char text[128];

	if (idset_empty(&node->config.host_nodes))
		return 0;
	if (mode == MPOL_PREFERRED && idset_count(&node->config.host_nodes) > 1)
		mode = MPOL_PREFERRED_MANY;
	/* The kernel drops the last bit of what it is told (mm/mempolicy.c, get_nodes): one more. */
	if (syscall(SYS_mbind, region->host, region->size, mode, node->config.host_nodes.words,
		    (unsigned long)IDSET_MAX + 1, 0) < 0)
		return error_errno(err, errno, "guest node %u: cannot set its policy on host node %s",
			region->node, idset_format(&node->config.host_nodes, text, sizeof(text)));
	return 0;
}

/* THP advice must come before the first touch, or what is touched is 4 KiB pages already. */
static int advise(const struct memory_region *region, const struct memory_node *node,
	struct error *err)
{
	madvise(region->host, region->size, MADV_DONTDUMP);
	if (memory_is_hugetlb(node))
		return 0;
	/* EINVAL: a kernel without THP, where 4 KiB pages are what there is. */
	madvise(region->host, region->size,
		node->config.pages == MEMORY_PAGES_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (node->config.mergeable && madvise(region->host, region->size, MADV_MERGEABLE) < 0)
		return error_errno(err, errno, "guest node %u: this kernel does not do KSM", region->node);
	return 0;
}

/* Of a hugetlb pool ENOMEM means: the pages that are free are reserved by others. */
static int cannot_map(const struct memory_region *region, const struct memory_node *node, int errnum,
	struct error *err)
{
	const struct idset anywhere = {0};
	char size[SIZE_TEXT_MAX], unit[SIZE_TEXT_MAX];

	if (errnum == ENOMEM && memory_is_hugetlb(node))
		return error_set(err, ENOMEM,
			"guest node %u: the host has %" PRId64 " %s pages that are free and not reserved, %" PRIu64
			" needed",
			region->node, host_free_hugepages(&anywhere, node->page_size),
			size_format(unit, node->page_size), region->size / node->page_size);
	return error_errno(err, errnum, "guest node %u: cannot map %s of memory", region->node,
		size_format(size, region->size));
}

/* @offset: how much of the node lies in regions before this one. */
static int map_region(struct guest_memory *memory, struct memory_region *region, uint64_t offset,
	struct error *err)
{
	const struct memory_node *node = &memory->nodes[region->node];
	void *at = memory->base + region->gpa;

	region->host = mmap(at, region->size, PROT_READ | PROT_WRITE, mmap_flags(node), node->memfd,
		node->memfd >= 0 ? (off_t)offset : 0);
	if (region->host == MAP_FAILED) {
		region->host = NULL;
		return cannot_map(region, node, errno, err);
	}
	if (bind_region(region, node, err) < 0)
		return -EINVAL;
	return advise(region, node, err);
}

static int map_all(struct guest_memory *memory, struct error *err)
{
	uint64_t offset = 0;

	if (reserve(memory, err) < 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < memory->node_count; i++)
		if (memory->nodes[i].config.shared && create_memfd(&memory->nodes[i], i, err) < 0)
			return -ENOMEM;
	for (unsigned int i = 0; i < memory->region_count; i++) {
		if (i && memory->regions[i].node != memory->regions[i - 1].node)
			offset = 0;
		if (map_region(memory, &memory->regions[i], offset, err) < 0)
			return -ENOMEM;
		offset += memory->regions[i].size;
	}
	return 0;
}

int memory_create(struct guest_memory *memory, const struct memory_node_config *config,
	unsigned int count, bool prefault, struct error *err)
{
	int ret;

	*memory = (struct guest_memory){.node_count = count};
	memory->nodes = xcalloc(count, sizeof(*memory->nodes));
	for (unsigned int i = 0; i < count; i++) {
		memory->nodes[i] = (struct memory_node){
			.config = config[i], .page_size = page_size_of(config[i].pages), .memfd = -1};
		memory->nodes[i].populate = prefault || memory_is_hugetlb(&memory->nodes[i]);
	}
	ret = lay_out(memory, err);
	if (!ret)
		ret = memory_check_host(memory, err);
	if (!ret)
		ret = map_all(memory, err);
	if (!ret)
		ret = memory_populate(memory, err);
	if (ret)
		memory_release(memory);
	return ret;
}

void memory_release(struct guest_memory *memory)
{
	if (memory->reserved)
		munmap(memory->reserved, reserved_size(memory));
	for (unsigned int i = 0; i < memory->node_count; i++)
		if (memory->nodes[i].memfd >= 0)
			close(memory->nodes[i].memfd);
	free(memory->nodes);
	*memory = (struct guest_memory){0};
}

/* ---- use --------------------------------------------------------------------------------------- */

static bool within(uint64_t gpa, uint64_t length, uint64_t begin, uint64_t end)
{
	return gpa >= begin && gpa <= end && length <= end - gpa;
}

void *memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t length)
{
	if (within(gpa, length, 0, memory->low_end) ||
		within(gpa, length, MEMORY_HIGH_BASE, memory->high_end))
		return memory->base + gpa;
	return NULL;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Offset in its node of where @region begins. */
static uint64_t node_offset(const struct guest_memory *memory, const struct memory_region *region)
{
	return region > memory->regions && region[-1].node == region->node ? region[-1].size : 0;
}

/* Discards the whole backing pages of [gpa, end) within @region. Returns the bytes given back. */
static int64_t discard_region(struct guest_memory *memory, const struct memory_region *region,
	uint64_t gpa, uint64_t end)
{
	const struct memory_node *node = &memory->nodes[region->node];
	uint64_t page = node->page_size, offset;
	int ret;

	gpa = (max(gpa, region->gpa) + page - 1) & ~(page - 1);
	end = min(end, region->gpa + region->size) & ~(page - 1);
	if (gpa >= end)
		return 0;
	offset = gpa - region->gpa;
	if (node->memfd >= 0)
		ret = fallocate(node->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)(node_offset(memory, region) + offset), (off_t)(end - gpa));
	else
		ret = madvise(region->host + offset, end - gpa, MADV_DONTNEED);
	return ret < 0 ? 0 : (int64_t)(end - gpa);
}

int64_t memory_discard(struct guest_memory *memory, uint64_t gpa, uint64_t length)
{
	int64_t sum = 0;

	if (!memory_at(memory, gpa, length))
		return -EFAULT;
	for (unsigned int i = 0; i < memory->region_count; i++)
		if (memory->regions[i].gpa < gpa + length &&
			gpa < memory->regions[i].gpa + memory->regions[i].size)
			sum += discard_region(memory, &memory->regions[i], gpa, gpa + length);
	return sum;
}

uint64_t memory_page_size(const struct guest_memory *memory, uint64_t gpa)
{
	for (unsigned int i = 0; i < memory->region_count; i++)
		if (within(gpa, 1, memory->regions[i].gpa, memory->regions[i].gpa + memory->regions[i].size))
			return memory->nodes[memory->regions[i].node].page_size;
	return 0;
}

uint64_t memory_gpa(const struct guest_memory *memory, const void *host)
{
	return (uint64_t)((const uint8_t *)host - memory->base);
}

uint64_t memory_resident(const struct guest_memory *memory, uint64_t gpa, uint64_t length)
{
	unsigned char states[256];
	uint64_t pages = 0, part;

	for (length &= ~(uint64_t)(4 * KIB - 1); length; length -= part, gpa += part) {
		part = min(length, sizeof(states) * 4 * KIB);
		if (mincore(memory->base + gpa, part, states) < 0)
			continue;
		for (uint64_t i = 0; i < part / (4 * KIB); i++)
			pages += states[i] & 1;
	}
	return pages * 4 * KIB;
}
