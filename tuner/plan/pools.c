/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hugepage pools of a plan. A pool the profile names becomes what it says; others grow by what the
 * guests that will be started, or whose memory is moved, need and is not free. The kernel's own figures decide: nothing is
 * planned that would take pages in use, or memory the host needs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/capacity.h"
#include "tuner/plan/internal.h"

static const struct {
	enum page_choice pages;
	const char *directory;
} kinds[] = {
	{ PAGES_2M, "hugepages-2048kB" },
	{ PAGES_1G, "hugepages-1048576kB" },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* One node's pool of one size, now and as it shall be. */
struct pool {
	const struct machine_node *node;
	size_t kind;
	uint64_t size, total, free; /* bytes a page; pages now */
	uint64_t needed;            /* pages for guests that will be started or moved here */
	uint64_t wanted;
	const struct profile_pool *asked; /* the profile's section, or NULL */
};

static const struct profile_pool *asked_of(const struct profile *profile, const struct pool *pool)
{
	for (unsigned int i = 0; i < profile->pool_count; i++) {
		const struct profile_pool *asked = &profile->pools[i];

		if (asked->page_size == pool->size &&
		    (asked->node == PROFILE_ALL_NODES || asked->node == (int)pool->node->os))
			return asked;
	}
	return NULL;
}

static uint64_t needed_by(const struct pool *pool, const struct placed_vm *placed)
{
	uint64_t pages = 0;

	if ((placed->running && !placed->vm->attach) || placed->vm->pages != kinds[pool->kind].pages)
		return 0;
	for (unsigned int i = 0; i < placed->node_count; i++)
		if (placed->nodes[i].host_node == (int)pool->node->os)
			pages += (placed->vm->attach ? placed->nodes[i].incoming : placed->nodes[i].memory) /
				pool->size;
	return pages;
}

static struct pool pool_of(const struct profile *profile, const struct machine_node *node, size_t kind,
	const struct placed_vm *vms)
{
	struct pool pool = { .node = node, .kind = kind, .size = page_choice_bytes(kinds[kind].pages) };
	const struct machine_pool *now = machine_pool_of(node, pool.size);
	uint64_t lacking;

	if (now) {
		pool.total = now->total;
		pool.free = now->free;
	}
	for (unsigned int i = 0; vms && i < profile->vm_count; i++)
		pool.needed += needed_by(&pool, &vms[i]);
	pool.asked = asked_of(profile, &pool);
	lacking = pool.needed > pool.free ? pool.needed - pool.free : 0;
	pool.wanted = pool.total + lacking;
	if (pool.asked && (!pool.asked->at_least || pool.asked->count > pool.wanted))
		pool.wanted = pool.asked->count;
	return pool;
}

static int check_place(const struct profile_pool *asked, const struct machine *machine, struct error *err)
{
	const struct machine_node *node = machine_node_of(machine, asked->node);
	struct idset nodes = { 0 };
	char list[128];

	if (asked->node == PROFILE_ALL_NODES || (node && node->memory))
		return 0;
	for (unsigned int i = 0; i < machine->node_count; i++)
		if (machine->nodes[i].memory)
			idset_add(&nodes, machine->nodes[i].os);
	return profile_fault(&asked->at, &asked->at, err, "hugepages: node %d %s; nodes with memory are %s",
		asked->node, node ? "has no memory" : "is not on this host",
		idset_format(&nodes, list, sizeof(list)));
}

static int check_pool(const struct pool *pool, const struct machine *machine, struct error *err)
{
	uint64_t available = node_available(pool->node), share = host_share(pool->node);
	uint64_t can = (available > share ? available - share : 0) / pool->size;
	const struct profile_at *at = &pool->asked->at;
	const char *name = page_choice_name(kinds[pool->kind].pages);
	unsigned int node = pool->node->os;

	if (machine->live && pool->wanted && !machine_pool_of(pool->node, pool->size))
		return profile_fault(at, at, err, "hugepages: this kernel has no %s pages on node %u", name, node);
	if (pool->wanted < pool->total && pool->total - pool->wanted > pool->free)
		return profile_fault(at, at, err, "hugepages: %" PRIu64 " of the %" PRIu64 " %s pages on node "
			"%u are in use; the pool cannot shrink to %" PRIu64, pool->total - pool->free,
			pool->total, name, node, pool->wanted);
	if (pool->wanted > pool->total && pool->wanted - pool->total > can)
		return profile_fault(at, at, err, "hugepages: %" PRIu64 " more %s pages on node %u need %" PRIu64
			"M; there is memory for %" PRIu64 " (%" PRIu64 "M of %" PRIu64 "M stay with the "
			"host)", pool->wanted - pool->total, name, node,
			(pool->wanted - pool->total) * pool->size / MIB, can, share / MIB,
			available / MIB);
	return 0;
}

int plan_pools_check(const struct profile *profile, const struct snapshot *snapshot, struct error *err)
{
	const struct machine *machine = snapshot->machine;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < profile->pool_count; i++)
		rc = check_place(&profile->pools[i], machine, err);
	for (unsigned int i = 0; i < machine->node_count; i++)
		for (size_t kind = 0; rc == 0 && kind < KIND_COUNT; kind++) {
			struct pool pool = pool_of(profile, &machine->nodes[i], kind, NULL);

			if (pool.asked && machine->nodes[i].memory)
				rc = check_pool(&pool, machine, err);
		}
	return rc;
}

