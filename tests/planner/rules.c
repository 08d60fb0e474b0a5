/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How other tools choose nodes, as rules on the same problems. Each takes the VMs one after another
 * as they come and looks at nothing but what is free:
 *
 *   first fit   the lowest node with room; if none has, the first nodes that together have
 *   numad       the node with the largest product of free CPUs and free memory, and more of them, in that
 *               order, until both needs are met (numad.c, pick_numa_nodes)
 *   Nova        the fullest node that has room, CPUs overcommitted up to 16 times; a guest that does not
 *               fit is tried with 2, 3, ... equal guest nodes, which an administrator would have to
 *               say with hw:numa_nodes (nova/virt/hardware.py, numa_fit_instance_to_host)
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tests/planner/planner_test.h"

#define NOVA_RATIO 16.0
#define UNLIMITED  1e9 /* vCPUs a CPU */

struct left { /* of a node */
	double cpus, bytes[PLANNER_SOURCES], memory, dedicable;
	double threads, shared, limit; /* threads outside of dedicated cores, vCPUs there, the most a thread */
	bool apart;
};

const char *rule_name(enum rule rule)
{
	static const char *const names[RULES] = { "first fit", "numad's rule", "Nova's rule" };

	return names[rule];
}

static double room_for(const struct planner_problem *p, const struct left *left, unsigned int site,
	enum planner_source source)
{
	unsigned int node = p->sites[site].memory_node;
	double pool = source == PLANNER_MEMORY ? 0 : left[node].bytes[source];

	return pool + (source != PLANNER_MEMORY && p->nodes[node].pool_fixed[source] ? 0 : left[node].memory);
}

/* Threads of the whole cores that a part of a VM takes when it is dedicated. */
static unsigned int threads_of(const struct planner_problem *p, const struct planner_part *part)
{
	unsigned int width = p->nodes[p->sites[part->site].cpu_node].core_width;

	return (part->vcpus + width - 1) / width * width;
}

static double smaller_limit(double limit, const struct planner_vm *vm)
{
	return !vm->dedicated && vm->overcommit > 0 && vm->overcommit < limit ? vm->overcommit : limit;
}

/* Every tool is given the overcommit limits, as it is given the groups. */
static bool keeps_limit(const struct left *cpu, const struct planner_vm *vm, const struct planner_part *part,
	double threads)
{
	double shared = cpu->shared + (vm->dedicated ? 0 : part->vcpus);

	return !(shared > 0) || shared <= smaller_limit(cpu->limit, vm) * (cpu->threads - (vm->dedicated ? threads : 0));
}

static bool fits(const struct planner_problem *p, const struct left *left, const struct planner_vm *vm,
	const struct planner_part *part, enum rule rule)
{
	const struct left *cpu = &left[p->sites[part->site].cpu_node];
	unsigned int node = p->sites[part->site].cpu_node;
	double threads = threads_of(p, part);

	if (!keeps_limit(cpu, vm, part, threads))
		return false;
	if (room_for(p, left, part->site, vm->source) < (double)part->bytes || (vm->apart >= 0 && cpu->apart))
		return false;
	if (vm->dedicated)
		return cpu->dedicable >= threads && cpu->cpus > threads;
	if (rule == RULE_NOVA)
		return cpu->cpus + (NOVA_RATIO - 1) * p->nodes[node].cpus >= part->vcpus;
	return rule != RULE_FIRST_FIT || cpu->cpus >= part->vcpus;
}

static void take(const struct planner_problem *p, struct left *left, const struct planner_vm *vm,
	const struct planner_part *part)
{
	struct left *cpu = &left[p->sites[part->site].cpu_node];
	struct left *memory = &left[p->sites[part->site].memory_node];
	double threads = threads_of(p, part), bytes = (double)part->bytes;
	double pool = vm->source == PLANNER_MEMORY ? 0 : memory->bytes[vm->source];
	double from_pool = bytes < pool ? bytes : pool;

	cpu->cpus -= vm->dedicated ? threads : vm->demand * part->vcpus / vm->vcpus;
	cpu->dedicable -= vm->dedicated ? threads : 0;
	cpu->threads -= vm->dedicated ? threads : 0;
	cpu->shared += vm->dedicated ? 0 : part->vcpus;
	cpu->limit = smaller_limit(cpu->limit, vm);
	cpu->apart |= vm->apart >= 0;
	if (vm->source != PLANNER_MEMORY)
		memory->bytes[vm->source] -= from_pool;
	memory->memory -= bytes - from_pool;
}

