/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The places of each VM: the shapes it may have, cut into its parts, as far as it could take them with none
 * but the fixed VMs there. They are worked out once, for the search looks at each of them many thousand times.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

/* Shapes that @vm may have: [*from, *until). */
static void shape_range(const struct planner_problem *problem, const struct shapes *shapes,
	const struct planner_vm *vm, unsigned int *from, unsigned int *until)
{
	*from = shapes->first[shapes_fewest(problem, vm)];
	*until = shapes->first[shapes_most(problem, vm) + 1];
}

void place_price(const struct state *state, unsigned int vm, struct place *place)
{
	double terms[PLANNER_TERMS];

	cost_of_place(state->problem, vm, place, terms);
	place->own = cost_sum(terms);
}

static void add_place(struct state *state, unsigned int vm, struct place place)
{
	if (!state_fits(state, vm, &place))
		return;
	place_price(state, vm, &place);
	state->places[vm][state->place_count[vm]++] = place;
}

unsigned int places_add(struct state *state, unsigned int vm, const struct place *place)
{
	unsigned int index = state->place_count[vm]++;

	state->cuts = xreallocarray(state->cuts, state->cut_count + 1, sizeof(struct planner_part *));
	state->cuts[state->cut_count] = copy_parts(place);
	state->places[vm] = xreallocarray(state->places[vm], index + 1, sizeof(*place));
	state->places[vm][index] = (struct place){ state->cuts[state->cut_count++], place->count, place->own };
	return index;
}

void places_init_fixed(struct state *state)
{
	const struct planner_problem *problem = state->problem;

	state->places = xcalloc(all_vms(problem) + 1, sizeof(struct place *));
	state->place_count = xcalloc(all_vms(problem) + 1, sizeof(*state->place_count));
	for (unsigned int vm = problem->vm_count; vm < all_vms(problem); vm++) {
		struct place *place = state->places[vm] = xcalloc(1, sizeof(*place));

		*place = (struct place){ .parts = problem->vms[vm].fixed, .count = problem->vms[vm].fixed_parts };
		place_price(state, vm, place);
		state->place_count[vm] = 1;
	}
}

void places_init(struct state *state)
{
	const struct planner_problem *problem = state->problem;
	unsigned int *from = xcalloc(problem->vm_count + 1, sizeof(*from));
	unsigned int *until = xcalloc(problem->vm_count + 1, sizeof(*until));
	struct planner_part *next;
	struct shapes shapes;
	size_t count = 0;

	shapes_init(&shapes, problem);
	for (unsigned int vm = 0; vm < problem->vm_count; vm++) {
		shape_range(problem, &shapes, &problem->vms[vm], &from[vm], &until[vm]);
		for (unsigned int i = from[vm]; i < until[vm]; i++)
			count += shapes.shapes[i].count;
	}
	state->parts = next = xcalloc(count + 1, sizeof(*next));
	for (unsigned int vm = 0; vm < problem->vm_count; vm++) {
		state->places[vm] = xcalloc(until[vm] - from[vm] + 1, sizeof(**state->places));
		for (unsigned int i = from[vm]; i < until[vm]; i++) {
			struct place place = { .parts = next };

			place.count = shape_parts(&shapes, i, &problem->vms[vm], next);
			next += place.count;
			add_place(state, vm, place);
		}
	}
	shapes_release(&shapes);
	free(from);
	free(until);
}

void places_release(struct state *state)
{
	for (unsigned int i = 0; i < all_vms(state->problem); i++)
		free(state->places[i]);
	free(state->places);
	free(state->place_count);
	free(state->parts);
	for (unsigned int i = 0; i < state->cut_count; i++)
		free(state->cuts[i]);
	free(state->cuts);
}
