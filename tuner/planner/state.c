/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A placement while VMs come and go: what is on each node, whether that still fits, and the sum of what
 * it costs. A change takes as much time as the nodes it touches, not as the machine has.
 */
#include <math.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

/* ---- what a node can hold ---- */

/* Ordinary memory that these pages take: what the pools do not have. */
static uint64_t ordinary(const struct planner_node *node, const uint64_t used[PLANNER_SOURCES])
{
	uint64_t sum = used[PLANNER_MEMORY];

	for (int i = PLANNER_MEMORY + 1; i < PLANNER_SOURCES; i++)
		sum += used[i] > node->pool[i] ? used[i] - node->pool[i] : 0;
	return sum;
}

uint64_t state_left(const struct state *state, unsigned int index, enum planner_source source)
{
	const struct planner_node *node = &state->problem->nodes[index];
	const uint64_t *used = state->nodes[index].used;
	uint64_t taken = ordinary(node, used), left = node->memory > taken ? node->memory - taken : 0;

	if (source == PLANNER_MEMORY)
		return left;
	return (node->pool_fixed[source] ? 0 : left) +
		(node->pool[source] > used[source] ? node->pool[source] - used[source] : 0);
}

static bool node_holds(const struct state *state, unsigned int index, const struct node_state *on)
{
	const struct planner_node *node = &state->problem->nodes[index];

	for (int i = PLANNER_MEMORY + 1; i < PLANNER_SOURCES; i++)
		if (node->pool_fixed[i] && on->used[i] > node->pool[i])
			return false;
	if (ordinary(node, on->used) > node->memory)
		return false;
	if (on->fenced > node->dedicable + node->fenced || (on->shared_vms && on->dedicated >= node->cpus))
		return false;
	return on->shared_vcpus <= on->limit * cost_shared_cpus(node, on) + 1e-9;
}

/* ---- coming and going ---- */

static void add_part(const struct state *state, const struct planner_vm *vm, const struct planner_part *part,
	int sign, struct node_state *cpu, struct node_state *memory)
{
	const struct planner_site *site = &state->problem->sites[part->site];
	unsigned int width = state->problem->nodes[site->cpu_node].core_width;
	unsigned int threads = (part->vcpus + width - 1) / width * width;

	cpu->pressure += sign * cost_pressure(vm, part->vcpus);
	if (vm->dedicated) {
		cpu->dedicated += (unsigned int)sign * part->vcpus;
		cpu->fenced += (unsigned int)sign * threads;
	} else {
		cpu->load += sign * vm->demand * part->vcpus / vm->vcpus;
		cpu->shared_vms += (unsigned int)sign;
		cpu->shared_vcpus += sign * (double)part->vcpus;
		if (sign > 0 && vm->overcommit > 0)
			cpu->limit = fmin(cpu->limit, vm->overcommit);
	}
	memory->used[vm->source] += sign > 0 ? part->bytes : -part->bytes;
}

/* Nodes that a change touches, as they are after it. */
struct change {
	unsigned int count, node[2 * PLANNER_PARTS_MAX];
	struct node_state after[2 * PLANNER_PARTS_MAX];
};

static struct node_state *touch(const struct state *state, struct change *change, unsigned int node)
{
	for (unsigned int i = 0; i < change->count; i++)
		if (change->node[i] == node)
			return &change->after[i];
	change->node[change->count] = node;
	change->after[change->count] = state->nodes[node];
	return &change->after[change->count++];
}

static void change_by(const struct state *state, unsigned int vm, const struct place *place, int sign,
	struct change *change)
{
	change->count = 0;
	for (unsigned int i = 0; i < place->count; i++) {
		const struct planner_site *site = &state->problem->sites[place->parts[i].site];

		add_part(state, &state->problem->vms[vm], &place->parts[i], sign,
			touch(state, change, site->cpu_node), touch(state, change, site->memory_node));
	}
}

static int *members(const struct state *state, unsigned int vm, unsigned int node)
{
	return &state->apart_members[(unsigned int)state->problem->vms[vm].apart * state->problem->node_count +
		node];
}

/* Which VMs with a limit share there; when one goes, the smallest limit may be another's. */
static void count_limit(struct state *state, const struct planner_vm *vm, unsigned int node, int sign)
{
	unsigned int *count = state->limit_members + (size_t)node * state->limit_count;
	unsigned int i = 0;

	while (state->limits[i] < vm->overcommit)
		i++;
	count[i] += (unsigned int)sign;
	for (i = 0; i < state->limit_count && !count[i];)
		i++;
	state->nodes[node].limit = i < state->limit_count ? state->limits[i] : UNLIMITED;
}

/* A VM's wishes about who else is on its nodes hold where it has vCPUs, or no longer. */
static void join_nodes(struct state *state, unsigned int vm, const struct place *place, int sign)
{
	const struct planner_vm *self = &state->problem->vms[vm];

	for (unsigned int i = 0; i < place->count; i++) {
		unsigned int node = state->problem->sites[place->parts[i].site].cpu_node;

		if (!place->parts[i].vcpus) /* memory of a fixed VM that was left behind */
			continue;
		if (self->apart != PLANNER_NO_GROUP)
			*members(state, vm, node) += sign;
		if (!self->dedicated && self->overcommit > 0)
			count_limit(state, self, node, sign);
	}
}

