/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a placement costs (docs/placement.md has the formulas and where the weights come from). A VM's
 * own terms depend on its shape only; a node's terms on what is on the node. So a change costs as
 * much time as the nodes it touches, not as the machine has.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define MEMORY_SHARE   0.30 /* of a busy vCPU's time goes into waiting for local memory */
#define OWN_NODE       0.70 /* of a guest node's accesses stay in it; the rest goes to all of the guest */
#define CACHE_CROSSING 0.05 /* lost by a vCPU all of whose neighbours are behind other caches */
#define NEARNESS       0.10 /* of a VM's demand is talk with the ones it wants to be near */
#define MOVE_GIB       0.02 /* lost vCPUs for moving a GiB at distance 10, spread over the next hour */
#define SMT_LOSS       0.60 /* two threads of a core do 1.4 times the work of one */
#define INTERFERENCE   0.05 /* lost by each vCPU of a node that is fully busy */
#define PIECES         0.02 /* of a node's CPUs when half of its memory is left */
#define STRANDED       0.02 /* of a node's CPUs when it has memory without CPUs, or the reverse */

#define BETWEEN_THREADS 0.5

#define GIB_BYTES 1073741824.0

/* How much a goal makes of waiting for memory, and of pressing on what a node shares. */
static const struct {
	double access, pressure;
} goals[PLANNER_GOALS] = {
	[PLANNER_BALANCED] = { 1, 1 },
	[PLANNER_LATENCY] = { 2, 1 },
	[PLANNER_BANDWIDTH] = { 1, 2 },
	[PLANNER_DENSITY] = { 1, 0.25 },
};

const char *planner_term_name(enum planner_term term)
{
	static const char *const names[] = {
		[PLANNER_ACCESS] = "access",
		[PLANNER_CACHE] = "cache",
		[PLANNER_NEAR] = "near",
		[PLANNER_MOVE] = "move",
		[PLANNER_CONTENTION] = "contention",
		[PLANNER_SMT] = "smt",
		[PLANNER_INTERFERENCE] = "interference",
		[PLANNER_FRAGMENTATION] = "fragmentation",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == PLANNER_TERMS, "a name for each term");
	return names[term];
}

static double sum_of(const double terms[PLANNER_TERMS])
{
	double sum = 0;

	for (int i = 0; i < PLANNER_TERMS; i++)
		sum += terms[i];
	return sum;
}

static double clamp(double value, double most)
{
	return value < 0 ? 0 : value > most ? most : value;
}

static double latency(const struct planner_problem *problem, unsigned int from, unsigned int to)
{
	return problem->latency[from * problem->node_count + to];
}

/* ---- a VM by itself ---- */

/* Average extra latency of an access, weighted by where vCPUs and memory are. */
static double remoteness(const struct state *state, const struct planner_vm *vm,
	const struct planner_part *parts, unsigned int count)
{
	const struct planner_problem *problem = state->problem;
	double sum = 0;

	for (unsigned int i = 0; i < count; i++) {
		const struct planner_site *site = &problem->sites[parts[i].site];
		double own = latency(problem, site->cpu_node, site->memory_node), all = 0;

		for (unsigned int j = 0; j < count && count > 1; j++) {
			double share = vm->memory ? (double)parts[j].bytes / (double)vm->memory : 1.0 / count;

			all += share * latency(problem, site->cpu_node,
				problem->sites[parts[j].site].memory_node);
		}
		sum += (double)parts[i].vcpus / vm->vcpus *
			(count > 1 ? OWN_NODE * own + (1 - OWN_NODE) * all : own);
	}
	return sum;
}

static double cache_cost(const struct state *state, const struct planner_vm *vm,
	const struct planner_part *part)
{
	unsigned int llc = state->problem->nodes[state->problem->sites[part->site].cpu_node].llc_cpus;
	unsigned int caches = llc ? (part->vcpus + llc - 1) / llc : 1;

	if (!vm->dedicated || caches < 2)
		return 0;
	return CACHE_CROSSING * vm->demand * part->vcpus / vm->vcpus * (1 - 1.0 / caches);
}