/* Sites in the order in which the rule tries them. */
static void order_sites(const struct planner_problem *p, const struct left *left, const struct planner_vm *vm,
	enum rule rule, unsigned int *order)
{
	double *value = xcalloc(p->site_count, sizeof(*value));

	for (unsigned int i = 0; i < p->site_count; i++) {
		double cpus = left[p->sites[i].cpu_node].cpus, memory = room_for(p, left, i, vm->source);
		unsigned int at = i;

		value[i] = rule == RULE_FIRST_FIT ? -(double)i
			: rule == RULE_NUMAD ? (cpus > 0.1 ? cpus : 0.1) * memory : -memory;
		for (; at > 0 && value[order[at - 1]] < value[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	free(value);
}

/* @count parts, equal ones, on the first sites in the order that take such a part. */
static bool place_in(const struct planner_problem *p, struct left *left, const struct planner_vm *vm,
	enum rule rule, const unsigned int *order, unsigned int count, struct planner_placement *at)
{
	at->parts = xcalloc(count, sizeof(*at->parts));
	for (unsigned int i = 0; i < p->site_count && at->part_count < count; i++) {
		struct planner_part part = { .site = order[i],
			.vcpus = 1 + (unsigned int)planner_part(vm->vcpus - count, NULL, count, at->part_count),
			.bytes = (1 + planner_part(vm->memory / vm->step - count, NULL, count, at->part_count)) *
				vm->step };

		if (count == 1)
			part.bytes = vm->memory;
		if (fits(p, left, vm, &part, rule))
			at->parts[at->part_count++] = part;
	}
	if (at->part_count == count) {
		for (unsigned int i = 0; i < count; i++)
			take(p, left, vm, &at->parts[i]);
		return true;
	}
	free(at->parts);
	*at = (struct planner_placement){ 0 };
	return false;
}

/* What a fixed VM takes is in the nodes' figures; its wishes about who else is there are not. */
static void stand_fixed(const struct planner_problem *p, struct left *left, const struct planner_vm *vm,
	struct planner_placement *at)
{
	at->part_count = vm->fixed_parts;
	at->parts = xcalloc(vm->fixed_parts, sizeof(*at->parts));
	for (unsigned int i = 0; i < vm->fixed_parts; i++) {
		struct left *cpu = &left[p->sites[vm->fixed[i].site].cpu_node];

		at->parts[i] = vm->fixed[i];
		cpu->limit = smaller_limit(cpu->limit, vm);
		cpu->apart |= vm->apart >= 0;
	}
}

bool rule_place(enum rule rule, const struct planner_problem *p, struct planner_placement *placements)
{
	struct left *left = xcalloc(p->node_count, sizeof(*left));
	unsigned int *order = xcalloc(p->site_count, sizeof(*order));
	bool all = true;

	for (unsigned int i = 0; i < p->node_count; i++) {
		const struct planner_node *node = &p->nodes[i];

		left[i] = (struct left){ .cpus = node->cpus - node->load, .memory = (double)node->memory,
			.dedicable = node->dedicable, .threads = node->cpus -
				(node->isolated < node->cpus && node->isolated > node->fenced ? node->isolated
											     : node->fenced),
			.shared = node->vcpus, .limit = UNLIMITED };
		for (int kind = PLANNER_2M; kind <= PLANNER_1G; kind++)
			left[i].bytes[kind] = (double)node->pool[kind];
	}
	for (unsigned int i = p->vm_count; i < p->vm_count + p->fixed_count; i++)
		stand_fixed(p, left, &p->vms[i], &placements[i]);
	for (unsigned int i = 0; all && i < p->vm_count; i++) {
		bool placed = false;

		order_sites(p, left, &p->vms[i], rule, order);
		for (unsigned int count = 1; !placed && count <= p->vms[i].parts_max; count++)
			placed = place_in(p, left, &p->vms[i], rule, order, count, &placements[i]);
		all = placed;
	}
	free(left);
	free(order);
	return all;
}
