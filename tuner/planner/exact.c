/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Depth first through every VM in every place. Next comes the VM that has the fewest places left, and its
 * cheapest place first. Repair stops at the first placement of all VMs. The exact mode is branch and bound:
 * it turns back where the best placement known cannot be beaten any more.
 *
 * The bound adds up what is spent and, for each VM without a place, the least that it would add now. That
 * is valid for terms that a VM raises by no less when other VMs came before it: contention and smt
 * are convex in the load and grow faster the fewer CPUs there are (bound_waiting()), interference is a square.
 * For interference the larger one of that sum and bound_interference() counts, for the squares of VMs
 * on one node hold their product, too. Fragmentation has a bound of its own. A place that lifts the
 * bound over the best placement is given up below there, too.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

/* A bound, or what a VM adds to it: interference by itself in the one, left out in the other. */
struct sure {
	double with, without;
};

/* A VM in a place now: what it adds, INFEASIBLE where it cannot be, and how much of it is sure. */
struct look {
	double cost;
	struct sure sure;
};

struct choice {
	unsigned int place;
	double cost;
};

struct tree {
	struct state *state;
	unsigned int *left, left_count; /* VMs without a place */
	double pressure, bytes;         /* what they bring */
	int *best;
	double best_total;
	uint64_t limit;
	bool first;                     /* the first placement will do */
	bool *touched;                  /* nodes that the last put has changed */
	struct look *looks;             /* a row for each number of VMs left */
	size_t *offset, row_length;     /* of each VM's places in the row */
	struct sure *least;             /* of each VM, for the row at hand */
	struct choice *choices;         /* as the looks */
};

/* ---- looks ---- */

static struct look *looks_of(const struct tree *tree, unsigned int vm)
{
	return tree->looks + tree->left_count * tree->row_length + tree->offset[vm];
}

static struct look fresh_look(struct state *state, unsigned int vm, unsigned int place)
{
	struct growth growth;
	double without;

	if (!state_growth(state, vm, place, &growth))
		return (struct look){ .cost = INFEASIBLE };
	without = growth.own + growth.waiting;
	return (struct look){ growth.total, { without + growth.interference, without } };
}

static void touch_nodes(const struct tree *tree, const struct place *place, bool touched)
{
	for (unsigned int i = 0; i < place->count; i++) {
		const struct planner_site *site = &tree->state->problem->sites[place->parts[i].site];

		tree->touched[site->cpu_node] = tree->touched[site->memory_node] = touched;
	}
}

static bool touches(const struct tree *tree, const struct place *place)
{
	for (unsigned int i = 0; i < place->count; i++) {
		const struct planner_site *site = &tree->state->problem->sites[place->parts[i].site];

		if (tree->touched[site->cpu_node] || tree->touched[site->memory_node])
			return true;
	}
	return false;
}

/* The looks of the VMs left after @put was put there: taken over where that changed nothing. */
static void look_again(struct tree *tree, unsigned int put, const struct place *there)
{
	struct state *state = tree->state;
	const struct planner_vm *vms = state->problem->vms;

	touch_nodes(tree, there, true);
	for (unsigned int i = 0; i < tree->left_count; i++) {
		unsigned int vm = tree->left[i];
		struct look *looks = looks_of(tree, vm);
		bool all = (vms[vm].together != PLANNER_NO_GROUP && vms[vm].together == vms[put].together) ||
			(vms[vm].dedicated && vms[put].dedicated);

		for (unsigned int place = 0; place < state->place_count[vm]; place++) {
			looks[place] = looks[place + tree->row_length];
			if (looks[place].cost < INFEASIBLE && (all || touches(tree, &state->places[vm][place])))
				looks[place] = fresh_look(state, vm, place);
		}
	}
	touch_nodes(tree, there, false);
}

/* ---- the bound ---- */

/* What is spent and will not become less: all but the fragmentation. */
static double spent(const struct state *state)
{
	double sum = state->vm_cost;

	for (unsigned int i = 0; i < state->problem->node_count; i++) {
		double terms[PLANNER_TERMS];

		cost_of_node(state, i, &state->nodes[i], terms);
		sum += terms[PLANNER_CONTENTION] + terms[PLANNER_SMT] + terms[PLANNER_INTERFERENCE];
	}
	return sum;
}

