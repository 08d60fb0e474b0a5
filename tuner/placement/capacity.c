/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory, huge pages and shared CPUs that are left on each node. */
#include "tuner/placement/capacity.h"

#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/placement.h"

#define HOST_SHARE_DIVISOR 32 /* about 3 % of a node, as much as kswapd's watermarks and slab want */

static const uint64_t pool_bytes[POOL_KINDS] = { 2 * MIB, GIB };

uint64_t host_share(const struct machine_node *node)
{
	return node->memory / HOST_SHARE_DIVISOR;
}

/* Page cache counts as available: it is given back without swapping. */
uint64_t node_available(const struct machine_node *node)
{
	return node->available > node->free ? node->available : node->free;
}

static const struct profile_pool *pool_of(const struct profile *profile, unsigned int node,
	uint64_t page_size)
{
	for (unsigned int i = 0; i < profile->pool_count; i++) {
		const struct profile_pool *pool = &profile->pools[i];

		if (pool->page_size == page_size &&
		    (pool->node == PROFILE_ALL_NODES || pool->node == (int)node))
			return pool;
	}
	return NULL;
}

static void take_down(uint64_t *from, uint64_t amount)
{
	*from -= amount < *from ? amount : *from;
}

/* The pool as it will be: what the profile asks for is made before any guest starts. */
static void init_pool(struct room *room, const struct profile *profile, int kind)
{
	const struct machine_pool *now = machine_pool_of(room->node, pool_bytes[kind]);
	const struct profile_pool *wanted = pool_of(profile, room->node->os, pool_bytes[kind]);
	uint64_t total = now ? now->total : 0;
	struct room_pool *pool = &room->pools[kind];

	pool->pages = now ? now->free : 0;
	if (!wanted || !room->node->memory)
		return;
	pool->fixed = !wanted->at_least;
	if (wanted->count > total) {
		take_down(&room->memory, (wanted->count - total) * pool_bytes[kind]);
		pool->pages += wanted->count - total;
	} else if (pool->fixed) {
		uint64_t before = pool->pages;

		take_down(&pool->pages, total - wanted->count);
		room->memory += (before - pool->pages) * pool_bytes[kind];
	}
}

static void init_room(struct room *room, const struct capacity *capacity, const struct profile *profile,
	const struct machine_node *node)
{
	*room = (struct room){ .node = node, .memory = node_available(node), .cpus = node->cpus };
	take_down(&room->memory, host_share(node));
	idset_intersect(&room->cpus, &capacity->usable);
	for (int kind = 0; kind < POOL_KINDS; kind++)
		init_pool(room, profile, kind);
}

/* Adds all CPUs of the cores that @cpus are on. */
static void add_cores(const struct machine *machine, const struct idset *cpus, struct idset *into)
{
	idset_for_each(id, cpus) {
		const struct machine_cpu *own = machine_cpu_of(machine, (unsigned int)id);

		for (unsigned int i = 0; own && i < machine->cpu_count; i++)
			if (machine->cpus[i].core == own->core)
				idset_add(into, machine->cpus[i].os);
	}
}

/* A vCPU is on each of its CPUs with the same likelihood; what it is busy was measured, or it is all. */
static void add_load(struct capacity *capacity, const struct guest_thread *thread, double busy)
{
	struct idset usable = thread->allowed;
	unsigned int all;

	idset_intersect(&usable, &capacity->usable);
	all = idset_count(&usable);
	for (unsigned int i = 0; all && i < capacity->room_count; i++) {
		struct room *room = &capacity->rooms[i];
		struct idset here = usable;
		double share;

		idset_intersect(&here, &room->cpus);
		share = (double)idset_count(&here) / all;
		room->foreign += share;
		room->busy += share * busy;
	}
}

/*
 * What guests outside of the profile use. CPUs that a vCPU is nailed to are not dedicated to others; a
 * vCPU with a choice will step aside. Guests that are kept where they are count among the profile's VMs,
 * but for the CPUs.
 */
