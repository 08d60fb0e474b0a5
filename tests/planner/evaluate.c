/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cost of a placement once more, from docs/placement.md and not from the planner's code: slowly,
 * from nothing, section by section, with the weights written out as they stand there.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tests/planner/planner_test.h"

static const double access_weight[] = { 1, 2, 1, 1 };     /* balanced, latency, bandwidth, density */
static const double pressure_weight[] = { 1, 1, 2, 0.25 };

struct tally { /* of one node */
	double shared_demand, shared_vcpus, limit, pressure, threads_fenced, threads_dedicated, bytes[3];
	unsigned int sharing, parts; /* of VMs to be placed, on its CPUs or in its memory */
};

static double extra(const struct planner_problem *p, unsigned int from, unsigned int to)
{
	return p->latency[from * p->node_count + to];
}

static unsigned int cpu_of(const struct planner_problem *p, const struct planner_part *part)
{
	return p->sites[part->site].cpu_node;
}

static unsigned int memory_of(const struct planner_problem *p, const struct planner_part *part)
{
	return p->sites[part->site].memory_node;
}

static const char *check_parts(const struct planner_problem *p, const struct planner_vm *vm,
	const struct planner_placement *at)
{
	unsigned int vcpus = 0;
	uint64_t bytes = 0;

	if (!at->part_count)
		return "a VM has no place";
	if (at->part_count > vm->parts_max)
		return "more parts than the VM may have";
	for (unsigned int i = 0; i < at->part_count; i++) {
		const struct planner_part *part = &at->parts[i];

		if (part->site >= p->site_count || !part->vcpus || (vm->memory && !part->bytes))
			return "an empty part";
		if (at->part_count > 1 && part->bytes % vm->step)
			return "a part that is not whole pages";
		vcpus += part->vcpus;
		bytes += part->bytes;
	}
	return vcpus != vm->vcpus || bytes != vm->memory ? "parts that do not sum up to the VM" : NULL;
}

static void add_up(const struct planner_problem *p, const struct planner_vm *vm,
	const struct planner_placement *at, struct tally *tally)
{
	for (unsigned int i = 0; i < at->part_count; i++) {
		const struct planner_part *part = &at->parts[i];
		struct tally *cpu = &tally[cpu_of(p, part)];
		double demand = vm->demand * part->vcpus / vm->vcpus;
		unsigned int width = p->nodes[cpu_of(p, part)].core_width;
		unsigned int cores = (part->vcpus + width - 1) / width;

		cpu->pressure += demand * pressure_weight[vm->goal];
		if (vm->dedicated) {
			cpu->threads_dedicated += part->vcpus;
			cpu->threads_fenced += cores * width;
		} else {
			cpu->shared_demand += demand;
			cpu->shared_vcpus += part->vcpus;
			cpu->sharing++;
			if (vm->overcommit > 0 && (!(cpu->limit > 0) || vm->overcommit < cpu->limit))
				cpu->limit = vm->overcommit;
		}
		tally[memory_of(p, part)].bytes[vm->source] += (double)part->bytes;
		cpu->parts++;
		tally[memory_of(p, part)].parts++;
	}
}

/* C of section 5. */
static double free_threads_of(const struct planner_node *node, const struct tally *t)
{
	bool all_isolated = node->isolated >= node->cpus;
	double given = !all_isolated && node->isolated > t->threads_fenced ? node->isolated : t->threads_fenced;
	double outside = node->cpus - given;

	return outside > 0 ? outside : node->cpus > t->threads_dedicated ? 0.5 : 0;
}

/* Hard rules of section 3. */
static const char *check_node(const struct planner_node *node, const struct tally *t)
{
	double ordinary = t->bytes[PLANNER_MEMORY];

	for (int kind = PLANNER_2M; kind <= PLANNER_1G; kind++) {
		double over = t->bytes[kind] - (double)node->pool[kind];

		if (over > 0 && node->pool_fixed[kind])
			return "a fixed pool is overdrawn";
		ordinary += over > 0 ? over : 0;
	}
	if (ordinary > (double)node->memory)
		return "a node's memory is overdrawn";
	if (t->threads_fenced > node->dedicable + node->fenced)
		return "more dedicated cores than a node has";
	if (t->sharing && t->threads_dedicated >= node->cpus)
		return "VMs that share have no CPU";
	if (t->parts && t->limit > 0 && t->shared_vcpus > t->limit * free_threads_of(node, t) + 1e-6)
		return "more vCPUs a CPU than a VM allows";
	return NULL;
}

