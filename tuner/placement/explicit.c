/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places the profile names. Nodes: equal parts on each. Pins: the CPUs are given, the memory goes
 * beside them.
 */
#include "tuner/placement/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/planner/planner.h"

static const char *node_list(const struct capacity *capacity, bool with_memory, char *buf)
{
	struct idset nodes = { 0 };

	for (unsigned int i = 0; i < capacity->room_count; i++)
		if (!with_memory || capacity->rooms[i].node->memory)
			idset_add(&nodes, capacity->rooms[i].node->os);
	return idset_empty(&nodes) ? "none" : idset_format(&nodes, buf, PLACEMENT_TEXT);
}

static int check_nodes(const struct profile_vm *vm, const struct capacity *capacity, struct error *err)
{
	char list[PLACEMENT_TEXT];

	idset_for_each(node, &vm->nodes) {
		const struct room *room = capacity_room(capacity, node);

		if (!room)
			return profile_fault(&vm->at_nodes, &vm->at, err, "%s: this host has no node %d; it has "
				"%s", vm->name, node, node_list(capacity, false, list));
		if (!room->node->memory)
			return profile_fault(&vm->at_nodes, &vm->at, err, "%s: node %d of this host has no "
				"memory; nodes with memory are %s", vm->name, node,
				node_list(capacity, true, list));
	}
	return 0;
}

/* Spread without need: accesses between its nodes would be none. */
static void tell_smaller(struct request *request, const struct capacity *capacity)
{
	const struct profile_vm *vm = request->vm;

	idset_for_each(node, &vm->nodes) {
		const struct room *room = capacity_room(capacity, node);
		unsigned int cpus = vm->dedicated ? cores_free(capacity, room) : idset_count(&room->cpus);

		if (request->home_count > 1 && room_bytes(room, vm->pages) >= vm->memory && cpus >= vm->vcpus) {
			request_why(request, "node %d alone would hold it, which is better", node);
			return;
		}
	}
}

int place_nodes(struct request *request, const struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	int rc = check_nodes(vm, capacity, err);
	unsigned int count = 0;
	struct home *homes;
	char list[PLACEMENT_TEXT];

	if (rc < 0)
		return rc;
	homes = xcalloc(idset_count(&vm->nodes), sizeof(*homes));
	idset_for_each(node, &vm->nodes) {
		struct room *room = capacity_room(capacity, node);

		homes[count].memory = room;
		homes[count++].cpu = nearest_room(capacity, room, false);
	}
	request_split(request, homes, NULL, count);
	attach_split(request);
	free(homes);
	request_why(request, "node%s %s as the profile says", count == 1 ? "" : "s",
		idset_format(&vm->nodes, list, sizeof(list)));
	tell_smaller(request, capacity);
	return 0;
}

/* The room that holds most of a set of CPUs. */
static struct room *room_of_cpus(const struct capacity *capacity, const struct idset *cpus)
{
	unsigned int most = 0;
	struct room *best = NULL;

	for (unsigned int i = 0; i < capacity->room_count; i++) {
		struct idset both = capacity->rooms[i].cpus;
		unsigned int count;

		idset_intersect(&both, cpus);
		count = idset_count(&both);
		if (count > most) {
			most = count;
			best = &capacity->rooms[i];
		}
	}
	return best;
}

static int check_pins(const struct request *request, const struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	char has[PLACEMENT_TEXT], bad[PLACEMENT_TEXT];

	for (unsigned int i = 0; i < vm->pin_count; i++) {
		struct idset outside = vm->pins[i];

		idset_subtract(&outside, &capacity->usable);
		if (!idset_empty(&outside))
			return profile_fault(&vm->at_pins, &vm->at, err, "%s: vCPU %u is pinned to host CPU %s, "
				"which cannot be used here; CPUs are %s", vm->name, i,
				idset_format(&outside, bad, sizeof(bad)),
				idset_format(&capacity->usable, has, sizeof(has)));
		outside = vm->pins[i];
		idset_intersect(&outside, &capacity->dedicated);
		if (vm->dedicated && !idset_empty(&outside))
			return profile_fault(&vm->at_pins, &vm->at, err, "%s: host CPU %s is dedicated to "
				"another VM already", vm->name, idset_format(&outside, bad, sizeof(bad)));
	}
	return 0;
}

/* A home on each room that pins lie in, with its vCPUs; memory beside it, not yet how much. */
static void find_pin_homes(struct request *request, const struct capacity *capacity)
{
	const struct profile_vm *vm = request->vm;

	request->homes = xcalloc(capacity->room_count + 1, sizeof(*request->homes));
	for (unsigned int i = 0; i < capacity->room_count; i++) {
		struct room *room = &capacity->rooms[i];
		struct home home = { .cpu = room, .memory = nearest_room(capacity, room, true) };

		for (unsigned int vcpu = 0; vcpu < vm->vcpus; vcpu++)
			if (room_of_cpus(capacity, &vm->pins[vcpu]) == room)
				idset_add(&home.vcpus, vcpu);
		if (!idset_empty(&home.vcpus))
			request->homes[request->home_count++] = home;
	}
}

static int check_pin_homes(const struct request *request, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	unsigned int count = request->home_count;

	if (vm->memory / page_choice_step(vm->pages) < count || count > PROFILE_NODES_MAX)
		return profile_fault(&vm->at_memory, &vm->at, err, "%s: the pins lie on %u nodes; %" PRIu64
			"M of memory cannot be spread over them", vm->name, count, vm->memory / MIB);
	if (vm->guest_nodes && vm->guest_nodes < count)
		return profile_fault(&vm->at_guest_nodes, &vm->at, err, "%s: the pins lie on %u host nodes; "
			"leave guest_nodes out, or write %u", vm->name, count, count);
	return 0;
}

/* Memory goes to the nodes of the CPUs, in proportion to the vCPUs on each. */
static void spread_memory(struct request *request)
{
	uint64_t step = page_choice_step(request->vm->pages), steps = request->vm->memory / step;
	double weights[PROFILE_NODES_MAX];
	unsigned int count = request->home_count;

	for (unsigned int i = 0; i < count; i++)
		weights[i] = idset_count(&request->homes[i].vcpus);
	for (unsigned int i = 0; i < count; i++)
		request->homes[i].bytes = planner_part_some(steps, weights, count, i) * step;
}

int place_pins(struct request *request, struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	int rc = check_pins(request, capacity, err);
	char list[PLACEMENT_TEXT];
	struct idset all = { 0 };

	if (rc < 0)
		return rc;
	find_pin_homes(request, capacity);
	rc = check_pin_homes(request, err);
	if (rc < 0)
		return rc;
	spread_memory(request);
	for (unsigned int vcpu = 0; vcpu < vm->vcpus; vcpu++) {
		request->placed->pins[vcpu] = vm->pins[vcpu];
		idset_union(&all, &vm->pins[vcpu]);
	}
	if (vm->dedicated)
		capacity_dedicate(capacity, &all);
	request_why(request, "pinned to %s by the profile", placement_cpu_text(&all, list));
	return 0;
}