/* Of what a fixed VM takes the nodes know; the rest is its own cost and its groups. */
static void put_fixed(struct state *state, unsigned int vm)
{
	const struct place *place = &state->places[vm][0];

	join_nodes(state, vm, place, 1);
	state->vm_cost += place->own + cost_near(state, vm, place);
	state->at[vm] = 0;
}

static bool too_near(const struct state *state, unsigned int vm, const struct place *place)
{
	if (state->problem->vms[vm].apart == PLANNER_NO_GROUP)
		return false;
	for (unsigned int i = 0; i < place->count; i++)
		if (*members(state, vm, state->problem->sites[place->parts[i].site].cpu_node))
			return true;
	return false;
}

/* As change_by, and whether that is allowed. */
static bool allowed(const struct state *state, unsigned int vm, const struct place *place,
	struct change *change)
{
	const struct planner_vm *self = &state->problem->vms[vm];

	if (self->dedicated && state->dedicated + self->vcpus + state->problem->keep_cpus > state->cpus_all)
		return false;
	if (too_near(state, vm, place))
		return false;
	change_by(state, vm, place, 1, change);
	for (unsigned int i = 0; i < change->count; i++)
		if (!node_holds(state, change->node[i], &change->after[i]))
			return false;
	return true;
}

bool state_fits(const struct state *state, unsigned int vm, const struct place *place)
{
	struct change change;

	return allowed(state, vm, place, &change);
}

double state_try(struct state *state, unsigned int vm, unsigned int index)
{
	return state_try_place(state, vm, &state->places[vm][index]);
}

double state_try_place(struct state *state, unsigned int vm, const struct place *place)
{
	struct change change;
	double sum;

	state->effort++;
	if (!allowed(state, vm, place, &change))
		return INFEASIBLE;
	sum = place->own + cost_near(state, vm, place);
	for (unsigned int i = 0; i < change.count; i++)
		sum += cost_node_sum(state, change.node[i], &change.after[i]) - state->nodes[change.node[i]].cost;
	return sum;
}

bool state_growth(struct state *state, unsigned int vm, unsigned int index, struct growth *growth)
{
	const struct place *place = &state->places[vm][index];
	struct change change;

	state->effort++;
	if (!allowed(state, vm, place, &change))
		return false;
	*growth = (struct growth){ .own = place->own + cost_near(state, vm, place) };
	growth->total = growth->own;
	for (unsigned int i = 0; i < change.count; i++) {
		double before[PLANNER_TERMS], after[PLANNER_TERMS], waiting;

		cost_of_node(state, change.node[i], &state->nodes[change.node[i]], before);
		cost_of_node(state, change.node[i], &change.after[i], after);
		waiting = after[PLANNER_CONTENTION] - before[PLANNER_CONTENTION] + after[PLANNER_SMT] -
			before[PLANNER_SMT];
		growth->total += waiting;
		growth->waiting += waiting * bound_waiting(state, vm, change.node[i]);
		growth->interference += after[PLANNER_INTERFERENCE] - before[PLANNER_INTERFERENCE];
		growth->total += after[PLANNER_FRAGMENTATION] - before[PLANNER_FRAGMENTATION];
	}
	growth->total += growth->interference;
	return true;
}

static void commit(struct state *state, unsigned int vm, unsigned int index, int sign)
{
	const struct place *place = &state->places[vm][index];
	const struct planner_vm *self = &state->problem->vms[vm];
	struct change change;

	change_by(state, vm, place, sign, &change);
	for (unsigned int i = 0; i < change.count; i++) {
		state->nodes[change.node[i]] = change.after[i];
		state->nodes[change.node[i]].cost = cost_node_sum(state, change.node[i], &change.after[i]);
	}
	state->vm_cost += sign * (place->own + cost_near(state, vm, place));
	if (self->dedicated)
		state->dedicated += (unsigned int)sign * self->vcpus;
	join_nodes(state, vm, place, sign);
	state->unplaced -= (unsigned int)sign;
	state->missing -= sign * (1 + state->hardness[vm]);
}

void state_put(struct state *state, unsigned int vm, unsigned int place)
{
	commit(state, vm, place, 1);
	state->at[vm] = (int)place;
}

void state_take(struct state *state, unsigned int vm)
{
	commit(state, vm, (unsigned int)state->at[vm], -1);
	state->at[vm] = NO_PLACE;
}

double state_missing(const struct state *state)
{
	return state->unplaced ? state->missing : 0; /* whatever rounding left of the sum */
}

double state_total(const struct state *state)
{
	double sum = state->vm_cost;

	for (unsigned int i = 0; i < state->problem->node_count; i++)
		sum += state->nodes[i].cost;
	return sum;
}

