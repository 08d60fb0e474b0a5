/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generated problems: machines as they are sold, and VMs that fill a part of them or nearly all. */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tests/planner/planner_test.h"

#define GIB (1024ull * 1024 * 1024)

static uint64_t next(uint64_t *seed) /* splitmix64 */
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static unsigned int from_to(uint64_t *seed, unsigned int least, unsigned int most)
{
	return least + (unsigned int)(next(seed) % ((uint64_t)most - least + 1));
}

static bool one_in(uint64_t *seed, unsigned int n)
{
	return next(seed) % n == 0;
}

/* SLIT values by how far apart two nodes are: flat, packages of two or four nodes, a ring of sockets. */
static unsigned int slit(unsigned int kind, unsigned int a, unsigned int b, unsigned int count)
{
	unsigned int hops = a > b ? a - b : b - a;

	if (a == b)
		return 10;
	switch (kind) {
	case 0:
		return 21;
	case 1:
		return a / 2 == b / 2 ? 12 : 21;
	case 2:
		return a / 4 == b / 4 ? 12 : 32;
	default:
		hops = hops < count - hops ? hops : count - hops;
		return hops < 2 ? 16 : hops < 3 ? 22 : 28;
	}
}

static void make_machine(struct planner_problem *problem, unsigned int nodes, unsigned int cpus,
	uint64_t memory, unsigned int kind)
{
	*problem = (struct planner_problem){ .node_count = nodes, .site_count = nodes, .keep_cpus = 1 };
	problem->nodes = xcalloc(nodes, sizeof(*problem->nodes));
	problem->sites = xcalloc(nodes, sizeof(*problem->sites));
	problem->latency = xcalloc((size_t)nodes * nodes, sizeof(*problem->latency));
	for (unsigned int i = 0; i < nodes; i++) {
		problem->nodes[i] = (struct planner_node){ .cpus = cpus, .core_width = 2, .llc_cpus = cpus,
			.dedicable = cpus, .total = memory, .memory = memory - memory / 32 };
		problem->sites[i] = (struct planner_site){ i, i };
		for (unsigned int j = 0; j < nodes; j++)
			problem->latency[i * nodes + j] = slit(kind, i, j, nodes) / 10.0 - 1;
	}
}

static void make_uneven(struct planner_problem *problem, uint64_t *seed)
{
	for (unsigned int i = 0; i < problem->node_count; i++) {
		struct planner_node *node = &problem->nodes[i];

		if (one_in(seed, 3))
			node->memory /= 2;
		if (one_in(seed, 4))
			node->vcpus = node->load = from_to(seed, 1, node->cpus / 2);
		if (node->load > 0 && one_in(seed, 2))
			node->load /= 3;
		if (one_in(seed, 4))
			node->isolated = from_to(seed, 0, node->cpus / 4) * 2;
		if (one_in(seed, 3)) {
			node->llc_cpus = node->cpus / 2;
			node->pool[PLANNER_2M] = node->memory / 4 / (2 << 20) * (2 << 20);
			node->memory -= node->pool[PLANNER_2M];
			node->pool_fixed[PLANNER_2M] = one_in(seed, 2);
		}
	}
}

/* The last node has memory only: a second, slower memory of the first CPUs. */
static void add_slow_memory(struct planner_problem *problem)
{
	unsigned int last = problem->node_count - 1;
	struct planner_node *node = &problem->nodes[last];

	node->cpus = node->dedicable = node->llc_cpus = 0;
	node->load = node->vcpus = 0;
	node->isolated = 0;
	problem->sites[last].cpu_node = 0;
}

/* As the firmware tells it: of no node, or of some, fast and slow ones. */
static void add_bandwidths(struct planner_problem *problem, uint64_t *seed)
{
	if (one_in(seed, 2))
		return;
	for (unsigned int i = 0; i < problem->node_count; i++)
		if (!one_in(seed, 4))
			problem->nodes[i].bandwidth = from_to(seed, 1, 4) * 100000;
}

