/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing nodes for the VMs that may live anywhere, all of them together: the planner says where, this
 * file turns its answer into homes, and its figures into reasons. A VM that found no place is tried
 * again with all others fixed, because then its parts are cut from what is left; when that does not
 * help, the profile is refused with what each node could give.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/problem.h"

/* ---- reasons ---------------------------------------------------------------------------------- */

/* The most that one node has for a VM. */
struct most {
	uint64_t bytes, alone; /* alone: of nodes without CPUs */
	unsigned int cpus;     /* of nodes with memory */
};

static struct most find_most(const struct capacity *capacity, const struct profile_vm *vm)
{
	struct most most = { 0 };

	for (unsigned int i = 0; i < capacity->room_count; i++) {
		const struct room *room = &capacity->rooms[i];
		unsigned int cpus = vm->dedicated ? cores_free(capacity, room) : idset_count(&room->cpus);
		uint64_t bytes = room_bytes(room, vm->pages), *kind = idset_empty(&room->cpus) ? &most.alone : &most.bytes;

		*kind = bytes > *kind ? bytes : *kind;
		most.cpus = room->node->memory && cpus > most.cpus ? cpus : most.cpus;
	}
	return most;
}

/*
 * Why it is not in one piece: what no node with CPUs and memory of its own has enough of, for what fits into
 * one of these is not split (docs/placement.md). @capacity is as the planner saw it.
 */
static void explain_split(struct request *request, const struct capacity *capacity)
{
	const struct profile_vm *vm = request->vm;
	struct most most = find_most(capacity, vm);
	bool memory = most.bytes < vm->memory, cpus = most.cpus < vm->vcpus;
	struct idset nodes = { 0 };
	char list[128], size[SIZE_TEXT_MAX], text[PLACEMENT_TEXT] = "none has both the memory and the CPUs";
	int used = 0;

	for (unsigned int i = 0; i < request->home_count; i++)
		idset_add(&nodes, request->homes[i].memory->node->os);
	if (memory)
		used = snprintf(text, sizeof(text), "%s do not fit into one%s (%" PRIu64 "M are free at most)",
			size_format(size, vm->memory), most.alone > most.bytes ? " with CPUs" : "", most.bytes / MIB);
	if (cpus)
		snprintf(text + used, sizeof(text) - (size_t)used, "%s%u vCPUs are more than the %u CPUs of one",
			memory ? ", and " : "", vm->vcpus, most.cpus);
	request_why(request, "split over nodes %s: %s", idset_format(&nodes, list, sizeof(list)), text);
}

static void explain_devices(struct request *request, const struct machine *machine)
{
	for (unsigned int i = 0; i < request->vm->near_count; i++) {
		const struct machine_device *device = machine_device_of(machine, request->vm->near[i]);

		if (device->node == MACHINE_NO_NODE)
			request_why(request, "the node of %s is not known", request->vm->near[i]);
		else
			request_why(request, "%s is on node %d", request->vm->near[i], device->node);
	}
}

static void explain(struct request *request)
{
	const struct home *home = &request->homes[0];
	const struct profile_vm *vm = request->vm;

	if (request->home_count == 1)
		request_why(request, "fits into node %u (%" PRIu64 "M of %" PRIu64 "M free)%s", home->memory->node->os,
			home->bytes / MIB, room_bytes(home->memory, vm->pages) / MIB,
			home->cpu == home->memory ? "" : ", whose CPUs are another node's");
	if (vm->guest_nodes > request->home_count)
		request_why(request, "%u guest node%s would fit better, for it lies on %u", request->home_count,
			request->home_count == 1 ? "" : "s", request->home_count);
}

/* "nodes 0,2" or "CPUs of node 0 with memory of node 2". Returns @buf. */
static const char *parts_text(const struct placement_problem *problem, const struct planner_part *parts,
	unsigned int count, char buf[PLACEMENT_TEXT])
{
	const struct home *first = &problem->homes[parts[0].site];
	struct idset nodes = { 0 };
	char list[PLACEMENT_TEXT - 8];

	for (unsigned int i = 0; i < count; i++)
		idset_add(&nodes, problem->homes[parts[i].site].memory->node->os);
	if (count == 1 && first->cpu != first->memory)
		snprintf(buf, PLACEMENT_TEXT, "CPUs of node %u with memory of node %u", first->cpu->node->os,
			first->memory->node->os);
	else
		snprintf(buf, PLACEMENT_TEXT, "node%s %s", count > 1 ? "s" : "",
			idset_format(&nodes, list, sizeof(list)));
	return buf;
}

