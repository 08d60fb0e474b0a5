/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shapes a VM can have: every set of sites on a small machine; on a larger one every site with the
 * ones nearest to it, for as many sites as some VM may need. All VMs share one table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define ALL_SETS_MAX 8 /* sites; 255 sets */

uint64_t planner_part(uint64_t whole, const double *weights, unsigned int count, unsigned int index)
{
	double sum = 0, before = 0, after;

	for (unsigned int i = 0; i < count; i++) {
		before += i < index ? (weights ? weights[i] : 1) : 0;
		sum += weights ? weights[i] : 1;
	}
	after = before + (weights ? weights[index] : 1);
	if (index + 1 == count)
		return whole - (uint64_t)((double)whole * before / sum);
	return (uint64_t)((double)whole * after / sum) - (uint64_t)((double)whole * before / sum);
}

uint64_t planner_part_some(uint64_t whole, const double *weights, unsigned int count, unsigned int index)
{
	return 1 + planner_part(whole - count, weights, count, index);
}

static struct planner_part shape_part(const struct shapes *shapes, const struct shape *shape,
	const struct planner_vm *vm, unsigned int index)
{
	struct planner_part part = { .site = shape->sites[index], .vcpus = vm->vcpus, .bytes = vm->memory };
	double weights[PLANNER_PARTS_MAX];

	if (shape->count == 1)
		return part;
	for (unsigned int i = 0; i < shape->count; i++)
		weights[i] = shape->by_size ? shapes->size[shape->sites[i]] : 1;
	part.vcpus = (unsigned int)planner_part_some(vm->vcpus, weights, shape->count, index);
	if (vm->memory)
		part.bytes = planner_part_some(vm->memory / vm->step, weights, shape->count, index) * vm->step;
	return part;
}

unsigned int shape_parts(const struct shapes *shapes, unsigned int shape, const struct planner_vm *vm,
	struct planner_part parts[PLANNER_PARTS_MAX])
{
	const struct shape *s = &shapes->shapes[shape];

	for (unsigned int i = 0; i < s->count; i++)
		parts[i] = shape_part(shapes, s, vm, i);
	return s->count;
}

static uint64_t site_bytes(const struct planner_problem *problem, unsigned int site,
	enum planner_source source)
{
	const struct planner_node *node = &problem->nodes[problem->sites[site].memory_node];
	uint64_t bytes = source == PLANNER_MEMORY ? 0 : node->pool[source];

	return source != PLANNER_MEMORY && node->pool_fixed[source] ? bytes : bytes + node->memory;
}

/* vCPUs of @vm that a site could have at most. */
static uint64_t site_vcpus(const struct planner_problem *problem, unsigned int site, const struct planner_vm *vm)
{
	const struct planner_node *node = &problem->nodes[problem->sites[site].cpu_node];

	if (vm->dedicated)
		return node->dedicable;
	return vm->overcommit > 0 && vm->overcommit < 1 ? (uint64_t)(vm->overcommit * node->cpus) : node->cpus;
}

static int descending(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? 1 : left > right ? -1 : 0;
}

unsigned int shapes_fewest(const struct planner_problem *problem, const struct planner_vm *vm)
{
	uint64_t *bytes = xcalloc(problem->site_count, sizeof(*bytes)), sum = 0;
	uint64_t *cpus = xcalloc(problem->site_count, sizeof(*cpus)), threads = 0;
	unsigned int count = 0;

	for (unsigned int i = 0; i < problem->site_count; i++) {
		bytes[i] = site_bytes(problem, i, vm->source);
		cpus[i] = site_vcpus(problem, i, vm);
	}
	qsort(bytes, problem->site_count, sizeof(*bytes), descending);
	qsort(cpus, problem->site_count, sizeof(*cpus), descending);
	while (count < problem->site_count && count < vm->parts_max &&
	       (!count || sum < vm->memory || threads < vm->vcpus)) {
		sum += bytes[count];
		threads += cpus[count++];
	}
	free(bytes);
	free(cpus);
	return count ? count : 1;
}

/* Whether a node with CPUs and memory of its own could hold it. */
static bool fits_a_node(const struct planner_problem *problem, const struct planner_vm *vm)
{
	for (unsigned int i = 0; i < problem->site_count; i++)
		if (problem->sites[i].cpu_node == problem->sites[i].memory_node &&
		    site_bytes(problem, i, vm->source) >= vm->memory && site_vcpus(problem, i, vm) >= vm->vcpus)
			return true;
	return false;
}