static unsigned int parts_of(const struct state *state, unsigned int vm, unsigned int shape,
	struct planner_part parts[PLANNER_PARTS_MAX])
{
	const struct shape *s = &state->shapes->shapes[shape];

	for (unsigned int i = 0; i < s->count; i++)
		parts[i] = shape_part(state->shapes, s, &state->problem->vms[vm], i);
	return s->count;
}

/* Average extra latency between the vCPUs of two VMs. */
static double apartness(const struct state *state, const struct planner_part *parts, unsigned int count,
	unsigned int other)
{
	const struct planner_problem *problem = state->problem;
	struct planner_part theirs[PLANNER_PARTS_MAX];
	unsigned int n = parts_of(state, other, (unsigned int)state->shape[other], theirs);
	double sum = 0, all = 0;

	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = 0; j < n; j++) {
			double weight = (double)parts[i].vcpus * theirs[j].vcpus;

			sum += weight * latency(problem, problem->sites[parts[i].site].cpu_node,
				problem->sites[theirs[j].site].cpu_node);
			all += weight;
		}
	return all > 0 ? sum / all : 0;
}

/* With all members of its group that have a place; a pair is counted when its second one comes. */
static double near_cost(const struct state *state, unsigned int vm, const struct planner_part *parts,
	unsigned int count)
{
	const struct planner_problem *problem = state->problem;
	const struct planner_vm *self = &problem->vms[vm];
	double sum = 0;

	if (self->together == PLANNER_NO_GROUP)
		return 0;
	for (unsigned int i = 0; i < problem->vm_count; i++) {
		const struct planner_vm *other = &problem->vms[i];
		double less = self->demand < other->demand ? self->demand : other->demand;

		if (i != vm && other->together == self->together && state->shape[i] != NO_SHAPE)
			sum += NEARNESS * less * apartness(state, parts, count, i);
	}
	return sum;
}

static double move_cost(const struct state *state, const struct planner_vm *vm,
	const struct planner_part *parts, unsigned int count)
{
	const struct planner_problem *problem = state->problem;
	double sum = 0;

	if (vm->home < 0)
		return 0;
	for (unsigned int i = 0; i < count; i++) {
		unsigned int to = problem->sites[parts[i].site].memory_node;

		if ((int)to != vm->home)
			sum += (double)vm->home_bytes * parts[i].vcpus / vm->vcpus / GIB_BYTES * MOVE_GIB *
				(1 + latency(problem, (unsigned int)vm->home, to));
	}
	return sum;
}

static void vm_terms(const struct state *state, unsigned int vm, const struct planner_part *parts,
	unsigned int count, double terms[PLANNER_TERMS])
{
	const struct planner_vm *self = &state->problem->vms[vm];

	memset(terms, 0, PLANNER_TERMS * sizeof(*terms));
	terms[PLANNER_ACCESS] = MEMORY_SHARE * goals[self->goal].access * self->demand *
		remoteness(state, self, parts, count);
	for (unsigned int i = 0; i < count; i++)
		terms[PLANNER_CACHE] += cache_cost(state, self, &parts[i]);
	terms[PLANNER_NEAR] = near_cost(state, vm, parts, count);
	terms[PLANNER_MOVE] = move_cost(state, self, parts, count);
}

void state_vm_terms(const struct state *state, unsigned int vm, unsigned int shape,
	double terms[PLANNER_TERMS])
{
	struct planner_part parts[PLANNER_PARTS_MAX];

	vm_terms(state, vm, parts, parts_of(state, vm, shape, parts), terms);
}

double state_least(const struct state *state, unsigned int vm)
{
	double least = INFEASIBLE, terms[PLANNER_TERMS];

	for (unsigned int i = state->from[vm]; i < state->until[vm]; i++) {
		state_vm_terms(state, vm, i, terms);
		terms[PLANNER_NEAR] = 0;
		if (sum_of(terms) < least)
			least = sum_of(terms);
	}
	return least;
}

/* ---- a node ---- */

double state_pressure(const struct planner_vm *vm, unsigned int vcpus)
{
	return vm->demand * vcpus / vm->vcpus * goals[vm->goal].pressure;
}

