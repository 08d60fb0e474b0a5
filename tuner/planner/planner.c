/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of the steps, and how much effort each may take. */
#include "tuner/planner/planner.h"

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define WALK_VMS    64 /* with more of them a walk through all places comes nowhere */
#define EFFORT      3000000u
#define EFFORT_EACH 40u /* for each VM on each site */
#define SHARES      30u /* of the usual effort: windows and improvement, 1 + 2 + 4 + 8 each */
#define EXACT_SHARE 50u /* an exact search may take so many times the effort of an ordinary one */

/* Another seed for each round: seeds that differ in few bits begin alike. */
static uint64_t seed_of(uint64_t seed, unsigned int round)
{
	return (seed * 64 + round + 1) * 0x9e3779b97f4a7c15u;
}

/*
 * Rounds, each with twice the effort of the one before and none of them depending on how many there will be.
 * So more effort goes through the same placements and then some more: it never makes a plan worse.
 * True when the optimum is proven.
 */
static bool search(struct state *state, uint64_t share, uint64_t seed)
{
	static const double tolerances[] = { 4, 0.6 };
	unsigned int count = state->problem->vm_count, vms[WALK_VMS];
	bool few = count <= WALK_VMS;

	for (unsigned int i = 0; few && i < count; i++)
		vms[i] = i;
	for (unsigned int round = 0; state->effort < state->limit; round++) {
		uint64_t effort = share << round;

		if (few && state->unplaced)
			repair(state, vms, count, effort);
		if (few && windows(state, effort, seed_of(seed, round)))
			return true;
		improve(state, effort, tolerances[round % 2], seed_of(seed, round));
	}
	return false;
}

static bool prove(struct state *state, uint64_t effort)
{
	unsigned int count = state->problem->vm_count, vms[WALK_VMS];

	if (count > WALK_VMS)
		return false;
	for (unsigned int i = 0; i < count; i++)
		vms[i] = i;
	state->limit = state->effort + effort;
	return exact(state, vms, count, effort);
}

uint64_t planner_effort(const struct planner_problem *problem)
{
	return EFFORT + EFFORT_EACH * (uint64_t)problem->vm_count * problem->site_count;
}

void planner_solve(const struct planner_problem *problem, const struct planner_options *options,
	struct planner_result *result)
{
	uint64_t usual = planner_effort(problem), effort = options->effort ? options->effort : usual;
	struct state state;

	*result = (struct planner_result){ 0 };
	result->placements = xcalloc(all_vms(problem) + 1, sizeof(*result->placements));
	state_init(&state, problem);
	construct(&state);
	result->constructed = state.unplaced ? 0 : state_total(&state);
	state.limit = state.effort + effort;
	result->proven = search(&state, usual / SHARES, options->seed) ||
		(options->exact && prove(&state, effort * EXACT_SHARE));
	if (options->cut)
		cut_anew(&state);
	write_down(&state, result);
	if (options->others)
		find_others(&state, result);
	state_release(&state);
}