static void count_foreign(struct capacity *capacity, const struct profile *profile,
	const struct guest *guest)
{
	double demand = guest->vcpu_count ? guest_demand(guest) / guest->vcpu_count : -1;
	const struct profile_vm *own = NULL;

	for (unsigned int i = 0; i < profile->vm_count && !own; i++)
		own = placement_is(&profile->vms[i], guest) ? &profile->vms[i] : NULL;
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];

		if (thread->kind != THREAD_VCPU || (own && own->placement != PLACE_KEEP))
			continue;
		if (idset_count(&thread->allowed) == 1)
			add_cores(capacity->machine, &thread->allowed, &capacity->claimed);
		if (!own)
			add_load(capacity, thread, demand < 0 || demand > 1 ? 1 : demand);
	}
}

/* CPUs that the profile gives to who shares them, and to I/O: those who may choose choose others. */
static void claim_named(struct capacity *capacity, const struct profile *profile)
{
	for (unsigned int i = 0; i < profile->vm_count; i++) {
		const struct profile_vm *vm = &profile->vms[i];

		idset_union(&capacity->io, &vm->io_cpus);
		for (unsigned int vcpu = 0; vcpu < vm->pin_count && !vm->dedicated; vcpu++)
			add_cores(capacity->machine, &vm->pins[vcpu], &capacity->claimed);
	}
}

void capacity_init(struct capacity *capacity, const struct profile *profile,
	const struct snapshot *snapshot)
{
	const struct machine *machine = snapshot->machine;

	*capacity = (struct capacity){ .machine = machine, .room_count = machine->node_count };
	capacity->usable = machine->online;
	if (!idset_empty(&machine->allowed))
		idset_intersect(&capacity->usable, &machine->allowed);
	capacity->rooms = xcalloc(machine->node_count, sizeof(*capacity->rooms));
	for (unsigned int i = 0; i < machine->node_count; i++)
		init_room(&capacity->rooms[i], capacity, profile, &machine->nodes[i]);
	claim_named(capacity, profile);
	for (unsigned int i = 0; i < snapshot->guests.count; i++)
		count_foreign(capacity, profile, &snapshot->guests.guests[i]);
}

void capacity_release(struct capacity *capacity)
{
	free(capacity->rooms);
	*capacity = (struct capacity){ 0 };
}

struct room *capacity_room(const struct capacity *capacity, int node)
{
	for (unsigned int i = 0; i < capacity->room_count; i++)
		if ((int)capacity->rooms[i].node->os == node)
			return &capacity->rooms[i];
	return NULL;
}

uint64_t page_choice_step(enum page_choice pages)
{
	return pages == PAGES_1G ? GIB : 2 * MIB;
}

uint64_t room_bytes(const struct room *room, enum page_choice pages)
{
	const struct room_pool *pool = &room->pools[pages == PAGES_1G ? POOL_1G : POOL_2M];
	uint64_t size = page_choice_bytes(pages);

	if (pages == PAGES_4K || pages == PAGES_THP)
		return room->memory;
	return pool->pages * size + (pool->fixed ? 0 : room->memory / size * size);
}

void room_take(struct room *room, enum page_choice pages, uint64_t bytes)
{
	struct room_pool *pool = &room->pools[pages == PAGES_1G ? POOL_1G : POOL_2M];
	uint64_t wanted = bytes / page_choice_bytes(pages), from_pool;

	if (pages == PAGES_4K || pages == PAGES_THP) {
		take_down(&room->memory, bytes);
		return;
	}
	from_pool = wanted < pool->pages ? wanted : pool->pages;
	pool->pages -= from_pool;
	take_down(&room->memory, (wanted - from_pool) * page_choice_bytes(pages));
}

void capacity_dedicate(struct capacity *capacity, const struct idset *cpus)
{
	idset_union(&capacity->dedicated, cpus);
	add_cores(capacity->machine, cpus, &capacity->fenced);
}

struct idset capacity_leftover(const struct capacity *capacity, const struct idset *mine)
{
	struct idset left = { 0 };

	add_cores(capacity->machine, mine, &left);
	idset_intersect(&left, &capacity->usable);
	idset_subtract(&left, &capacity->dedicated);
	return left;
}

struct idset room_shared_cpus(const struct capacity *capacity, const struct room *room)
{
	const struct idset *avoided[] = { &capacity->machine->isolated, &capacity->fenced };
	struct idset shared = room->cpus;

	idset_subtract(&shared, &capacity->dedicated);
	for (size_t i = 0; i < sizeof(avoided) / sizeof(avoided[0]); i++) {
		struct idset rest = shared;

		idset_subtract(&rest, avoided[i]);
		if (!idset_empty(&rest))
			shared = rest;
	}
	return shared;
}
