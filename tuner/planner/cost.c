/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a placement costs: docs/placement.md has the formulas and where the weights come from. A VM's own
 * terms depend on its shape only (and on the VMs it wants to be near), a node's on what is on it.
 */
#include <string.h>

#include "tuner/planner/state.h"

#define MEMORY_SHARE   0.30 /* of a busy vCPU's time goes into waiting for local memory */
#define OWN_NODE       0.70 /* of a guest node's accesses stay in it; the rest goes to all of the guest */
#define CACHE_CROSSING 0.05 /* lost by a vCPU all of whose neighbours are behind other caches */
#define NEARNESS       0.10 /* of a VM's demand is talk with the ones it wants to be near */
#define DEVICE         0.10 /* of a VM's demand is talk with its devices */
#define MOVE_GIB       0.02 /* lost vCPUs for moving a GiB at distance 10, spread over the next hour */
#define MOVE_GUEST     0.02 /* for moving a guest at all, that is, more than a tenth of its memory */
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
		[PLANNER_DEVICE] = "device",
		[PLANNER_MOVE] = "move",
		[PLANNER_CONTENTION] = "contention",
		[PLANNER_SMT] = "smt",
		[PLANNER_INTERFERENCE] = "interference",
		[PLANNER_FRAGMENTATION] = "fragmentation",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == PLANNER_TERMS, "a name for each term");
	return names[term];
}

double cost_sum(const double terms[PLANNER_TERMS])
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

/* Average extra latency between the vCPUs of two VMs. */
static double apartness(const struct state *state, const struct planner_part *parts, unsigned int count,
	unsigned int other)
{
	const struct planner_problem *problem = state->problem;
	struct planner_part theirs[PLANNER_PARTS_MAX];
	unsigned int n = state_parts(state, other, theirs);
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

/*
 * With all members of its group that have a place; a pair is counted when its second one comes, and fixed
 * ones come in their order.
 */
static double near_cost(const struct state *state, unsigned int vm, const struct planner_part *parts,
	unsigned int count)
{
	const struct planner_problem *problem = state->problem;
	const struct planner_vm *self = &problem->vms[vm];
	double sum = 0;

	if (self->together == PLANNER_NO_GROUP)
		return 0;
	for (unsigned int i = 0; i < problem->vm_count + problem->fixed_count; i++) {
		const struct planner_vm *other = &problem->vms[i];
		double less = self->demand < other->demand ? self->demand : other->demand;

		if (self->fixed ? i >= vm : i == vm)
			continue;
		if (other->together == self->together && state_placed(state, i))
			sum += NEARNESS * less * apartness(state, parts, count, i);
	}
	return sum;
}

static double device_cost(const struct state *state, const struct planner_vm *vm,
	const struct planner_part *parts, unsigned int count)
{
	const struct planner_problem *problem = state->problem;
	double sum = 0;

	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = 0; j < vm->device_count; j++)
			sum += (double)parts[i].vcpus / vm->vcpus / vm->device_count *
				latency(problem, problem->sites[parts[i].site].cpu_node, vm->devices[j]);
	return DEVICE * vm->demand * sum;
}

/* Bytes of @vm's memory that a node shall have. */
static uint64_t wanted_on(const struct planner_problem *problem, const struct planner_part *parts,
	unsigned int count, unsigned int node)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < count; i++)
		bytes += problem->sites[parts[i].site].memory_node == node ? parts[i].bytes : 0;
	return bytes;
}

/* What lies where less of the VM shall be leaves for its parts, in proportion to them. */
static double move_cost(const struct state *state, const struct planner_vm *vm,
	const struct planner_part *parts, unsigned int count)
{
	const struct planner_problem *problem = state->problem;
	double sum = 0, leaving = 0, all = 0;

	for (unsigned int node = 0; vm->resident && node < problem->node_count; node++) {
		uint64_t has = vm->resident[node], wanted = has ? wanted_on(problem, parts, count, node) : 0;
		double way = 1;

		all += (double)has;
		if (has <= wanted)
			continue;
		for (unsigned int i = 0; i < count; i++)
			way += (double)parts[i].bytes / (double)vm->memory *
				latency(problem, node, problem->sites[parts[i].site].memory_node);
		sum += (double)(has - wanted) / GIB_BYTES * MOVE_GIB * way;
		leaving += (double)(has - wanted);
	}
	return sum + (leaving > all / 10 ? MOVE_GUEST : 0);
}

