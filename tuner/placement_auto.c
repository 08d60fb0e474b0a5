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
#include "tuner/placement_problem.h"

#define WORTH_TELLING 0.005 /* lost vCPUs: less is 0.00 when printed */

/* ---- refusing --------------------------------------------------------------------------------- */

/* How many vCPUs are on the CPUs, where one of them or @own sets a limit. */
static size_t tell_limit(const struct room *room, double own, char *text, size_t size)
{
	double limit = room->overcommit > 0 && (!(own > 0) || room->overcommit < own) ? room->overcommit : own;

	return limit > 0 ? (size_t)snprintf(text, size, " with %u vCPU%s on them and a limit of %g a CPU", room->load,
				   room->load == 1 ? "" : "s", limit) : 0;
}

/* What each node could give: "node 0: 300M and 1 CPU; node 1: ...". */
static void tell_rooms(const struct capacity *capacity, const struct profile_vm *vm, char *text, size_t size)
{
	uint64_t page = page_choice_bytes(vm->pages);
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < capacity->room_count && used + 1 < size; i++) {
		const struct room *room = &capacity->rooms[i];
		struct idset shared = room_shared_cpus(capacity, room);
		unsigned int cpus = vm->dedicated ? cores_free(capacity, room) : idset_count(&shared);
		uint64_t bytes = room_bytes(room, vm->pages);
		int length = page > 4 * KIB
			? snprintf(text + used, size - used, "%snode %u: %" PRIu64 " pages, %u CPU%s",
				used ? "; " : "", room->node->os, bytes / page, cpus, cpus == 1 ? "" : "s")
			: snprintf(text + used, size - used, "%snode %u: %" PRIu64 "M, %u CPU%s",
				used ? "; " : "", room->node->os, bytes / MIB, cpus, cpus == 1 ? "" : "s");

		used += (size_t)length;
		if (!vm->dedicated)
			used += tell_limit(room, vm->overcommit, text + used, used < size ? size - used : 0);
	}
}

/* The caller frees. */
static char *tell_group(const struct profile_vm *vm)
{
	return vm->apart ? xasprintf(", apart from the others of '%s'", vm->apart) : xstrdup("");
}

static int refuse(const struct request *request, const struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	uint64_t page = page_choice_bytes(vm->pages);
	char rooms[700], needs[96], *group = tell_group(vm);
	int rc;

	if (page > 4 * KIB)
		snprintf(needs, sizeof(needs), "%" PRIu64 " pages of %s", vm->memory / page,
			page_choice_name(vm->pages));
	else
		snprintf(needs, sizeof(needs), "%" PRIu64 "M of memory", vm->memory / MIB);
	tell_rooms(capacity, vm, rooms, sizeof(rooms));
	rc = profile_fault(&vm->at, &vm->at, err, "%s needs %s and %u %sCPU%s%s%s; left for it are %s", vm->name,
		needs, vm->vcpus, vm->dedicated ? "dedicated " : "", vm->vcpus == 1 ? "" : "s",
		vm->dedicated ? ", and one stays with the host and I/O" : "", group, rooms);
	free(group);
	return rc;
}

/* ---- reasons ---------------------------------------------------------------------------------- */

/* Why it is not in one piece: what no node has enough of. */
static void explain_split(struct request *request, const struct capacity *capacity)
{
	const struct profile_vm *vm = request->vm;
	uint64_t most_bytes = 0;
	unsigned int most_cpus = 0;
	struct idset nodes = { 0 };
	char list[128], size[SIZE_TEXT_MAX];

	for (unsigned int i = 0; i < request->home_count; i++)
		idset_add(&nodes, request->homes[i].memory->node->os);
	idset_format(&nodes, list, sizeof(list));
	for (unsigned int i = 0; i < capacity->room_count; i++) {
		const struct room *room = &capacity->rooms[i];
		unsigned int cpus = vm->dedicated ? cores_free(capacity, room) : idset_count(&room->cpus);
		uint64_t bytes = room_bytes(room, vm->pages);

		most_bytes = bytes > most_bytes ? bytes : most_bytes;
		most_cpus = cpus > most_cpus ? cpus : most_cpus;
	}
	if (most_bytes < vm->memory)
		request_why(request, "split over nodes %s: %s do not fit into one (%" PRIu64 "M are free at most)", list,
			size_format(size, vm->memory), most_bytes / MIB);
	else if (most_cpus < vm->vcpus)
		request_why(request, "split over nodes %s: %u vCPUs are more than the %u CPUs of one", list, vm->vcpus,
			most_cpus);
	else
		request_why(request, "split over nodes %s, which costs less than to crowd one", list);
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

static void explain(struct request *request, const struct capacity *capacity)
{
	const struct home *home = &request->homes[0];
	const struct profile_vm *vm = request->vm;

	if (request->home_count > 1)
		explain_split(request, capacity);
	else
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
	if (sum < WORTH_TELLING)
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

/* Gives homes to whom the planner found some, and figures to all that have any. Returns how many got homes. */
static unsigned int apply_result(const struct placement_problem *problem, const struct planner_result *result,
	struct capacity *capacity, struct error *err, int *rc)
{
	unsigned int placed = 0;

	for (unsigned int i = 0; *rc == 0 && i < problem->planner.vm_count + problem->planner.fixed_count; i++) {
		const struct planner_placement *placement = &result->placements[i];
		struct request *request = problem->requests[i];

		if (!placement->part_count)
			continue;
		memcpy(request->placed->lost, placement->cost, sizeof(request->placed->lost));
		if (i >= problem->planner.vm_count)
			continue;
		set_homes(request, problem, placement);
		explain(request, capacity);
		explain_devices(request, capacity->machine);
		explain_other(request, problem, placement);
		*rc = request_take(request, capacity, err);
		placed++;
	}
	return placed;
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
	const struct planner_options options = { .cut = true, .others = true };
	const struct request *left = NULL;
	unsigned int placed = 1;
	int rc = 0;

	/* Once in any case: the fixed ones shall know what they lose. */
	do {
		struct placement_problem problem;
		struct planner_result result;

		rc = placement_problem_init(&problem, requests, count, capacity, err);
		if (rc == 0) {
			planner_solve(&problem.planner, &options, &result);
			placed = apply_result(&problem, &result, capacity, err, &rc);
			planner_result_release(&result, &problem.planner);
		}
		placement_problem_release(&problem);
		left = homeless(requests, count);
	} while (rc == 0 && left && placed);
	return rc == 0 && left ? refuse(left, capacity, err) : rc;
}
