/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of the steps, and from the final state to a result that can be read. */
#include "tuner/planner/planner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define REPAIR_VMS  64 /* with more of them a walk through all shapes comes nowhere */
#define EXACT_SHARE 50 /* an exact search may take so many times the effort of an ordinary one */

/* What all VMs together have on a node: busy vCPUs and bytes. */
struct tenants {
	double demand, bytes;
};

static double part_demand(const struct planner_vm *vm, const struct planner_part *part)
{
	return vm->demand * part->vcpus / vm->vcpus;
}

static void count_tenants(const struct planner_problem *problem, const struct planner_result *result,
	struct tenants *tenants)
{
	for (unsigned int i = 0; i < problem->vm_count + problem->fixed_count; i++)
		for (unsigned int j = 0; j < result->placements[i].part_count; j++) {
			const struct planner_part *part = &result->placements[i].parts[j];

			tenants[problem->sites[part->site].cpu_node].demand +=
				part_demand(&problem->vms[i], part);
			tenants[problem->sites[part->site].memory_node].bytes += (double)part->bytes;
		}
}

/* A part's share of the terms of its nodes: by demand on the CPUs, by bytes on the memory. */
static void add_share(const struct state *state, const struct tenants *tenants, const struct planner_vm *vm,
	const struct planner_part *part, double cost[PLANNER_TERMS])
{
	const struct planner_site *site = &state->problem->sites[part->site];
	double terms[PLANNER_TERMS];

	cost_of_node(state, site->cpu_node, terms);
	for (int term = PLANNER_CONTENTION; term < PLANNER_FRAGMENTATION; term++)
		if (tenants[site->cpu_node].demand > 0)
			cost[term] += terms[term] * part_demand(vm, part) / tenants[site->cpu_node].demand;
	cost_of_node(state, site->memory_node, terms);
	if (tenants[site->memory_node].bytes > 0)
		cost[PLANNER_FRAGMENTATION] += terms[PLANNER_FRAGMENTATION] * (double)part->bytes /
			tenants[site->memory_node].bytes;
}

static void share_out(const struct state *state, struct planner_result *result)
{
	const struct planner_problem *problem = state->problem;
	struct tenants *tenants = xcalloc(problem->node_count + 1, sizeof(*tenants));

	count_tenants(problem, result, tenants);
	for (unsigned int i = 0; i < problem->vm_count + problem->fixed_count; i++)
		for (unsigned int j = 0; j < result->placements[i].part_count; j++)
			add_share(state, tenants, &problem->vms[i], &result->placements[i].parts[j],
				result->placements[i].cost);
	free(tenants);
}

struct planner_part *copy_parts(const struct planner_part *parts, unsigned int count)
{
	struct planner_part *copy = xcalloc(count, sizeof(*copy));

	memcpy(copy, parts, count * sizeof(*copy));
	return copy;
}

static void write_down(const struct state *state, struct planner_result *result)
{
	const struct planner_problem *problem = state->problem;

	result->unplaced = state->unplaced;
	result->total = state_total(state);
	result->effort = state->effort;
	for (unsigned int i = 0; i < problem->vm_count + problem->fixed_count; i++) {
		struct planner_placement *placement = &result->placements[i];
		struct planner_part parts[PLANNER_PARTS_MAX];

		if (!state_placed(state, i))
			continue;
		placement->part_count = state_parts(state, i, parts);
		placement->parts = copy_parts(parts, placement->part_count);
		cost_of_parts(state, i, parts, placement->part_count, placement->cost);
	}
}

void planner_solve(const struct planner_problem *problem, const struct planner_options *options,
	struct planner_result *result)
{
	uint64_t effort = options->effort ? options->effort : PLANNER_EFFORT;
	struct shapes shapes;
	struct state state;

	*result = (struct planner_result){ 0 };
	result->placements = xcalloc(problem->vm_count + problem->fixed_count + 1, sizeof(*result->placements));
	shapes_init(&shapes, problem);
	state_init(&state, problem, &shapes);
	construct(&state);
	result->constructed = state.unplaced ? 0 : state_total(&state);
	if (problem->site_count > 1)
		improve(&state, effort, options->seed);
	if (state.unplaced && problem->vm_count <= REPAIR_VMS) {
		repair(&state, effort / 2);
		improve(&state, effort / 4, options->seed + 1);
	}
	if (options->exact)
		result->proven = exact(&state, effort * EXACT_SHARE);
	write_down(&state, result);
	share_out(&state, result);
	if (options->others)
		find_others(&state, result);
	state_release(&state);
	shapes_release(&shapes);
}

void planner_result_release(struct planner_result *result, const struct planner_problem *problem)
{
	for (unsigned int i = 0; result->placements && i < problem->vm_count + problem->fixed_count; i++) {
		free(result->placements[i].parts);
		free(result->placements[i].other);
	}
	free(result->placements);
	*result = (struct planner_result){ 0 };
}