/* What the best other place would cost more, and by which term most of it. */
static void explain_other(struct request *request, const struct placement_problem *problem,
	const struct planner_placement *placement)
{
	double sum = 0;
	int most = 0;
	char text[PLACEMENT_TEXT];

	if (!placement->other)
		return;
	for (int term = 0; term < PLANNER_TERMS; term++) {
		sum += placement->more[term];
		most = placement->more[term] > placement->more[most] ? term : most;
	}
	parts_text(problem, placement->other, placement->other_count, text);
	if (sum < LOSS_WORTH_TELLING)
		request_why(request, "%s would do as well", text);
	else
		request_why(request, "%s would lose %.2f vCPUs more, by %s", text, sum, planner_term_name(most));
}

/* ---- from the answer to homes ----------------------------------------------------------------- */

/* A guest that has its memory already takes none; where it is said to be follows the vCPUs. */
static uint64_t home_bytes(const struct profile_vm *vm, const struct planner_placement *placement, unsigned int index)
{
	uint64_t step = page_choice_step(vm->pages), bytes = 0;
	double weights[PLANNER_PARTS_MAX];

	for (unsigned int i = 0; i < placement->part_count; i++) {
		bytes += placement->parts[i].bytes;
		weights[i] = placement->parts[i].vcpus;
	}
	return bytes ? placement->parts[index].bytes
		     : planner_part(vm->memory / step, weights, placement->part_count, index) * step;
}

static void set_homes(struct request *request, const struct placement_problem *problem,
	const struct planner_placement *placement)
{
	unsigned int next = 0;

	request->home_count = placement->part_count;
	request->homes = xcalloc(placement->part_count, sizeof(*request->homes));
	for (unsigned int i = 0; i < placement->part_count; i++) {
		const struct planner_part *part = &placement->parts[i];
		struct home *home = &request->homes[i];

		*home = problem->homes[part->site];
		home->bytes = home_bytes(request->vm, placement, i);
		for (unsigned int vcpu = 0; vcpu < part->vcpus; vcpu++)
			idset_add(&home->vcpus, next++);
	}
}

/* Gives figures to all that have a place, and homes to whom the planner found one. */
static void set_places(const struct placement_problem *problem, const struct planner_result *result,
	const struct capacity *capacity)
{
	for (unsigned int i = 0; i < problem->planner.vm_count + problem->planner.fixed_count; i++) {
		const struct planner_placement *placement = &result->placements[i];
		struct request *request = problem->requests[i];

		if (!placement->part_count)
			continue;
		memcpy(request->placed->lost, placement->cost, sizeof(request->placed->lost));
		if (i >= problem->planner.vm_count)
			continue;
		set_homes(request, problem, placement);
		if (request->home_count > 1)
			explain_split(request, capacity);
	}
}

/* One after another takes what its homes need. Returns how many did, or negative with @err. */
static int take_places(const struct placement_problem *problem, const struct planner_result *result,
	struct capacity *capacity, struct error *err)
{
	int placed = 0, rc = 0;

	for (unsigned int i = 0; rc == 0 && i < problem->planner.vm_count; i++) {
		struct request *request = problem->requests[i];

		if (!request->home_count)
			continue;
		explain(request);
		explain_devices(request, capacity->machine);
		explain_other(request, problem, &result->placements[i]);
		rc = request_take(request, capacity, err);
		placed++;
	}
	return rc < 0 ? rc : placed;
}

/* Asks the planner once. Returns how many VMs got a place, or negative with @err. */
static int place_round(struct request **requests, unsigned int count, struct capacity *capacity, struct error *err)
{
	const struct planner_options options = { .cut = true, .others = true };
	struct placement_problem problem;
	struct planner_result result;
	int rc = placement_problem_init(&problem, requests, count, capacity, err);

	if (rc == 0) {
		planner_solve(&problem.planner, &options, &result);
		set_places(&problem, &result, capacity);
		rc = take_places(&problem, &result, capacity, err);
		planner_result_release(&result, &problem.planner);
	}
	placement_problem_release(&problem);
	return rc;
}

static struct request *homeless(struct request **requests, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!requests[i]->home_count)
			return requests[i];
	return NULL;
}

int place_auto(struct request **requests, unsigned int count, struct capacity *capacity, struct error *err)
{
	const struct request *left;
	int placed;

	/* Once in any case: the fixed ones shall know what they lose. */
	do {
		placed = place_round(requests, count, capacity, err);
		left = homeless(requests, count);
	} while (placed > 0 && left);
	if (placed < 0)
		return placed;
	if (left)
		return placement_refuse(left, requests, count, capacity, err);
	placement_tell_broken(requests, count, capacity);
	return 0;
}