static uint64_t whole_memory(const struct planner_problem *problem)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < problem->node_count; i++)
		sum += problem->nodes[i].memory + problem->nodes[i].pool[PLANNER_2M];
	return sum;
}

static double whole_cpus(const struct planner_problem *problem)
{
	double sum = 0;

	for (unsigned int i = 0; i < problem->node_count; i++)
		sum += problem->nodes[i].cpus - problem->nodes[i].load;
	return sum;
}

/* One to three devices of a VM, on any nodes. */
static void add_devices(const struct planner_problem *problem, struct planner_vm *vm, uint64_t *seed)
{
	unsigned int *devices;

	vm->device_count = from_to(seed, 1, 3);
	vm->devices = devices = xcalloc(vm->device_count, sizeof(*devices));
	for (unsigned int i = 0; i < vm->device_count; i++)
		devices[i] = from_to(seed, 0, problem->node_count - 1);
}

/* Where a VM that runs has its memory: on one node, or halved over two. */
static const uint64_t *draw_resident(const struct planner_problem *problem, uint64_t memory, uint64_t *seed)
{
	uint64_t *resident = xcalloc(problem->node_count, sizeof(*resident));

	for (unsigned int i = 0; i < 2; i++)
		resident[from_to(seed, 0, problem->node_count - 1)] += memory / 2;
	return resident;
}

/* Up to two VMs at the end that have their place already, and what they take taken off the nodes. */
static void fix_some(struct planner_problem *problem, uint64_t *seed)
{
	for (unsigned int fixed = 0; fixed < 2 && problem->vm_count > 2 && one_in(seed, 3); fixed++) {
		struct planner_vm *vm = &problem->vms[problem->vm_count - 1];
		unsigned int site = from_to(seed, 0, problem->site_count - 1);
		struct planner_node *cpu = &problem->nodes[problem->sites[site].cpu_node];
		struct planner_node *memory = &problem->nodes[problem->sites[site].memory_node];
		struct planner_part *part = xcalloc(1, sizeof(*part));

		*part = (struct planner_part){ site, vm->vcpus, vm->memory };
		vm->fixed = part;
		vm->fixed_parts = 1;
		if (vm->overcommit > 0)
			vm->overcommit = 8; /* not exceeded before anything was placed */
		memory->memory -= vm->memory < memory->memory ? vm->memory : memory->memory;
		if (vm->dedicated && cpu->dedicable > vm->vcpus + 1) {
			unsigned int threads = (vm->vcpus + 1) / 2 * 2;

			cpu->dedicated += vm->vcpus;
			cpu->fenced += threads;
			cpu->dedicable -= threads;
		} else {
			cpu->load += vm->demand;
			cpu->vcpus += vm->vcpus;
		}
		problem->vm_count--;
		problem->fixed_count++;
	}
}

/* VMs of uneven sizes that want @memory and @cpus in all. */
static void make_vms(struct planner_problem *problem, unsigned int count, double memory, double cpus,
	uint64_t *seed)
{
	double weights[16], sum = 0;

	problem->vm_count = count;
	problem->vms = xcalloc(count, sizeof(*problem->vms));
	for (unsigned int i = 0; i < count; i++)
		sum += weights[i] = from_to(seed, 10, one_in(seed, 3) ? 80 : 30);
	for (unsigned int i = 0; i < count; i++) {
		struct planner_vm *vm = &problem->vms[i];
		double share = weights[i] / sum;
		unsigned int vcpus = (unsigned int)(share * cpus * from_to(seed, 60, 110) / 100);

		*vm = (struct planner_vm){ .step = 2 << 20, .apart = PLANNER_NO_GROUP,
			.together = PLANNER_NO_GROUP };
		vm->memory = (uint64_t)(share * memory) / GIB * GIB + GIB;
		vm->vcpus = vcpus < 1 ? 1 : vcpus;
		vm->demand = vm->vcpus * (one_in(seed, 2) ? 1 : from_to(seed, 20, 100) / 100.0);
		vm->dedicated = one_in(seed, 4);
		vm->source = one_in(seed, 4) ? PLANNER_2M : PLANNER_MEMORY;
		vm->goal = (enum planner_goal)(one_in(seed, 2) ? 0 : next(seed) % PLANNER_GOALS);
		vm->parts_max = vm->vcpus < problem->site_count ? vm->vcpus : problem->site_count;
		if (one_in(seed, 5))
			vm->resident = draw_resident(problem, vm->memory, seed);
		if (one_in(seed, 8))
			vm->apart = 0;
		if (one_in(seed, 8))
			vm->together = 0;
		if (one_in(seed, 6))
			add_devices(problem, vm, seed);
		if (one_in(seed, 6))
			vm->overcommit = from_to(seed, 2, 8) / 2.0;
	}
}