static const char *check_groups(const struct planner_problem *p, const struct planner_placement *placements)
{
	for (unsigned int v = 0; v < p->vm_count + p->fixed_count; v++)
		for (unsigned int w = 0; w < v && w < p->vm_count; w++)
			for (unsigned int i = 0; i < placements[v].part_count; i++)
				for (unsigned int j = 0; j < placements[w].part_count; j++)
					if (p->vms[v].apart >= 0 && p->vms[v].apart == p->vms[w].apart &&
						placements[v].parts[i].vcpus && placements[w].parts[j].vcpus &&
						cpu_of(p, &placements[v].parts[i]) ==
							cpu_of(p, &placements[w].parts[j]))
						return "VMs that want to be apart share a node";
	return NULL;
}

/* Section 4, "access": 0.30 of a busy vCPU waits for memory; a guest with nodes keeps 0.70 local. */
static double access_cost(const struct planner_problem *p, const struct planner_vm *vm,
	const struct planner_placement *at)
{
	double average = 0;

	for (unsigned int i = 0; i < at->part_count; i++)
		for (unsigned int j = 0; j < at->part_count; j++) {
			double share = vm->memory ? (double)at->parts[j].bytes / (double)vm->memory
						  : 1.0 / at->part_count;
			double chance = at->part_count == 1 ? 1 : (i == j ? 0.70 : 0) + 0.30 * share;

			average += chance * at->parts[i].vcpus / vm->vcpus *
				extra(p, cpu_of(p, &at->parts[i]), memory_of(p, &at->parts[j]));
		}
	return 0.30 * access_weight[vm->goal] * vm->demand * average;
}

/* Section 4, "bandwidth": a VM of that goal loses 0.30 of what its memory is slower than the fastest there is. */
static double bandwidth_cost(const struct planner_problem *p, const struct planner_vm *vm,
	const struct planner_placement *at)
{
	double fastest = 0, lost = 0;

	if (vm->goal != PLANNER_BANDWIDTH)
		return 0;
	for (unsigned int n = 0; n < p->node_count; n++)
		fastest = p->nodes[n].bandwidth > fastest ? p->nodes[n].bandwidth : fastest;
	for (unsigned int i = 0; i < at->part_count; i++) {
		double own = p->nodes[memory_of(p, &at->parts[i])].bandwidth;
		double weight = vm->memory ? (double)at->parts[i].bytes / (double)vm->memory : 1.0 / at->part_count;

		if (own > 0)
			lost += weight * (fastest - own) / fastest;
	}
	return 0.30 * vm->demand * lost;
}

static double cache_cost(const struct planner_problem *p, const struct planner_vm *vm,
	const struct planner_placement *at)
{
	double sum = 0;

	for (unsigned int i = 0; vm->dedicated && i < at->part_count; i++) {
		unsigned int size = p->nodes[cpu_of(p, &at->parts[i])].llc_cpus;
		double caches = size ? (at->parts[i].vcpus + size - 1) / size : 1;

		sum += 0.05 * vm->demand * at->parts[i].vcpus / vm->vcpus * (1 - 1 / caches);
	}
	return sum;
}

static double device_cost(const struct planner_problem *p, const struct planner_vm *vm,
	const struct planner_placement *at)
{
	double sum = 0;

	for (unsigned int d = 0; d < vm->device_count; d++)
		for (unsigned int i = 0; i < at->part_count; i++)
			sum += at->parts[i].vcpus * extra(p, cpu_of(p, &at->parts[i]), vm->devices[d]);
	return vm->device_count ? 0.10 * vm->demand * sum / vm->vcpus / vm->device_count : 0;
}

/* 0.02 for each GiB that leaves its node, by the way it goes, and 0.02 when that is more than a tenth. */
static double move_cost(const struct planner_problem *p, const struct planner_vm *vm,
	const struct planner_placement *at)
{
	double cost = 0, left = 0, has = 0;

	for (unsigned int n = 0; vm->resident && n < p->node_count; n++) {
		double stays = 0, way = 0, goes;

		for (unsigned int i = 0; i < at->part_count; i++) {
			if (memory_of(p, &at->parts[i]) == n)
				stays += (double)at->parts[i].bytes;
			way += (double)at->parts[i].bytes / (double)vm->memory * extra(p, n, memory_of(p, &at->parts[i]));
		}
		goes = (double)vm->resident[n] > stays ? (double)vm->resident[n] - stays : 0;
		cost += 0.02 * goes / (1 << 30) * (1 + way);
		left += goes;
		has += (double)vm->resident[n];
	}
	return cost + (left > has / 10 ? 0.02 : 0);
}

static double near_cost(const struct planner_problem *p, const struct planner_placement *placements)
{
	double total = 0;

	for (unsigned int v = 0; v < p->vm_count + p->fixed_count; v++)
		for (unsigned int w = 0; w < v; w++) {
			const struct planner_vm *a = &p->vms[v], *b = &p->vms[w];
			double sum = 0;

			if (a->together < 0 || a->together != b->together)
				continue;
			for (unsigned int i = 0; i < placements[v].part_count; i++)
				for (unsigned int j = 0; j < placements[w].part_count; j++)
					sum += (double)placements[v].parts[i].vcpus / a->vcpus *
						placements[w].parts[j].vcpus / b->vcpus *
						extra(p, cpu_of(p, &placements[v].parts[i]),
							cpu_of(p, &placements[w].parts[j]));
			total += 0.10 * (a->demand < b->demand ? a->demand : b->demand) * sum;
		}
	return total;
}

