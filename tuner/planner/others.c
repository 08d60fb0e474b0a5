/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the next best place of each VM would cost: the reason for the one it got. All others stay, the
 * VM alone is taken out and tried in every other shape.
 */
#include <string.h>

#include "tuner/planner/state.h"

/* All terms of the nodes, and of @vm where it is now. */
static void all_terms(const struct state *state, unsigned int vm, double sum[PLANNER_TERMS])
{
	double terms[PLANNER_TERMS];

	cost_of_vm(state, vm, (unsigned int)state->shape[vm], sum);
	for (unsigned int node = 0; node < state->problem->node_count; node++) {
		cost_of_node(state, node, terms);
		for (int term = 0; term < PLANNER_TERMS; term++)
			sum[term] += terms[term];
	}
}

/* Two shapes can be the same place: equal parts and parts by size of two sites that are alike. */
static bool same_parts(const struct state *state, unsigned int vm, unsigned int a, unsigned int b)
{
	struct planner_part left[PLANNER_PARTS_MAX] = { 0 }, right[PLANNER_PARTS_MAX] = { 0 };
	unsigned int count = shape_parts(state, vm, a, left);

	if (shape_parts(state, vm, b, right) != count)
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (left[i].site != right[i].site || left[i].vcpus != right[i].vcpus ||
		    left[i].bytes != right[i].bytes)
			return false;
	return true;
}

/* The best shape but @own, or NO_SHAPE; @vm has no place now. */
static int best_other(struct state *state, unsigned int vm, unsigned int own)
{
	double least = INFEASIBLE;
	int best = NO_SHAPE;

	for (unsigned int i = state->from[vm]; i < state->until[vm]; i++) {
		double cost = i == own ? INFEASIBLE : state_try(state, vm, i);

		if (cost >= least || same_parts(state, vm, i, own))
			continue;
		least = cost;
		best = (int)i;
	}
	return best;
}

static void find_other(struct state *state, unsigned int vm, struct planner_placement *placement)
{
	unsigned int own = (unsigned int)state->shape[vm];
	struct planner_part parts[PLANNER_PARTS_MAX];
	double now[PLANNER_TERMS], then[PLANNER_TERMS];
	int other;

	all_terms(state, vm, now);
	state_take(state, vm);
	other = best_other(state, vm, own);
	if (other != NO_SHAPE) {
		state_put(state, vm, (unsigned int)other);
		all_terms(state, vm, then);
		state_take(state, vm);
		placement->other_count = shape_parts(state, vm, (unsigned int)other, parts);
		placement->other = copy_parts(parts, placement->other_count);
		for (int term = 0; term < PLANNER_TERMS; term++)
			placement->more[term] = then[term] - now[term];
	}
	state_put(state, vm, own);
}

void find_others(struct state *state, struct planner_result *result)
{
	for (unsigned int vm = 0; vm < state->problem->vm_count; vm++)
		if (state_placed(state, vm))
			find_other(state, vm, &result->placements[vm]);
}
