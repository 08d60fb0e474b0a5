/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the next best place of each VM would cost: the reason for the one it got. All others stay, the
 * VM alone is taken out and tried in every other place.
 */
#include <string.h>

#include "tuner/planner/state.h"

/* All terms of the nodes, and of @vm where it is now. */
static void all_terms(const struct state *state, unsigned int vm, double sum[PLANNER_TERMS])
{
	const struct place *place = &state->places[vm][state->at[vm]];

	cost_of_place(state->problem, vm, place, sum);
	sum[PLANNER_NEAR] += cost_near(state, vm, place);
	for (unsigned int node = 0; node < state->problem->node_count; node++) {
		double terms[PLANNER_TERMS];

		cost_of_node(state, node, &state->nodes[node], terms);
		for (int term = PLANNER_CONTENTION; term < PLANNER_TERMS; term++)
			sum[term] += terms[term];
	}
}

/* The same sites cut into other parts are no other place to people. */
static bool same_sites(const struct place *one, const struct place *other)
{
	if (one->count != other->count)
		return false;
	for (unsigned int i = 0; i < one->count; i++)
		if (one->parts[i].site != other->parts[i].site)
			return false;
	return true;
}

/* The best place on other sites than @own, or NO_PLACE; @vm has none now. */
static int best_other(struct state *state, unsigned int vm, unsigned int own)
{
	double least = INFEASIBLE;
	int best = NO_PLACE;

	for (unsigned int i = 0; i < state->place_count[vm]; i++) {
		double cost = state_try(state, vm, i);

		if (cost >= least || same_sites(&state->places[vm][i], &state->places[vm][own]))
			continue;
		least = cost;
		best = (int)i;
	}
	return best;
}

static void find_other(struct state *state, unsigned int vm, struct planner_placement *placement)
{
	unsigned int own = (unsigned int)state->at[vm];
	double now[PLANNER_TERMS], then[PLANNER_TERMS];
	int other;

	all_terms(state, vm, now);
	state_take(state, vm);
	other = best_other(state, vm, own);
	if (other != NO_PLACE) {
		state_put(state, vm, (unsigned int)other);
		all_terms(state, vm, then);
		state_take(state, vm);
		placement->other = copy_parts(&state->places[vm][other]);
		placement->other_count = state->places[vm][other].count;
		for (int term = 0; term < PLANNER_TERMS; term++)
			placement->more[term] = then[term] - now[term];
	}
	state_put(state, vm, own);
}

void find_others(struct state *state, struct planner_result *result)
{
	for (unsigned int vm = 0; vm < state->problem->vm_count; vm++)
		if (state->at[vm] != NO_PLACE)
			find_other(state, vm, &result->placements[vm]);
}
