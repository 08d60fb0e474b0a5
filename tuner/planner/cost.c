/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a placement costs: docs/placement.md has the formulas and where the weights come from. A VM's own
 * terms depend on its shape only (and on the VMs it wants to be near), a node's on what is on it.
 */
#include <math.h>
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
#define QUEUES         0.20 /* of what is left undone is lost once more when everybody waits for long */
#define INTERFERENCE   0.05 /* lost by each vCPU of a node that is fully busy */
#define PIECES         0.002 /* of a node's CPUs when half of its memory is left */
#define STRANDED       0.005 /* of a node's CPUs when it has memory without CPUs, or the reverse */

#define GIB_BYTES 1073741824.0

/* How much a goal makes of waiting for memory, of its bandwidth, and of pressing on what a node shares. */
static const struct {
	double access, bandwidth, pressure;
} goals[PLANNER_GOALS] = {
	[PLANNER_BALANCED] = { 1, 0, 1 },
	[PLANNER_LATENCY] = { 2, 0, 1 },
	[PLANNER_BANDWIDTH] = { 1, 1, 2 },
	[PLANNER_DENSITY] = { 1, 0, 0.25 },
};

const char *planner_term_name(enum planner_term term)
{
	static const char *const names[] = {
		[PLANNER_ACCESS] = "access",
		[PLANNER_SLOW_MEMORY] = "bandwidth",
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

/* Share of a VM's memory that a part has. */
static double memory_share(const struct planner_vm *vm, const struct place *place, unsigned int part)
{
	return vm->memory ? (double)place->parts[part].bytes / (double)vm->memory : 1.0 / place->count;
}

/* Average extra latency of an access, weighted by where vCPUs and memory are. */
static double remoteness(const struct planner_problem *problem, const struct planner_vm *vm,
	const struct place *place)
{
	double sum = 0;

	for (unsigned int i = 0; i < place->count; i++) {
		const struct planner_site *site = &problem->sites[place->parts[i].site];
		double own = latency(problem, site->cpu_node, site->memory_node), all = 0;

		for (unsigned int j = 0; j < place->count && place->count > 1; j++) {
			all += memory_share(vm, place, j) * latency(problem, site->cpu_node,
				problem->sites[place->parts[j].site].memory_node);
		}
		sum += (double)place->parts[i].vcpus / vm->vcpus *
			(place->count > 1 ? OWN_NODE * own + (1 - OWN_NODE) * all : own);
	}
	return sum;
}

/* What its memory lacks of the bandwidth of the machine's best, 0 to 1; of what is unknown, nothing. */
static double slowness(const struct planner_problem *problem, const struct planner_vm *vm, const struct place *place)
{
	double best = 0, sum = 0;

	for (unsigned int i = 0; i < problem->node_count; i++)
		best = fmax(best, problem->nodes[i].bandwidth);
	for (unsigned int i = 0; i < place->count; i++) {
		double own = problem->nodes[problem->sites[place->parts[i].site].memory_node].bandwidth;

		sum += own > 0 ? memory_share(vm, place, i) * (1 - own / best) : 0;
	}
	return sum;
}

static double cache_cost(const struct planner_problem *problem, const struct planner_vm *vm,
	const struct planner_part *part)
{
	unsigned int llc = problem->nodes[problem->sites[part->site].cpu_node].llc_cpus;
	unsigned int caches = llc ? (part->vcpus + llc - 1) / llc : 1;

	if (!vm->dedicated || caches < 2)
		return 0;
	return CACHE_CROSSING * vm->demand * part->vcpus / vm->vcpus * (1 - 1.0 / caches);
}

static double device_cost(const struct planner_problem *problem, const struct planner_vm *vm,
	const struct place *place)
{
	double sum = 0;

	for (unsigned int i = 0; i < place->count; i++)
		for (unsigned int j = 0; j < vm->device_count; j++)
			sum += (double)place->parts[i].vcpus / vm->vcpus / vm->device_count *
				latency(problem, problem->sites[place->parts[i].site].cpu_node, vm->devices[j]);
	return DEVICE * vm->demand * sum;
}

/* Bytes of a VM's memory that a node shall have. */
static uint64_t wanted_on(const struct planner_problem *problem, const struct place *place, unsigned int node)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < place->count; i++)
		bytes += problem->sites[place->parts[i].site].memory_node == node ? place->parts[i].bytes : 0;
	return bytes;
}

/* What lies where less of the VM shall be leaves for its parts, in proportion to them. */
static double move_cost(const struct planner_problem *problem, const struct planner_vm *vm,
	const struct place *place)
{
	double sum = 0, leaving = 0, all = 0;

	for (unsigned int node = 0; vm->resident && vm->memory && node < problem->node_count; node++) {
		uint64_t has = vm->resident[node], wanted = has ? wanted_on(problem, place, node) : 0;
		double way = 1;

		all += (double)has;
		if (has <= wanted)
			continue;
		for (unsigned int i = 0; i < place->count; i++)
			way += (double)place->parts[i].bytes / (double)vm->memory *
				latency(problem, node, problem->sites[place->parts[i].site].memory_node);
		sum += (double)(has - wanted) / GIB_BYTES * MOVE_GIB * way;
		leaving += (double)(has - wanted);
	}
	return sum + (leaving > all / 10 ? MOVE_GUEST : 0);
}