static double at_most(double value, double most)
{
	return value > most ? most : value < 0 ? 0 : value;
}

/* Section 5: what VMs on one node do to each other, and what is left of it. */
static double node_cost(const struct planner_problem *p, const struct planner_node *node, const struct tally *t)
{
	double free_threads = free_threads_of(node, t), waiting, cost, all_memory = 0, all_cpus = 0;
	double used, busy, pools = 0;

	waiting = t->shared_demand > free_threads ? t->shared_demand - free_threads : 0;
	cost = waiting > 0 ? waiting + 0.20 * waiting * waiting / t->shared_demand : 0;
	cost += 0.60 * at_most(t->shared_demand - free_threads / node->core_width,
		free_threads - free_threads / node->core_width);
	if (node->cpus)
		cost += 0.05 * t->pressure * t->pressure / node->cpus;
	if (!node->total)
		return cost;
	for (unsigned int i = 0; i < p->node_count; i++) {
		all_memory += (double)p->nodes[i].total;
		all_cpus += p->nodes[i].cpus;
	}
	for (int kind = PLANNER_2M; kind <= PLANNER_1G; kind++)
		pools += (double)node->pool[kind];
	used = (double)node->total - (double)node->memory + t->bytes[0] + t->bytes[1] + t->bytes[2] - pools;
	used = at_most(used / (double)node->total, 1);
	busy = node->cpus ? at_most((t->shared_demand + t->threads_fenced) / node->cpus, 1) : used;
	return cost + all_cpus * (double)node->total / all_memory *
		(0.002 * 4 * used * (1 - used) + 0.005 * (used - busy) * (used - busy));
}

static const char *find_fault(const struct planner_problem *p, const struct planner_placement *placements,
	struct tally *tally)
{
	double dedicated = 0, cpus = 0;
	const char *fault = NULL;

	for (unsigned int i = 0; !fault && i < p->vm_count; i++)
		fault = check_parts(p, &p->vms[i], &placements[i]);
	if (fault)
		return fault;
	for (unsigned int i = 0; i < p->vm_count; i++)
		add_up(p, &p->vms[i], &placements[i], tally);
	for (unsigned int i = 0; !fault && i < p->node_count; i++) {
		fault = check_node(&p->nodes[i], &tally[i]);
		dedicated += tally[i].threads_dedicated;
		cpus += p->nodes[i].cpus;
	}
	for (unsigned int i = 0; !fault && i < p->vm_count; i++)
		if (p->vms[i].dedicated && dedicated + p->keep_cpus > cpus)
			return "no CPU is left to the host";
	return fault ? fault : check_groups(p, placements);
}

double evaluate(const struct planner_problem *p, const struct planner_placement *placements,
	const char **broken)
{
	struct tally *tally = xcalloc(p->node_count, sizeof(*tally));
	double cost = 0;

	for (unsigned int i = 0; i < p->node_count; i++) {
		const struct planner_node *node = &p->nodes[i];

		tally[i] = (struct tally){ .shared_demand = node->load, .shared_vcpus = node->vcpus, .sharing = node->vcpus > 0,
			.pressure = node->load + node->dedicated, .threads_fenced = node->fenced,
			.threads_dedicated = node->dedicated };
	}
	for (unsigned int i = p->vm_count; i < p->vm_count + p->fixed_count; i++)
		for (unsigned int j = 0; j < p->vms[i].fixed_parts; j++) {
			struct tally *t = &tally[cpu_of(p, &p->vms[i].fixed[j])];

			if (!p->vms[i].dedicated && p->vms[i].overcommit > 0 &&
				(!(t->limit > 0) || p->vms[i].overcommit < t->limit))
				t->limit = p->vms[i].overcommit;
		}
	*broken = find_fault(p, placements, tally);
	if (!*broken) {
		for (unsigned int i = 0; i < p->vm_count + p->fixed_count; i++)
			cost += access_cost(p, &p->vms[i], &placements[i]) +
				bandwidth_cost(p, &p->vms[i], &placements[i]) +
				cache_cost(p, &p->vms[i], &placements[i]) +
				device_cost(p, &p->vms[i], &placements[i]) +
				move_cost(p, &p->vms[i], &placements[i]);
		cost += near_cost(p, placements);
		for (unsigned int i = 0; i < p->node_count; i++)
			cost += node_cost(p, &p->nodes[i], &tally[i]);
	}
	free(tally);
	return *broken ? -1 : cost;
}