int state_best(struct state *state, unsigned int vm, unsigned int blinks, uint64_t *seed)
{
	double least = INFEASIBLE;
	int best = NO_PLACE;

	for (unsigned int i = 0; i < state->place_count[vm]; i++) {
		double cost;

		if (blinks && planner_random(seed) >> 56 < blinks)
			continue;
		cost = state_try(state, vm, i);
		if (cost < least) {
			least = cost;
			best = (int)i;
		}
	}
	return best;
}

/* ---- life ---- */

static void init_node(struct state *state, unsigned int index)
{
	const struct planner_node *node = &state->problem->nodes[index];
	struct node_state *on = &state->nodes[index];

	on->load = node->load;
	on->pressure = node->load + node->dedicated;
	on->dedicated = node->dedicated;
	on->fenced = node->fenced;
	on->shared_vms = node->vcpus > 0;
	on->shared_vcpus = node->vcpus;
	on->limit = UNLIMITED;
	on->cost = cost_node_sum(state, index, on);
}

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static void init_limits(struct state *state)
{
	const struct planner_problem *problem = state->problem;
	unsigned int count = 0;

	state->limits = xcalloc(all_vms(problem) + 1, sizeof(*state->limits));
	for (unsigned int i = 0; i < all_vms(problem); i++)
		if (!problem->vms[i].dedicated && problem->vms[i].overcommit > 0)
			state->limits[count++] = problem->vms[i].overcommit;
	qsort(state->limits, count, sizeof(*state->limits), ascending);
	for (unsigned int i = 0; i < count; i++)
		if (!i || state->limits[i] > state->limits[state->limit_count - 1])
			state->limits[state->limit_count++] = state->limits[i];
	state->limit_members = xcalloc((size_t)state->limit_count * problem->node_count + 1,
		sizeof(*state->limit_members));
}

/* VMs of one together group in a ring; a VM without a group is a ring of its own. */
static void init_companions(struct state *state)
{
	const struct planner_problem *problem = state->problem;

	for (unsigned int i = 0; i < all_vms(problem); i++) {
		int group = problem->vms[i].together;

		state->companion[i] = i;
		for (unsigned int j = i; group != PLANNER_NO_GROUP && j-- > 0;)
			if (problem->vms[j].together == group) {
				state->companion[i] = state->companion[j];
				state->companion[j] = i;
				break;
			}
	}
}

static void init_apart(struct state *state)
{
	const struct planner_problem *problem = state->problem;

	for (unsigned int i = 0; i < all_vms(problem); i++)
		if (problem->vms[i].apart != PLANNER_NO_GROUP &&
		    (unsigned int)problem->vms[i].apart >= state->apart_groups)
			state->apart_groups = (unsigned int)problem->vms[i].apart + 1;
	state->apart_members = xcalloc((size_t)state->apart_groups * problem->node_count + 1,
		sizeof(*state->apart_members));
}

/* Dedicated vCPUs, which fit in fewer places, count double. */
static double hardness_of(const struct state *state, const struct planner_vm *vm)
{
	double memory = state->memory_all > 0 ? (double)vm->memory / state->memory_all : 0;
	double cpus = state->cpus_all > 0 ? (vm->dedicated ? 2 : 1) * vm->demand / state->cpus_all : 0;

	return memory > cpus ? memory : cpus;
}

static void init_hardness(struct state *state)
{
	state->hardness = xcalloc(all_vms(state->problem) + 1, sizeof(*state->hardness));
	for (unsigned int i = 0; i < state->problem->vm_count; i++) {
		state->hardness[i] = hardness_of(state, &state->problem->vms[i]);
		state->missing += 1 + state->hardness[i];
	}
}

void state_init(struct state *state, const struct planner_problem *problem)
{
	*state = (struct state){ .problem = problem, .unplaced = problem->vm_count };
	state->nodes = xcalloc(problem->node_count, sizeof(*state->nodes));
	state->at = xcalloc(all_vms(problem) + 1, sizeof(*state->at));
	state->companion = xcalloc(all_vms(problem) + 1, sizeof(*state->companion));
	for (unsigned int i = 0; i < problem->node_count; i++) {
		state->memory_all += (double)problem->nodes[i].total;
		state->cpus_all += problem->nodes[i].cpus;
	}
	for (unsigned int i = 0; i < problem->node_count; i++) {
		init_node(state, i);
		state->dedicated += problem->nodes[i].dedicated;
	}
	for (unsigned int i = 0; i < all_vms(problem); i++)
		state->at[i] = NO_PLACE;
	init_hardness(state);
	init_companions(state);
	init_limits(state);
	init_apart(state);
	places_init_fixed(state);
	for (unsigned int i = problem->vm_count; i < all_vms(problem); i++)
		put_fixed(state, i);
	places_init(state);
}

void state_release(struct state *state)
{
	places_release(state);
	free(state->nodes);
	free(state->at);
	free(state->hardness);
	free(state->companion);
	free(state->apart_members);
	free(state->limits);
	free(state->limit_members);
}