/* "db 512, web 256" */
static char *who_needs(const struct profile *profile, const struct pool *pool,
	const struct placed_vm *vms)
{
	char *text = NULL;

	for (unsigned int i = 0; i < profile->vm_count; i++) {
		uint64_t pages = needed_by(pool, &vms[i]);
		char *longer;

		if (!pages)
			continue;
		longer = xasprintf("%s%s%s needs %" PRIu64, text ? text : "", text ? ", " : "",
			vms[i].vm->name, pages);
		free(text);
		text = longer;
	}
	return text ? text : xstrdup("");
}

/* "; node 1 gives 700 at once, about 9800 after compaction", of a pool that grows. The caller frees. */
static char *room_text(const struct pool *pool)
{
	const struct huge_room *room = &pool->node->room;

	/* where a piece of 1G is free no list of the kernel's tells */
	if (pool->wanted <= pool->total || pool->size >= GIB || !room->free)
		return xstrdup("");
	return xasprintf("; node %u gives %" PRIu64 " more at once, about %" PRIu64 " after compaction", pool->node->os,
		huge_room_now(room, pool->size), huge_room_pages(room, pool->size));
}

static void add_pool(struct action_list *list, const struct profile *profile, const struct pool *pool,
	const struct placed_vm *vms)
{
	char *needs = who_needs(profile, pool, vms), *room = room_text(pool), *reason;

	if (pool->asked)
		reason = xasprintf("%s:%d%s%s%s", pool->asked->at.file, pool->asked->at.line,
			*needs ? ", " : "", needs, room);
	else
		reason = xasprintf("%s%s", needs, room);
	action_add(list, ACTION_HUGEPAGES, CLASS_REVERSIBLE,
		xasprintf("/sys/devices/system/node/node%u/hugepages/%s/nr_hugepages", pool->node->os,
			kinds[pool->kind].directory),
		NULL, xasprintf("%" PRIu64, pool->total), xasprintf("%" PRIu64, pool->wanted), reason,
		NULL);
	free(needs);
	free(room);
}

int plan_pools(struct action_list *list, const struct profile *profile, const struct snapshot *snapshot,
	const struct placed_vm *vms, struct error *err)
{
	const struct machine *machine = snapshot->machine;

	for (int grow = 0; grow < 2; grow++)
		for (unsigned int i = 0; i < machine->node_count; i++)
			for (size_t kind = 0; kind < KIND_COUNT; kind++) {
				struct pool pool = pool_of(profile, &machine->nodes[i], kind, vms);

				if (!machine->nodes[i].memory || pool.wanted == pool.total ||
				    grow != (pool.wanted > pool.total))
					continue;
				if (machine->live && !machine_pool_of(pool.node, pool.size))
					return error_set(err, ENOTSUP, "%s: this kernel has no %s pages on node %u",
						profile->file, page_choice_name(kinds[kind].pages),
						pool.node->os);
				add_pool(list, profile, &pool, vms);
			}
	return 0;
}
