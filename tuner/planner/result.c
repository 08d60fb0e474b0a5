/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the final state to a result that can be read: who is where, and who bears what of the cost. */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

/* The sums over all VMs of what a share of each of a node's terms is counted in. */
struct tenants {
	double all[PLANNER_TERMS];
};

/*
 * What a node's memory costs is shared out by bytes, what its CPUs cost by demand; who has CPUs to himself
 * neither waits for one nor has a sibling.
 */
static double weight_of(const struct planner_vm *vm, const struct planner_part *part, int term)
{
	if (term == PLANNER_FRAGMENTATION)
		return (double)part->bytes;
	if (vm->dedicated && (term == PLANNER_CONTENTION || term == PLANNER_SMT))
		return 0;
	return vm->demand * part->vcpus / vm->vcpus;
}

static unsigned int node_of(const struct planner_problem *problem, const struct planner_part *part, int term)
{
	const struct planner_site *site = &problem->sites[part->site];

	return term == PLANNER_FRAGMENTATION ? site->memory_node : site->cpu_node;
}

static void count_tenants(const struct planner_problem *problem, const struct planner_result *result,
	struct tenants *tenants)
{
	for (unsigned int i = 0; i < all_vms(problem); i++)
		for (unsigned int j = 0; j < result->placements[i].part_count; j++) {
			const struct planner_part *part = &result->placements[i].parts[j];

			for (int term = PLANNER_CONTENTION; term < PLANNER_TERMS; term++)
				tenants[node_of(problem, part, term)].all[term] +=
					weight_of(&problem->vms[i], part, term);
		}
}

static void add_share(const struct state *state, const struct tenants *tenants, const struct planner_vm *vm,
	const struct planner_part *part, double cost[PLANNER_TERMS])
{
	for (int term = PLANNER_CONTENTION; term < PLANNER_TERMS; term++) {
		unsigned int node = node_of(state->problem, part, term);
		double terms[PLANNER_TERMS];

		cost_of_node(state, node, &state->nodes[node], terms);
		if (tenants[node].all[term] > 0)
			cost[term] += terms[term] * weight_of(vm, part, term) / tenants[node].all[term];
	}
}

static void add_rest(const struct state *state, const struct tenants *tenants, double rest[PLANNER_TERMS])
{
	for (unsigned int i = 0; i < state->problem->node_count; i++) {
		double terms[PLANNER_TERMS];

		cost_of_node(state, i, &state->nodes[i], terms);
		for (int term = PLANNER_CONTENTION; term < PLANNER_TERMS; term++)
			if (!(tenants[i].all[term] > 0))
				rest[term] += terms[term];
	}
}

static void share_out(const struct state *state, struct planner_result *result)
{
	const struct planner_problem *problem = state->problem;
	struct tenants *tenants = xcalloc(problem->node_count + 1, sizeof(*tenants));

	count_tenants(problem, result, tenants);
	for (unsigned int i = 0; i < all_vms(problem); i++)
		for (unsigned int j = 0; j < result->placements[i].part_count; j++)
			add_share(state, tenants, &problem->vms[i], &result->placements[i].parts[j],
				result->placements[i].cost);
	add_rest(state, tenants, result->rest);
	free(tenants);
}

struct planner_part *copy_parts(const struct place *place)
{
	struct planner_part *copy = xcalloc(place->count, sizeof(*copy));

	memcpy(copy, place->parts, place->count * sizeof(*copy));
	return copy;
}

void write_down(const struct state *state, struct planner_result *result)
{
	const struct planner_problem *problem = state->problem;

	result->unplaced = state->unplaced;
	result->total = state_total(state);
	result->effort = state->effort;
	for (unsigned int i = 0; i < all_vms(problem); i++) {
		struct planner_placement *placement = &result->placements[i];
		const struct place *place;

		if (state->at[i] == NO_PLACE)
			continue;
		place = &state->places[i][state->at[i]];
		placement->parts = copy_parts(place);
		placement->part_count = place->count;
		cost_of_place(problem, i, place, placement->cost);
		/* The other one of each pair has the other half. */
		placement->cost[PLANNER_NEAR] = cost_near(state, i, place) / 2;
	}
	share_out(state, result);
}

void planner_result_release(struct planner_result *result, const struct planner_problem *problem)
{
	for (unsigned int i = 0; result->placements && i < all_vms(problem); i++) {
		free(result->placements[i].parts);
		free(result->placements[i].other);
	}
	free(result->placements);
	*result = (struct planner_result){ 0 };
}