unsigned int shapes_most(const struct planner_problem *problem, const struct planner_vm *vm)
{
	unsigned int fewest = shapes_fewest(problem, vm);

	return fewest < vm->parts_max && !fits_a_node(problem, vm) ? fewest + 1 : fewest;
}

static void add_shape(struct shapes *shapes, const unsigned int *sites, unsigned int count, bool by_size)
{
	struct shape *shape;

	if (!(shapes->count & (shapes->count - 1)))
		shapes->shapes = xreallocarray(shapes->shapes, shapes->count ? 2 * shapes->count : 1,
			sizeof(*shapes->shapes));
	shape = &shapes->shapes[shapes->count++];
	*shape = (struct shape){ .count = count, .by_size = by_size };
	memcpy(shape->sites, sites, count * sizeof(*sites));
}

static bool uneven(const struct shapes *shapes, const unsigned int *sites, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++)
		if (fabs(shapes->size[sites[i]] - shapes->size[sites[0]]) > 0.01 * shapes->size[sites[0]])
			return true;
	return false;
}

static void add_set(struct shapes *shapes, const unsigned int *sites, unsigned int count)
{
	add_shape(shapes, sites, count, false);
	if (count > 1 && uneven(shapes, sites, count))
		add_shape(shapes, sites, count, true);
}

static void all_sets(struct shapes *shapes, const struct planner_problem *problem, unsigned int count)
{
	for (unsigned int bits = 1; bits < 1u << problem->site_count; bits++) {
		unsigned int sites[ALL_SETS_MAX], n = 0;

		if ((unsigned int)__builtin_popcount(bits) != count)
			continue;
		for (unsigned int i = 0; i < problem->site_count; i++)
			if (bits >> i & 1)
				sites[n++] = i;
		add_set(shapes, sites, count);
	}
}

static double site_latency(const struct planner_problem *problem, unsigned int a, unsigned int b)
{
	return problem->latency[problem->sites[a].cpu_node * problem->node_count +
		problem->sites[b].memory_node];
}

static int by_number(const void *a, const void *b)
{
	unsigned int left = *(const unsigned int *)a, right = *(const unsigned int *)b;

	return left < right ? -1 : left > right;
}

/* The @count sites nearest to @centre and itself; of equally near ones the larger. */
static void near_set(struct shapes *shapes, const struct planner_problem *problem, unsigned int centre,
	unsigned int count)
{
	unsigned int sites[PLANNER_PARTS_MAX] = { centre };

	for (unsigned int n = 1; n < count; n++) {
		int best = -1;

		for (unsigned int i = 0; i < problem->site_count; i++) {
			bool taken = false;

			for (unsigned int j = 0; j < n; j++)
				taken |= sites[j] == i;
			if (taken)
				continue;
			if (best < 0 || site_latency(problem, centre, i) <
					site_latency(problem, centre, (unsigned int)best) ||
			    (!(site_latency(problem, centre, i) >
				     site_latency(problem, centre, (unsigned int)best)) &&
				    shapes->size[i] > shapes->size[best]))
				best = (int)i;
		}
		sites[n] = (unsigned int)best;
	}
	qsort(sites, count, sizeof(*sites), by_number);
	add_set(shapes, sites, count);
}

void shapes_init(struct shapes *shapes, const struct planner_problem *problem)
{
	bool needed[PLANNER_PARTS_MAX + 2] = { false, true };

	*shapes = (struct shapes){ 0 };
	shapes->size = xcalloc(problem->site_count, sizeof(*shapes->size));
	for (unsigned int i = 0; i < problem->site_count; i++)
		shapes->size[i] = 1 + (double)problem->nodes[problem->sites[i].memory_node].memory / (1 << 20);
	for (unsigned int i = 0; i < problem->vm_count; i++) {
		unsigned int fewest = shapes_fewest(problem, &problem->vms[i]);

		needed[fewest] = needed[shapes_most(problem, &problem->vms[i])] = true;
	}
	for (unsigned int count = 1; count <= PLANNER_PARTS_MAX; count++) {
		shapes->first[count] = shapes->count;
		if (!needed[count] || count > problem->site_count)
			continue;
		if (problem->site_count <= ALL_SETS_MAX)
			all_sets(shapes, problem, count);
		else
			for (unsigned int i = 0; i < problem->site_count; i++)
				near_set(shapes, problem, i, count);
	}
	shapes->first[PLANNER_PARTS_MAX + 1] = shapes->count;
}

void shapes_release(struct shapes *shapes)
{
	free(shapes->shapes);
	free(shapes->size);
}