/* Ordinary memory that these pages take: what the pools do not have. */
static uint64_t ordinary(const struct planner_node *node, const uint64_t used[PLANNER_SOURCES])
{
	uint64_t sum = used[PLANNER_MEMORY];

	for (int i = PLANNER_MEMORY + 1; i < PLANNER_SOURCES; i++)
		sum += used[i] > node->pool[i] ? used[i] - node->pool[i] : 0;
	return sum;
}

/*
 * Threads that those who share have: outside of the cores given away. Where all cores are, they run
 * between the threads of dedicated vCPUs; that counts as half a thread, however many there are, so
 * that giving away one more core never looks like a gain.
 */
static double shared_cpus(const struct planner_node *node, const struct node_state *on)
{
	if (node->cpus > on->fenced)
		return node->cpus - on->fenced;
	return node->cpus > on->dedicated ? BETWEEN_THREADS : 0;
}

/* Share of a node's memory that is used, when @more bytes are added to what is on it. */
static double memory_used(const struct planner_node *node, const struct node_state *on, uint64_t more)
{
	uint64_t bytes = node->total - (node->memory < node->total ? node->memory : node->total);

	bytes += on->used[PLANNER_MEMORY] + on->used[PLANNER_2M] + on->used[PLANNER_1G] + more;
	for (int i = PLANNER_MEMORY + 1; i < PLANNER_SOURCES; i++)
		bytes -= node->pool[i] < bytes ? node->pool[i] : bytes;
	return clamp((double)bytes / (double)node->total, 1);
}

/* Memory in CPUs: a node's part of all memory stands for that part of all CPUs. */
static double memory_scale(const struct state *state, const struct planner_node *node)
{
	return state->cpus_all * (double)node->total / state->memory_all;
}

static double pieces(double used)
{
	return PIECES * 4 * used * (1 - used);
}

static double fragmentation(const struct state *state, const struct planner_node *node,
	const struct node_state *on)
{
	double used, busy;

	if (!node->total)
		return 0;
	used = memory_used(node, on, 0);
	busy = node->cpus ? clamp((on->load + on->fenced) / node->cpus, 1) : used;
	return memory_scale(state, node) * (pieces(used) + STRANDED * (used - busy) * (used - busy));
}

static void node_terms(const struct state *state, unsigned int index, const struct node_state *on,
	double terms[PLANNER_TERMS])
{
	const struct planner_node *node = &state->problem->nodes[index];
	double cpus = shared_cpus(node, on), cores = cpus / node->core_width;
	double over = on->load > cpus ? on->load - cpus : 0;

	memset(terms, 0, PLANNER_TERMS * sizeof(*terms));
	terms[PLANNER_CONTENTION] = over + over * over / (cpus > 1 ? cpus : 1);
	terms[PLANNER_SMT] = SMT_LOSS * clamp(on->load - cores, cpus - cores);
	if (node->cpus)
		terms[PLANNER_INTERFERENCE] = INTERFERENCE * on->pressure * on->pressure / node->cpus;
	terms[PLANNER_FRAGMENTATION] = fragmentation(state, node, on);
}

void state_node_terms(const struct state *state, unsigned int node, double terms[PLANNER_TERMS])
{
	node_terms(state, node, &state->nodes[node], terms);
}

static double node_cost(const struct state *state, unsigned int node, const struct node_state *on)
{
	double terms[PLANNER_TERMS];

	node_terms(state, node, on, terms);
	return sum_of(terms);
}

static bool node_holds(const struct state *state, unsigned int index, const struct node_state *on)
{
	const struct planner_node *node = &state->problem->nodes[index];

	for (int i = PLANNER_MEMORY + 1; i < PLANNER_SOURCES; i++)
		if (node->pool_fixed[i] && on->used[i] > node->pool[i])
			return false;
	if (ordinary(node, on->used) > node->memory)
		return false;
	if (on->fenced > node->dedicable + node->dedicated || (on->shared_vms && on->dedicated >= node->cpus))
		return false;
	return true;
}

/* ---- coming and going ---- */