void cost_of_place(const struct planner_problem *problem, unsigned int vm, const struct place *place,
	double terms[PLANNER_TERMS])
{
	const struct planner_vm *self = &problem->vms[vm];

	memset(terms, 0, PLANNER_TERMS * sizeof(*terms));
	terms[PLANNER_ACCESS] = MEMORY_SHARE * goals[self->goal].access * self->demand *
		remoteness(problem, self, place);
	if (goals[self->goal].bandwidth > 0)
		terms[PLANNER_SLOW_MEMORY] = MEMORY_SHARE * goals[self->goal].bandwidth * self->demand *
			slowness(problem, self, place);
	for (unsigned int i = 0; i < place->count; i++)
		terms[PLANNER_CACHE] += cache_cost(problem, self, &place->parts[i]);
	terms[PLANNER_DEVICE] = device_cost(problem, self, place);
	terms[PLANNER_MOVE] = move_cost(problem, self, place);
}

/* Average extra latency between the vCPUs of two VMs. */
static double apartness(const struct planner_problem *problem, const struct place *one,
	const struct place *other)
{
	double sum = 0, all = 0;

	for (unsigned int i = 0; i < one->count; i++)
		for (unsigned int j = 0; j < other->count; j++) {
			double weight = (double)one->parts[i].vcpus * other->parts[j].vcpus;

			sum += weight * latency(problem, problem->sites[one->parts[i].site].cpu_node,
				problem->sites[other->parts[j].site].cpu_node);
			all += weight;
		}
	return sum / all;
}

double cost_near(const struct state *state, unsigned int vm, const struct place *place)
{
	const struct planner_problem *problem = state->problem;
	double demand = problem->vms[vm].demand, sum = 0;

	for (unsigned int i = state->companion[vm]; i != vm; i = state->companion[i])
		if (state->at[i] != NO_PLACE)
			sum += NEARNESS * fmin(demand, problem->vms[i].demand) *
				apartness(problem, place, &state->places[i][state->at[i]]);
	return sum;
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

double cost_memory_used(const struct planner_node *node, const struct node_state *on, double more)
{
	uint64_t bytes = node->total - (node->memory < node->total ? node->memory : node->total);

	bytes += on->used[PLANNER_MEMORY] + on->used[PLANNER_2M] + on->used[PLANNER_1G];
	for (int i = PLANNER_MEMORY + 1; i < PLANNER_SOURCES; i++)
		bytes -= node->pool[i] < bytes ? node->pool[i] : bytes;
	return clamp(((double)bytes + more) / (double)node->total, 1);
}

/* Memory in CPUs: a node's part of all memory stands for that part of all CPUs. */
static double memory_scale(const struct state *state, const struct planner_node *node)
{
	return state->cpus_all * (double)node->total / state->memory_all;
}

double cost_pieces(const struct state *state, unsigned int index, double used)
{
	return memory_scale(state, &state->problem->nodes[index]) * PIECES * 4 * used * (1 - used);
}

static double fragmentation(const struct state *state, unsigned int index, const struct node_state *on)
{
	const struct planner_node *node = &state->problem->nodes[index];
	double used, busy;

	if (!node->total)
		return 0;
	used = cost_memory_used(node, on, 0);
	busy = node->cpus ? clamp((on->load + on->fenced) / node->cpus, 1) : used;
	return cost_pieces(state, index, used) +
		memory_scale(state, node) * STRANDED * (used - busy) * (used - busy);
}

double cost_interference(const struct planner_node *node, double pressure)
{
	return node->cpus ? INTERFERENCE * pressure * pressure / node->cpus : 0;
}

void cost_of_node(const struct state *state, unsigned int index, const struct node_state *on,
	double terms[PLANNER_TERMS])
{
	const struct planner_node *node = &state->problem->nodes[index];
	double cpus = cost_shared_cpus(node, on), cores = cpus / node->core_width;
	double over = on->load > cpus ? on->load - cpus : 0;

	terms[PLANNER_CONTENTION] = over > 0 ? over + QUEUES * over * over / on->load : 0;
	terms[PLANNER_SMT] = SMT_LOSS * clamp(on->load - cores, cpus - cores);
	terms[PLANNER_INTERFERENCE] = cost_interference(node, on->pressure);
	terms[PLANNER_FRAGMENTATION] = fragmentation(state, index, on);
}

double cost_node_sum(const struct state *state, unsigned int index, const struct node_state *on)
{
	double terms[PLANNER_TERMS];

	cost_of_node(state, index, on, terms);
	return terms[PLANNER_CONTENTION] + terms[PLANNER_SMT] + terms[PLANNER_INTERFERENCE] +
		terms[PLANNER_FRAGMENTATION];
}
