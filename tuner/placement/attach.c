/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests of others, which run already and may be placed. Where their pages are is known from the
 * snapshot; the plan moves those that lie elsewhere, so memory counts as for a guest that will be
 * started, with what it has given back first.
 */
#include "tuner/placement/placement.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/size.h"
#include "lib/xalloc.h"

/* What of the guest's memory lies in a room. */
static uint64_t own_bytes(const struct request *request, const struct capacity *capacity,
	const struct room *room)
{
	size_t index = (size_t)(room - capacity->rooms); /* rooms are as the machine's nodes */

	return request->guest && request->guest->node_bytes && index < request->guest->node_count
		? request->guest->node_bytes[index] : 0;
}

void attach_credit(const struct request *request, struct capacity *capacity)
{
	enum page_choice pages = request->vm->pages;

	for (unsigned int i = 0; i < capacity->room_count; i++) {
		struct room *room = &capacity->rooms[i];
		uint64_t own = own_bytes(request, capacity, room);

		if (page_choice_bytes(pages) > 4 * KIB)
			room->pools[pages == PAGES_1G ? POOL_1G : POOL_2M].pages +=
				own / page_choice_bytes(pages);
		else
			room->memory += own;
	}
}

/* Every node has vCPUs, and every vCPU a node. */
static bool nodes_known(const struct guest *guest, unsigned int vcpus)
{
	unsigned int known = 0;

	for (unsigned int i = 0; i < guest_node_count(guest); i++) {
		struct idset own = guest_node_vcpus(guest, i);

		if (idset_empty(&own))
			return false;
		known += idset_count(&own);
	}
	return known == vcpus;
}

void attach_split(struct request *request)
{
	const struct guest *guest = request->vm->attach ? request->guest : NULL;
	uint64_t step = page_choice_step(request->vm->pages);

	if (!guest || request->home_count < 2 || guest_node_count(guest) != request->home_count ||
		!nodes_known(guest, request->vm->vcpus))
		return;
	for (unsigned int i = 0; i < request->home_count; i++) {
		request->homes[i].vcpus = guest_node_vcpus(guest, i);
		request->homes[i].bytes = guest_node_bytes(guest, i) / step * step;
	}
	request_why(request, "each of its %u nodes goes to one, vCPUs and memory together", request->home_count);
}

int attach_take_memory(const struct request *request, struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;

	for (unsigned int i = 0; i < request->home_count; i++) {
		const struct home *home = &request->homes[i];
		uint64_t has = room_bytes(home->memory, vm->pages);
		uint64_t own = own_bytes(request, capacity, home->memory);

		if (has < home->bytes && own < home->bytes && vm->placement != PLACE_KEEP)
			return profile_fault(&vm->at_attach, &vm->at, err, "%s needs %" PRIu64 "M on node %u; "
				"it has %" PRIu64 "M there and can have %" PRIu64 "M", vm->name,
				home->bytes / MIB, home->memory->node->os, own / MIB, has / MIB);
		room_take(home->memory, vm->pages, home->bytes);
	}
	return 0;
}

/*
 * What lies on none of its nodes comes in. With several nodes each takes what has its place there by
 * address, which is not known here: at most all of it.
 */
void attach_incoming(const struct request *request, const struct capacity *capacity)
{
	struct placed_vm *placed = request->placed;
	uint64_t wrong = 0;

	placed->leaving = xcalloc(capacity->room_count, sizeof(*placed->leaving));
	for (unsigned int i = 0; i < capacity->room_count; i++)
		if (!placed_on(placed, capacity->rooms[i].node->os)) {
			placed->leaving[i] = own_bytes(request, capacity, &capacity->rooms[i]);
			wrong += placed->leaving[i];
		}
	for (unsigned int i = 0; i < placed->node_count; i++)
		placed->nodes[i].incoming = placed->node_count > 1 && wrong > placed->nodes[i].memory
			? placed->nodes[i].memory : wrong;
}

static struct room *most_memory(const struct request *request, const struct capacity *capacity,
	uint64_t *bytes, uint64_t *all)
{
	struct room *best = NULL;

	*bytes = *all = 0;
	for (unsigned int i = 0; i < capacity->room_count; i++) {
		uint64_t own = own_bytes(request, capacity, &capacity->rooms[i]);

		*all += own;
		if (own > *bytes) {
			*bytes = own;
			best = &capacity->rooms[i];
		}
	}
	return best;
}

/* The first home gets all vCPUs: which node each is nearest to is not ours to say. */
static void add_still(struct request *request, const struct capacity *capacity, struct room *room,
	uint64_t bytes)
{
	struct home home = { .cpu = nearest_room(capacity, room, false), .memory = room };

	home.bytes = bytes;
	for (unsigned int vcpu = 0; !request->home_count && vcpu < request->vm->vcpus; vcpu++)
		idset_add(&home.vcpus, vcpu);
	request->homes = xreallocarray(request->homes, request->home_count + 1, sizeof(home));
	request->homes[request->home_count++] = home;
}

int place_still(struct request *request, struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	uint64_t bytes, all;
	struct room *most = most_memory(request, capacity, &bytes, &all);

	if (!most && capacity->room_count)
		most = nearest_room(capacity, &capacity->rooms[0], true);
	if (!most || !nearest_room(capacity, most, false))
		return profile_fault(&vm->at_attach, &vm->at, err, "%s: this host has no CPUs or no memory",
			vm->name);
	add_still(request, capacity, most, all ? bytes : vm->memory);
	for (unsigned int i = 0; i < capacity->room_count; i++) {
		uint64_t own = own_bytes(request, capacity, &capacity->rooms[i]);

		if (own && &capacity->rooms[i] != most)
			add_still(request, capacity, &capacity->rooms[i], own);
	}
	for (unsigned int vcpu = 0; vcpu < vm->vcpus; vcpu++)
		request->placed->pins[vcpu] = request->kept[vcpu];
	request_why(request, "is left where it is");
	return 0;
}
