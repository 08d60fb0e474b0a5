/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last step: VMs in several parts are cut anew, into parts that are equal but for what the nodes have
 * no room for. Which these are is known only when the others have their places, so the search, whose
 * places are fixed beforehand, does without. A VM that found no place gets what becomes free that way.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define ROUNDS 3 /* through all VMs; what one gives up another may take */

/* Equal shares of @whole for the sites, none more than it has @left; false when all of it does not fit. */
static bool level(uint64_t whole, const uint64_t *left, unsigned int count, uint64_t *shares)
{
	bool full[PLANNER_PARTS_MAX] = { false };
	unsigned int open = count;

	for (bool again = true; again && open;) {
		again = false;
		for (unsigned int i = 0; i < count; i++)
			if (!full[i] && left[i] < whole / open + (whole % open != 0)) {
				shares[i] = left[i];
				whole -= left[i];
				full[i] = again = true;
				open--;
				break;
			}
	}
	for (unsigned int i = 0; i < count; i++)
		if (!full[i]) {
			shares[i] = whole / open + (whole % open != 0);
			whole -= shares[i];
			open--;
		}
	return !whole;
}

/* @vm on the sites of @like in such parts; false when one would be a splinter, less than half of an equal one. */
static bool cut(const struct state *state, unsigned int vm, const struct place *like, struct planner_part *parts)
{
	const struct planner_problem *problem = state->problem;
	const struct planner_vm *self = &problem->vms[vm];
	uint64_t left[PLANNER_PARTS_MAX], steps[PLANNER_PARTS_MAX];
	double weights[PLANNER_PARTS_MAX];

	for (unsigned int i = 0; i < like->count; i++)
		left[i] = state_left(state, problem->sites[like->parts[i].site].memory_node, self->source) / self->step;
	if (!level(self->memory / self->step, left, like->count, steps))
		return false;
	for (unsigned int i = 0; i < like->count; i++) {
		if (!steps[i] || steps[i] * like->count * 2 < self->memory / self->step)
			return false;
		weights[i] = (double)steps[i];
	}
	for (unsigned int i = 0; i < like->count; i++)
		parts[i] = (struct planner_part){ like->parts[i].site,
			(unsigned int)planner_part_some(self->vcpus, weights, like->count, i),
			steps[i] * self->step };
	return true;
}

/* Tries @vm, which has no place, cut anew on all sites it knows. The best such place, or count 0. */
static struct place best_cut(struct state *state, unsigned int vm, double *least, struct planner_part *best)
{
	struct place found = { .parts = best };

	for (unsigned int i = 0; i < state->place_count[vm]; i++) {
		struct planner_part parts[PLANNER_PARTS_MAX];
		struct place place = { parts, state->places[vm][i].count, 0 };
		double cost;

		if (place.count < 2 || !cut(state, vm, &state->places[vm][i], parts))
			continue;
		place_price(state, vm, &place);
		cost = state_try_place(state, vm, &place);
		if (cost >= *least - 1e-9)
			continue;
		*least = cost;
		memcpy(best, parts, place.count * sizeof(*parts));
		found.count = place.count;
		found.own = place.own;
	}
	return found;
}

static bool cut_vm(struct state *state, unsigned int vm)
{
	struct planner_part parts[PLANNER_PARTS_MAX];
	int was = state->at[vm];
	double least = INFEASIBLE;
	struct place place;

	if (was != NO_PLACE) {
		state_take(state, vm);
		least = state_try(state, vm, (unsigned int)was);
	}
	place = best_cut(state, vm, &least, parts);
	if (place.count)
		state_put(state, vm, places_add(state, vm, &place));
	else if (was != NO_PLACE)
		state_put(state, vm, (unsigned int)was);
	return place.count > 0;
}

static bool may_be_cut(const struct state *state, unsigned int vm)
{
	unsigned int count = state->place_count[vm];

	return state->problem->vms[vm].memory && count && state->places[vm][count - 1].count > 1;
}

/* Whether @vm finds a place when @large makes room and is cut to what is left then. */
static bool house_beside(struct state *state, unsigned int vm, unsigned int large)
{
	struct planner_part parts[PLANNER_PARTS_MAX];
	unsigned int was = (unsigned int)state->at[large];
	double least = INFEASIBLE;
	struct place place = { 0 };
	int best;

	state_take(state, large);
	best = state_best(state, vm, 0, NULL);
	if (best != NO_PLACE) {
		state_put(state, vm, (unsigned int)best);
		place = best_cut(state, large, &least, parts);
		if (!place.count)
			state_take(state, vm);
	}
	state_put(state, large, place.count ? places_add(state, large, &place) : was);
	return place.count > 0;
}

static void house(struct state *state, unsigned int vm)
{
	for (unsigned int large = 0; large < state->problem->vm_count; large++)
		if (large != vm && state->at[large] != NO_PLACE && may_be_cut(state, large) &&
		    house_beside(state, vm, large))
			return;
}

void cut_anew(struct state *state)
{
	unsigned int count = state->problem->vm_count;
	bool changed = true;

	for (unsigned int vm = 0; state->unplaced && vm < count; vm++)
		if (state->at[vm] == NO_PLACE)
			house(state, vm);
	for (unsigned int round = 0; changed && round < ROUNDS; round++) {
		changed = false;
		for (unsigned int vm = 0; vm < count; vm++)
			if (may_be_cut(state, vm))
				changed |= cut_vm(state, vm);
	}
}