static struct sure least_of(const struct tree *tree, unsigned int vm)
{
	const struct look *looks = looks_of(tree, vm);
	struct sure least = { INFEASIBLE, INFEASIBLE };

	for (unsigned int i = 0; i < tree->state->place_count[vm]; i++)
		if (looks[i].cost < INFEASIBLE) {
			least.with = fmin(least.with, looks[i].sure.with);
			least.without = fmin(least.without, looks[i].sure.without);
		}
	return least;
}

static struct sure find_bound(struct tree *tree)
{
	double base = spent(tree->state) + bound_fragmentation(tree->state, tree->bytes);
	struct sure bound = { base, base + bound_interference(tree->state, tree->pressure) };

	for (unsigned int i = 0; i < tree->left_count; i++) {
		struct sure *least = &tree->least[tree->left[i]];

		*least = least_of(tree, tree->left[i]);
		bound.with += least->with;
		bound.without += least->without;
	}
	return bound;
}

static bool hopeless(const struct tree *tree, double with, double without)
{
	return fmax(with, without) >= tree->best_total - 1e-9;
}

/* Gives up the places of @vm that are too expensive; returns how many are left. */
static unsigned int thin_out(struct tree *tree, unsigned int vm, const struct sure *bound)
{
	struct look *looks = looks_of(tree, vm);
	struct sure others = { bound->with - tree->least[vm].with, bound->without - tree->least[vm].without };
	unsigned int count = 0;

	for (unsigned int i = 0; i < tree->state->place_count[vm]; i++) {
		if (hopeless(tree, others.with + looks[i].sure.with, others.without + looks[i].sure.without))
			looks[i].cost = INFEASIBLE;
		count += looks[i].cost < INFEASIBLE;
	}
	return count;
}

/* ---- the walk ---- */

static int cheapest_first(const void *a, const void *b)
{
	const struct choice *left = a, *right = b;

	if (left->cost < right->cost || left->cost > right->cost)
		return left->cost < right->cost ? -1 : 1;
	return left->place < right->place ? -1 : left->place > right->place;
}

static unsigned int list_choices(const struct tree *tree, unsigned int vm, struct choice *choices)
{
	const struct look *looks = looks_of(tree, vm);
	unsigned int count = 0;

	for (unsigned int i = 0; i < tree->state->place_count[vm]; i++)
		if (looks[i].cost < INFEASIBLE)
			choices[count++] = (struct choice){ i, looks[i].cost };
	qsort(choices, count, sizeof(*choices), cheapest_first);
	return count;
}

static void swap_left(struct tree *tree, unsigned int i, unsigned int j)
{
	unsigned int vm = tree->left[i];

	tree->left[i] = tree->left[j];
	tree->left[j] = vm;
}

static bool descend(struct tree *tree);

/* Every place of the VM that is next, or the cheapest one of the very last VM. */
static bool branch(struct tree *tree, unsigned int next)
{
	struct state *state = tree->state;
	struct choice *choices = tree->choices + tree->left_count * tree->row_length;
	unsigned int vm = tree->left[next], count = list_choices(tree, vm, choices);
	const struct planner_vm *self = &state->problem->vms[vm];
	unsigned int last = --tree->left_count;
	bool on = true;

	swap_left(tree, next, last);
	tree->pressure -= cost_pressure(self, self->vcpus);
	tree->bytes -= (double)self->memory;
	for (unsigned int i = 0; i < count && on && (!i || tree->left_count); i++) {
		state_put(state, vm, choices[i].place);
		look_again(tree, vm, &state->places[vm][choices[i].place]);
		on = descend(tree);
		state_take(state, vm);
	}
	tree->pressure += cost_pressure(self, self->vcpus);
	tree->bytes += (double)self->memory;
	swap_left(tree, next, last);
	tree->left_count++;
	return on;
}

