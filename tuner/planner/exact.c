/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Depth first through every VM in every shape, the cheapest shape first. Repair stops at the first
 * placement of all VMs. The exact mode is branch and bound: it turns back where what is there already and
 * the least that the rest must cost (cost_bound, cost_least) reach the best placement known.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

struct choice {
	unsigned int shape;
	double cost;
};

struct tree {
	struct state *state;
	unsigned int *order;       /* VMs, hardest first */
	double *least, *pressure;  /* sums over the VMs from that depth on */
	uint64_t *bytes;
	int *best;
	double best_total;
	uint64_t limit;
	bool first;                /* the first placement will do */
	struct choice *choices;    /* one row a depth */
	unsigned int row;
};

static int cheapest_first(const void *a, const void *b)
{
	const struct choice *left = a, *right = b;

	if (left->cost < right->cost || left->cost > right->cost)
		return left->cost < right->cost ? -1 : 1;
	return left->shape < right->shape ? -1 : left->shape > right->shape;
}

static unsigned int list_choices(struct tree *tree, unsigned int vm, struct choice *choices)
{
	struct state *state = tree->state;
	unsigned int count = 0;

	for (unsigned int i = state->from[vm]; i < state->until[vm]; i++) {
		double cost = state_try(state, vm, i);

		if (cost < INFEASIBLE)
			choices[count++] = (struct choice){ i, cost };
	}
	qsort(choices, count, sizeof(*choices), cheapest_first);
	return count;
}

/* False when the search is to end before it has seen everything. */
static bool descend(struct tree *tree, unsigned int depth)
{
	struct state *state = tree->state;
	unsigned int vm, count;
	struct choice *choices;

	if (depth == state->problem->vm_count) {
		if (state_total(state) < tree->best_total) {
			tree->best_total = state_total(state);
			memcpy(tree->best, state->shape, depth * sizeof(*tree->best));
		}
		return !tree->first;
	}
	if (state->vm_cost + tree->least[depth] + cost_bound(state, tree->pressure[depth], tree->bytes[depth]) >=
	    tree->best_total - 1e-9)
		return true;
	if (state->effort > tree->limit)
		return false;
	vm = tree->order[depth];
	choices = tree->choices + (size_t)depth * tree->row;
	count = list_choices(tree, vm, choices);
	for (unsigned int i = 0; i < count; i++) {
		bool on;

		state_put(state, vm, choices[i].shape);
		on = descend(tree, depth + 1);
		state_take(state, vm);
		if (!on)
			return false;
	}
	return true;
}

static int by_memory(const void *a, const void *b, void *problem)
{
	const struct planner_vm *vms = ((const struct planner_problem *)problem)->vms;
	unsigned int left = *(const unsigned int *)a, right = *(const unsigned int *)b;

	if (vms[left].memory != vms[right].memory)
		return vms[left].memory > vms[right].memory ? -1 : 1;
	return left < right ? -1 : left > right;
}

static void prepare(struct tree *tree)
{
	const struct planner_problem *problem = tree->state->problem;
	unsigned int count = problem->vm_count;

	for (unsigned int i = 0; i < count; i++)
		tree->order[i] = i;
	qsort_r(tree->order, count, sizeof(*tree->order), by_memory, (void *)problem);
	for (unsigned int i = count; i-- > 0;) {
		const struct planner_vm *vm = &problem->vms[tree->order[i]];

		tree->least[i] = tree->least[i + 1] + cost_least(tree->state, tree->order[i]);
		tree->pressure[i] = tree->pressure[i + 1] + cost_pressure(vm, vm->vcpus);
		tree->bytes[i] = tree->bytes[i + 1] + vm->memory;
	}
}

static bool walk(struct state *state, uint64_t effort, bool first)
{
	unsigned int count = state->problem->vm_count;
	struct tree tree = { .state = state, .limit = state->effort + effort, .row = state->shapes->count,
		.first = first };
	bool proven;

	tree.order = xcalloc(count + 1, sizeof(*tree.order));
	tree.least = xcalloc(count + 1, sizeof(*tree.least));
	tree.pressure = xcalloc(count + 1, sizeof(*tree.pressure));
	tree.bytes = xcalloc(count + 1, sizeof(*tree.bytes));
	tree.best = xcalloc(count + 1, sizeof(*tree.best));
	tree.choices = xcalloc((size_t)(count + 1) * tree.row, sizeof(*tree.choices));
	prepare(&tree);
	/* What is known so far is the first bound; the tree is searched from nothing. */
	tree.best_total = state->unplaced ? INFEASIBLE : state_total(state) + 1e-9;
	memcpy(tree.best, state->shape, count * sizeof(*tree.best));
	for (unsigned int i = 0; i < count; i++)
		if (state->shape[i] != NO_SHAPE)
			state_take(state, i);
	proven = descend(&tree, 0);
	for (unsigned int i = 0; i < count; i++)
		if (tree.best[i] != NO_SHAPE)
			state_put(state, i, (unsigned int)tree.best[i]);
	free(tree.order);
	free(tree.least);
	free(tree.pressure);
	free(tree.bytes);
	free(tree.best);
	free(tree.choices);
	return proven;
}

bool exact(struct state *state, uint64_t effort)
{
	return walk(state, effort, false);
}

void repair(struct state *state, uint64_t effort)
{
	walk(state, effort, true);
}
