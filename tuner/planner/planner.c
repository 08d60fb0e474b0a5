/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of the steps, and from the final state to a result that can be read. */
#include "tuner/planner/planner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define REPAIR_VMS  64 /* with more of them a walk through all shapes comes nowhere */
#define EXACT_SHARE 50 /* an exact search may take so many times the effort of an ordinary one */

/* A node's terms are shared out to its VMs by the demand they have on its CPUs, or bytes on its memory. */
static void share_node(const struct state *state, unsigned int node, struct planner_result *result)
{
	const struct planner_problem *problem = state->problem;
	double terms[PLANNER_TERMS], demand = 0, bytes = 0;

	state_node_terms(state, node, terms);
	for (int pass = 0; pass < 2; pass++)
		for (unsigned int i = 0; i < problem->vm_count; i++) {
			const struct planner_vm *vm = &problem->vms[i];
			struct planner_placement *placement = &result->placements[i];

			for (unsigned int j = 0; j < placement->part_count; j++) {
				const struct planner_part *part = &placement->parts[j];
				const struct planner_site *site = &problem->sites[part->site];
				double own = site->cpu_node == node ? vm->demand * part->vcpus / vm->vcpus : 0;
				double held = site->memory_node == node ? (double)part->bytes : 0;

				if (pass == 0) {
					demand += own;
					bytes += held;
					continue;
				}
				for (int t = PLANNER_CONTENTION; t < PLANNER_FRAGMENTATION; t++)
					placement->cost[t] += demand > 0 ? terms[t] * own / demand : 0;
				placement->cost[PLANNER_FRAGMENTATION] +=
					bytes > 0 ? terms[PLANNER_FRAGMENTATION] * held / bytes : 0;
			}
		}
}

static void write_down(const struct state *state, struct planner_result *result)
{
	const struct planner_problem *problem = state->problem;

	result->unplaced = state->unplaced;
	result->total = state_total(state);
	result->effort = state->effort;
	for (unsigned int i = 0; i < problem->vm_count; i++) {
		struct planner_placement *placement = &result->placements[i];
		const struct shape *shape;

		if (state->shape[i] == NO_SHAPE)
			continue;
		shape = &state->shapes->shapes[state->shape[i]];
		placement->part_count = shape->count;
		placement->parts = xcalloc(shape->count, sizeof(*placement->parts));
		for (unsigned int j = 0; j < shape->count; j++)
			placement->parts[j] = shape_part(state->shapes, shape, &problem->vms[i], j);
		state_vm_terms(state, i, (unsigned int)state->shape[i], placement->cost);
	}
}

void planner_solve(const struct planner_problem *problem, const struct planner_options *options,
	struct planner_result *result)
{
	uint64_t effort = options->effort ? options->effort : PLANNER_EFFORT;
	struct shapes shapes;
	struct state state;

	*result = (struct planner_result){ 0 };
	result->placements = xcalloc(problem->vm_count + 1, sizeof(*result->placements));
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
	for (unsigned int i = 0; i < problem->node_count; i++)
		share_node(&state, i, result);
	state_release(&state);
	shapes_release(&shapes);
}

void planner_result_release(struct planner_result *result, unsigned int vm_count)
{
	for (unsigned int i = 0; result->placements && i < vm_count; i++)
		free(result->placements[i].parts);
	free(result->placements);
	*result = (struct planner_result){ 0 };
}