static void add_part(const struct state *state, const struct planner_vm *vm, const struct planner_part *part,
	int sign, struct node_state *cpu, struct node_state *memory)
{
	const struct planner_site *site = &state->problem->sites[part->site];
	unsigned int width = state->problem->nodes[site->cpu_node].core_width;
	unsigned int threads = (part->vcpus + width - 1) / width * width;

	cpu->pressure += sign * state_pressure(vm, part->vcpus);
	if (vm->dedicated) {
		cpu->dedicated += (unsigned int)sign * part->vcpus;
		cpu->fenced += (unsigned int)sign * threads;
	} else {
		cpu->load += sign * vm->demand * part->vcpus / vm->vcpus;
		cpu->shared_vms += (unsigned int)sign;
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

static void change_by(const struct state *state, unsigned int vm, const struct planner_part *parts,
	unsigned int count, int sign, struct change *change)
{
	change->count = 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct planner_site *site = &state->problem->sites[parts[i].site];

		touch(state, change, site->cpu_node);
		touch(state, change, site->memory_node);
		add_part(state, &state->problem->vms[vm], &parts[i], sign,
			touch(state, change, site->cpu_node), touch(state, change, site->memory_node));
	}
}

static int *members(const struct state *state, unsigned int vm, unsigned int node)
{
	return &state->apart_members[(unsigned int)state->problem->vms[vm].apart * state->problem->node_count +
		node];
}

static bool too_near(const struct state *state, unsigned int vm, const struct planner_part *parts,
	unsigned int count)
{
	if (state->problem->vms[vm].apart == PLANNER_NO_GROUP)
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (*members(state, vm, state->problem->sites[parts[i].site].cpu_node))
			return true;
	return false;
}

double state_try(struct state *state, unsigned int vm, unsigned int shape)
{
	const struct planner_vm *self = &state->problem->vms[vm];
	struct planner_part parts[PLANNER_PARTS_MAX];
	unsigned int count = parts_of(state, vm, shape, parts);
	double terms[PLANNER_TERMS], sum;
	struct change change;

	state->effort++;
	if (self->dedicated && state->dedicated + self->vcpus + state->problem->keep_cpus > state->cpus_all)
		return INFEASIBLE;
	if (too_near(state, vm, parts, count))
		return INFEASIBLE;
	change_by(state, vm, parts, count, 1, &change);
	for (unsigned int i = 0; i < change.count; i++)
		if (!node_holds(state, change.node[i], &change.after[i]))
			return INFEASIBLE;
	vm_terms(state, vm, parts, count, terms);
	sum = sum_of(terms);
	for (unsigned int i = 0; i < change.count; i++)
		sum += node_cost(state, change.node[i], &change.after[i]) - state->nodes[change.node[i]].cost;
	return sum;
}

static void commit(struct state *state, unsigned int vm, unsigned int shape, int sign)
{
	const struct planner_vm *self = &state->problem->vms[vm];
	struct planner_part parts[PLANNER_PARTS_MAX];
	unsigned int count = parts_of(state, vm, shape, parts);
	double terms[PLANNER_TERMS];
	struct change change;

	change_by(state, vm, parts, count, sign, &change);
	for (unsigned int i = 0; i < change.count; i++) {
		state->nodes[change.node[i]] = change.after[i];
		state->nodes[change.node[i]].cost = node_cost(state, change.node[i], &change.after[i]);
	}
	vm_terms(state, vm, parts, count, terms);
	state->vm_cost += sign * sum_of(terms);
	if (self->dedicated)
		state->dedicated += (unsigned int)sign * self->vcpus;
	for (unsigned int i = 0; self->apart != PLANNER_NO_GROUP && i < count; i++)
		*members(state, vm, state->problem->sites[parts[i].site].cpu_node) += sign;
	state->unplaced -= (unsigned int)sign;
}

void state_put(struct state *state, unsigned int vm, unsigned int shape)
{
	commit(state, vm, shape, 1);
	state->shape[vm] = (int)shape;
}

void state_take(struct state *state, unsigned int vm)
{
	unsigned int shape = (unsigned int)state->shape[vm];

	state->shape[vm] = NO_SHAPE; /* not near to itself */
	commit(state, vm, shape, -1);
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
	int best = NO_SHAPE;

	for (unsigned int i = state->from[vm]; i < state->until[vm]; i++) {
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

/* ---- the bound ---- */

/*
 * Contention, SMT and interference only grow with what is added. Interference grows least when the
 * pressure still to come is poured in like water, up to the same level pressure/cpus everywhere. The
 * pieces of memory are a concave function of what is used, so their least is at one of the two ends;
 * stranded memory and CPUs may come to nothing.
 */
static double poured(const struct state *state, double pressure)
{
	const struct planner_problem *problem = state->problem;
	double level = 0, cpus = 0, inside = 0, sum = 0;
	bool grown = true;

	/* Nodes above the level are left out, until no further one joins. */
	for (unsigned int round = 0; grown && round <= problem->node_count; round++) {
		double before = level;

		cpus = inside = 0;
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
		double own = problem->nodes[i].cpus ? state->nodes[i].pressure / problem->nodes[i].cpus : 0;
		double high = own > level ? own : level;

		sum += INTERFERENCE * (high * high - own * own) * problem->nodes[i].cpus;
	}
	return sum;
}

static double least_pieces(const struct state *state, unsigned int index, uint64_t bytes)
{
	const struct planner_node *node = &state->problem->nodes[index];
	double now, then;

	if (!node->total)
		return 0;
	now = pieces(memory_used(node, &state->nodes[index], 0));
	then = pieces(memory_used(node, &state->nodes[index], bytes));
	return memory_scale(state, node) * (now < then ? now : then);
}

double state_bound(const struct state *state, double pressure, uint64_t bytes)
{
	double sum = poured(state, pressure), terms[PLANNER_TERMS];

	for (unsigned int i = 0; i < state->problem->node_count; i++) {
		node_terms(state, i, &state->nodes[i], terms);
		sum += terms[PLANNER_CONTENTION] + terms[PLANNER_SMT] + terms[PLANNER_INTERFERENCE] +
			least_pieces(state, i, bytes);
	}
	return sum;
}

/* ---- life ---- */

static void init_node(struct state *state, unsigned int index)
{
	const struct planner_node *node = &state->problem->nodes[index];
	struct node_state *on = &state->nodes[index];

	on->load = node->load;
	on->pressure = node->load + node->dedicated;
	on->dedicated = on->fenced = node->dedicated;
	on->shared_vms = node->load > 0;
	on->cost = node_cost(state, index, on);
}

void state_init(struct state *state, const struct planner_problem *problem, const struct shapes *shapes)
{
	*state = (struct state){ .problem = problem, .shapes = shapes, .unplaced = problem->vm_count };
	state->nodes = xcalloc(problem->node_count, sizeof(*state->nodes));
	state->shape = xcalloc(problem->vm_count + 1, sizeof(*state->shape));
	state->from = xcalloc(problem->vm_count + 1, sizeof(*state->from));
	state->until = xcalloc(problem->vm_count + 1, sizeof(*state->until));
	for (unsigned int i = 0; i < problem->node_count; i++) {
		state->memory_all += (double)problem->nodes[i].total;
		state->cpus_all += problem->nodes[i].cpus;
	}
	for (unsigned int i = 0; i < problem->node_count; i++) {
		init_node(state, i);
		state->dedicated += problem->nodes[i].dedicated;
	}
	for (unsigned int i = 0; i < problem->vm_count; i++) {
		const struct planner_vm *vm = &problem->vms[i];
		unsigned int fewest = shapes_fewest(problem, vm);

		state->shape[i] = NO_SHAPE;
		state->from[i] = shapes->first[fewest];
		state->until[i] = shapes->first[fewest + (fewest < vm->parts_max ? 2 : 1)];
		if (vm->apart != PLANNER_NO_GROUP && (unsigned int)vm->apart >= state->apart_groups)
			state->apart_groups = (unsigned int)vm->apart + 1;
	}
	state->apart_members = xcalloc((size_t)state->apart_groups * problem->node_count + 1,
		sizeof(*state->apart_members));
}

void state_release(struct state *state)
{
	free(state->nodes);
	free(state->shape);
	free(state->from);
	free(state->until);
	free(state->apart_members);
}