void cost_of_parts(const struct state *state, unsigned int vm, const struct planner_part *parts,
	unsigned int count, double terms[PLANNER_TERMS])
{
	const struct planner_vm *self = &state->problem->vms[vm];

	memset(terms, 0, PLANNER_TERMS * sizeof(*terms));
	terms[PLANNER_ACCESS] = MEMORY_SHARE * goals[self->goal].access * self->demand *
		remoteness(state, self, parts, count);
	for (unsigned int i = 0; i < count; i++)
		terms[PLANNER_CACHE] += cache_cost(state, self, &parts[i]);
	terms[PLANNER_NEAR] = near_cost(state, vm, parts, count);
	terms[PLANNER_DEVICE] = device_cost(state, self, parts, count);
	terms[PLANNER_MOVE] = move_cost(state, self, parts, count);
}

void cost_of_vm(const struct state *state, unsigned int vm, unsigned int shape,
	double terms[PLANNER_TERMS])
{
	struct planner_part parts[PLANNER_PARTS_MAX];

	cost_of_parts(state, vm, parts, shape_parts(state, vm, shape, parts), terms);
}

double cost_least(const struct state *state, unsigned int vm)
{
	double least = INFEASIBLE, terms[PLANNER_TERMS];

	for (unsigned int i = state->from[vm]; i < state->until[vm]; i++) {
		cost_of_vm(state, vm, i, terms);
		terms[PLANNER_NEAR] = 0;
		if (cost_sum(terms) < least)
			least = cost_sum(terms);
	}
	return least;
}

/* ---- a node ---- */

double cost_pressure(const struct planner_vm *vm, unsigned int vcpus)
{
	return vm->demand * vcpus / vm->vcpus * goals[vm->goal].pressure;
}

/*
 * Threads that those who share have: outside of the cores given away. Where all cores are, they run
 * between the threads of dedicated vCPUs; that counts as half a thread, however many there are, so
 * that giving away one more core never looks like a gain.
 */
double cost_shared_cpus(const struct planner_node *node, const struct node_state *on)
{
	unsigned int kept = node->isolated < node->cpus && node->isolated > on->fenced ? node->isolated : on->fenced;

	if (node->cpus > kept)
		return node->cpus - kept;
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

void cost_of_load(const struct state *state, unsigned int index, const struct node_state *on,
	double terms[PLANNER_TERMS])
{
	const struct planner_node *node = &state->problem->nodes[index];
	double cpus = cost_shared_cpus(node, on), cores = cpus / node->core_width;
	double over = on->load > cpus ? on->load - cpus : 0;

	memset(terms, 0, PLANNER_TERMS * sizeof(*terms));
	terms[PLANNER_CONTENTION] = over + over * over / (cpus > 1 ? cpus : 1);
	terms[PLANNER_SMT] = SMT_LOSS * clamp(on->load - cores, cpus - cores);
	if (node->cpus)
		terms[PLANNER_INTERFERENCE] = INTERFERENCE * on->pressure * on->pressure / node->cpus;
	terms[PLANNER_FRAGMENTATION] = fragmentation(state, node, on);
}

void cost_of_node(const struct state *state, unsigned int node, double terms[PLANNER_TERMS])
{
	cost_of_load(state, node, &state->nodes[node], terms);
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

double cost_bound(const struct state *state, double pressure, uint64_t bytes)
{
	double sum = poured(state, pressure), terms[PLANNER_TERMS];

	for (unsigned int i = 0; i < state->problem->node_count; i++) {
		cost_of_load(state, i, &state->nodes[i], terms);
		sum += terms[PLANNER_CONTENTION] + terms[PLANNER_SMT] + terms[PLANNER_INTERFERENCE] +
			least_pieces(state, i, bytes);
	}
	return sum;
}