/* False when the search is to end before it has seen everything. */
static bool descend(struct tree *tree)
{
	struct state *state = tree->state;
	unsigned int next = 0, fewest = ~0u;
	struct sure bound;

	if (!tree->left_count) {
		if (state_total(state) < tree->best_total) {
			tree->best_total = state_total(state);
			memcpy(tree->best, state->at, state->problem->vm_count * sizeof(*tree->best));
		}
		return !tree->first;
	}
	if (state->effort > tree->limit || state->effort > state->limit)
		return false;
	state->effort++;
	bound = find_bound(tree);
	if (hopeless(tree, bound.with, bound.without))
		return true;
	for (unsigned int i = 0; i < tree->left_count; i++) {
		unsigned int places = thin_out(tree, tree->left[i], &bound);

		if (!places)
			return true;
		if (places < fewest) {
			fewest = places;
			next = i;
		}
	}
	return branch(tree, next);
}

static int by_memory(const void *a, const void *b, void *problem)
{
	const struct planner_vm *vms = ((const struct planner_problem *)problem)->vms;
	unsigned int left = *(const unsigned int *)a, right = *(const unsigned int *)b;

	if (vms[left].memory != vms[right].memory)
		return vms[left].memory > vms[right].memory ? -1 : 1;
	return left < right ? -1 : left > right;
}

/* All VMs come out; what was known is the placement to beat. */
static void take_all(struct tree *tree)
{
	struct state *state = tree->state;

	qsort_r(tree->left, tree->left_count, sizeof(*tree->left), by_memory, (void *)state->problem);
	tree->best_total = state_total(state) + 1e-9;
	for (unsigned int i = 0; i < tree->left_count; i++) {
		unsigned int vm = tree->left[i];
		const struct planner_vm *self = &state->problem->vms[vm];

		tree->best[vm] = state->at[vm];
		if (state->at[vm] == NO_PLACE)
			tree->best_total = INFEASIBLE;
		else
			state_take(state, vm);
		tree->pressure += cost_pressure(self, self->vcpus);
		tree->bytes += (double)self->memory;
		tree->offset[vm] = tree->row_length;
		tree->row_length += state->place_count[vm];
	}
}

static void look_at_all(struct tree *tree)
{
	struct state *state = tree->state;

	for (unsigned int i = 0; i < tree->left_count; i++)
		for (unsigned int place = 0; place < state->place_count[tree->left[i]]; place++)
			looks_of(tree, tree->left[i])[place] = fresh_look(state, tree->left[i], place);
}

static bool walk(struct state *state, const unsigned int *vms, unsigned int count, uint64_t effort, bool first)
{
	unsigned int all = state->problem->vm_count;
	struct tree tree = { .state = state, .limit = state->effort + effort, .first = first, .left_count = count };
	bool proven;

	tree.left = xcalloc(count + 1, sizeof(*tree.left));
	tree.best = xcalloc(all + 1, sizeof(*tree.best));
	tree.least = xcalloc(all + 1, sizeof(*tree.least));
	tree.offset = xcalloc(all + 1, sizeof(*tree.offset));
	tree.touched = xcalloc(state->problem->node_count, sizeof(*tree.touched));
	memcpy(tree.left, vms, count * sizeof(*tree.left));
	take_all(&tree);
	tree.looks = xcalloc((count + 1) * (tree.row_length + 1), sizeof(*tree.looks));
	tree.choices = xcalloc((count + 1) * (tree.row_length + 1), sizeof(*tree.choices));
	look_at_all(&tree);
	proven = descend(&tree);
	for (unsigned int i = 0; i < count; i++)
		if (tree.best[vms[i]] != NO_PLACE)
			state_put(state, vms[i], (unsigned int)tree.best[vms[i]]);
	free(tree.left);
	free(tree.best);
	free(tree.least);
	free(tree.offset);
	free(tree.touched);
	free(tree.looks);
	free(tree.choices);
	return proven;
}

bool exact(struct state *state, const unsigned int *vms, unsigned int count, uint64_t effort)
{
	return walk(state, vms, count, effort, false);
}

void repair(struct state *state, const unsigned int *vms, unsigned int count, uint64_t effort)
{
	walk(state, vms, count, effort, true);
}
