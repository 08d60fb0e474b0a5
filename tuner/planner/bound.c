/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the VMs that have no place yet must cost the nodes at least, wherever they go. Each function
 * gives its VMs more freedom than they have: they may be cut into drops.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

/*
 * Who shares adds no less when more load is there or fewer CPUs are left. Dedicated vCPUs neither, but that
 * giving away the last of C CPUs leaves half a one to those who share, so that all together take
 * C - 0.5 of them while each by itself may have counted on one whole.
 */
double bound_waiting(const struct state *state, unsigned int vm, unsigned int node)
{
	double cpus = cost_shared_cpus(&state->problem->nodes[node], &state->nodes[node]);

	if (!state->problem->vms[vm].dedicated)
		return 1;
	return cpus > BETWEEN_THREADS ? 1 - BETWEEN_THREADS / cpus : 0;
}

/*
 * The squares of pressures grow least when what is still to come is poured in like water, up to the same
 * level of pressure a CPU everywhere.
 */
double bound_interference(const struct state *state, double pressure)
{
	const struct planner_problem *problem = state->problem;
	double level = 0, sum = 0;
	bool grown = true;

	/* Nodes above the level are left out, until no further one is. */
	for (unsigned int round = 0; grown && round <= problem->node_count; round++) {
		double before = level, cpus = 0, inside = 0;

		for (unsigned int i = 0; i < problem->node_count; i++)
			if (problem->nodes[i].cpus &&
			    (!round || state->nodes[i].pressure / problem->nodes[i].cpus < before)) {
				cpus += problem->nodes[i].cpus;
				inside += state->nodes[i].pressure;
			}
		level = cpus > 0 ? (inside + pressure) / cpus : 0;
		grown = !round || level < before;
	}
	for (unsigned int i = 0; i < problem->node_count; i++) {
		const struct planner_node *node = &problem->nodes[i];

		if (state->nodes[i].pressure < level * node->cpus)
			sum += cost_interference(node, level * node->cpus) -
				cost_interference(node, state->nodes[i].pressure);
	}
	return sum;
}

/* A node's memory: so much can be added, at so much a byte. */
struct room {
	double bytes, price;
};

static int cheapest_first(const void *a, const void *b)
{
	const struct room *left = a, *right = b;

	return left->price < right->price ? -1 : left->price > right->price;
}

static double room_left(const struct planner_node *node, const struct node_state *on)
{
	double bytes = (double)node->memory;

	for (int i = 0; i < PLANNER_SOURCES; i++)
		bytes += (i == PLANNER_MEMORY ? 0 : (double)node->pool[i]) - (double)on->used[i];
	return bytes > 0 ? bytes : 0;
}

/*
 * The cost of pieces is a concave function of what is used, so it is nowhere below the straight line
 * from what it is now to what it is when the node is full. The bytes still to come take the cheapest of
 * these lines. Stranded memory and CPUs may come to nothing.
 */
double bound_fragmentation(const struct state *state, double bytes)
{
	const struct planner_problem *problem = state->problem;
	struct room *rooms = xcalloc(problem->node_count, sizeof(*rooms));
	double sum = 0;

	for (unsigned int i = 0; i < problem->node_count; i++) {
		const struct planner_node *node = &problem->nodes[i];
		double now, full;

		if (!node->total)
			continue;
		rooms[i].bytes = room_left(node, &state->nodes[i]);
		now = cost_pieces(state, i, cost_memory_used(node, &state->nodes[i], 0));
		full = cost_pieces(state, i, cost_memory_used(node, &state->nodes[i], rooms[i].bytes));
		rooms[i].price = rooms[i].bytes > 0 ? (full - now) / rooms[i].bytes : 0;
		sum += now;
	}
	qsort(rooms, problem->node_count, sizeof(*rooms), cheapest_first);
	for (unsigned int i = 0; i < problem->node_count && bytes > 0; i++) {
		double some = bytes < rooms[i].bytes ? bytes : rooms[i].bytes;

		sum += some * rooms[i].price;
		bytes -= some;
	}
	free(rooms);
	return sum;
}