void problem_generate(struct planner_problem *problem, enum kind kind, uint64_t *seed)
{
	unsigned int nodes = from_to(seed, 2, 8), cpus = 8u << from_to(seed, 0, 3);
	double fill = (kind == LOOSE ? from_to(seed, 25, 70) : from_to(seed, 80, 97)) / 100.0;

	make_machine(problem, nodes, cpus, from_to(seed, 32, 256) * GIB, (unsigned int)(next(seed) % 4));
	if (one_in(seed, 2))
		make_uneven(problem, seed);
	if (nodes > 2 && one_in(seed, 6))
		add_slow_memory(problem);
	add_bandwidths(problem, seed);
	make_vms(problem, from_to(seed, 2, kind == HUGE_VMS ? 4 : 12), fill * (double)whole_memory(problem), fill * whole_cpus(problem),
		seed);
	fix_some(problem, seed);
}

void problem_large(struct planner_problem *problem, unsigned int nodes, unsigned int cpus, unsigned int vms,
	uint64_t *seed)
{
	double fill = 0.8, memory, demand;

	make_machine(problem, nodes, cpus, (uint64_t)(2.0 * vms / nodes * 6 / fill) * GIB, 1);
	problem->vm_count = vms;
	problem->vms = xcalloc(vms, sizeof(*problem->vms));
	memory = fill * (double)whole_memory(problem) / vms;
	demand = fill * whole_cpus(problem) / vms;
	for (unsigned int i = 0; i < vms; i++) {
		unsigned int percent = from_to(seed, 20, 170);

		problem->vms[i] = (struct planner_vm){ .vcpus = from_to(seed, 1, 8), .step = 2 << 20,
			.memory = (uint64_t)(memory * percent / 100) / (2 << 20) * (2 << 20), .parts_max = 1,
			.apart = PLANNER_NO_GROUP, .together = PLANNER_NO_GROUP };
		problem->vms[i].demand = demand * from_to(seed, 20, 180) / 100;
		if (problem->vms[i].demand > problem->vms[i].vcpus)
			problem->vms[i].demand = problem->vms[i].vcpus;
		if (one_in(seed, 10))
			problem->vms[i].together = (int)i / 50;
		if (one_in(seed, 20))
			add_devices(problem, &problem->vms[i], seed);
		if (one_in(seed, 500)) {
			problem->vms[i].memory *= nodes > 8 ? 8 : 4;
			problem->vms[i].vcpus = problem->vms[i].parts_max = 8;
		}
	}
}

void problem_release(struct planner_problem *problem)
{
	for (unsigned int i = 0; i < problem->vm_count + problem->fixed_count; i++) {
		free((void *)problem->vms[i].devices);
		free((void *)problem->vms[i].resident);
		free((void *)problem->vms[i].fixed);
	}
	free(problem->nodes);
	free(problem->sites);
	free(problem->latency);
	free(problem->vms);
}
