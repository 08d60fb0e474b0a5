/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A profile and a machine as the planner knows them: rooms become its nodes, homes its sites, and VMs
 * lose everything that says nothing about a place. docs/placement.md explains the figures.
 */
#include "tuner/placement/problem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define DEMAND_LEAST 0.1 /* of each vCPU where it was measured: a guest that slept so far will wake up */

/* ---- nodes ------------------------------------------------------------------------------------ */

static unsigned int core_of(const struct machine_cpu *cpu)
{
	return cpu->core;
}

static unsigned int llc_of(const struct machine_cpu *cpu)
{
	return cpu->llc;
}

/* The largest number of the room's CPUs that have the same core, or cache. */
static unsigned int largest(const struct capacity *capacity, const struct room *room,
	unsigned int (*number_of)(const struct machine_cpu *cpu))
{
	const struct machine *machine = capacity->machine;
	unsigned int *counts = xcalloc(machine->cpu_count + 1, sizeof(*counts)), most = 0;

	idset_for_each(id, &room->cpus) {
		const struct machine_cpu *cpu = machine_cpu_of(machine, (unsigned int)id);

		if (cpu && ++counts[number_of(cpu)] > most)
			most = counts[number_of(cpu)];
	}
	free(counts);
	return most;
}

static unsigned int common(const struct room *room, const struct idset *cpus)
{
	struct idset both = room->cpus;

	idset_intersect(&both, cpus);
	return idset_count(&both);
}

static void set_pool(struct planner_node *node, enum planner_source source, const struct room_pool *pool,
	enum page_choice pages)
{
	node->pool[source] = pool->pages * page_choice_bytes(pages);
	node->pool_fixed[source] = pool->fixed;
}

static struct planner_node node_of(const struct capacity *capacity, const struct room *room)
{
	unsigned int width = largest(capacity, room, core_of);
	struct planner_node node = {
		.cpus = idset_count(&room->cpus),
		.core_width = width ? width : 1,
		.llc_cpus = largest(capacity, room, llc_of),
		.dedicable = cores_free(capacity, room),
		.dedicated = common(room, &capacity->dedicated),
		.fenced = common(room, &capacity->fenced),
		.isolated = common(room, &capacity->machine->isolated),
		.load = room->busy,
		.vcpus = room->load + room->foreign,
		.total = room->node->memory,
		.memory = room->memory,
	};

	set_pool(&node, PLANNER_2M, &room->pools[POOL_2M], PAGES_2M);
	set_pool(&node, PLANNER_1G, &room->pools[POOL_1G], PAGES_1G);
	return node;
}

static void make_nodes(struct planner_problem *planner, const struct capacity *capacity)
{
	const struct machine *machine = capacity->machine;
	unsigned int count = capacity->room_count;

	planner->node_count = count;
	planner->nodes = xcalloc(count, sizeof(*planner->nodes));
	planner->latency = xcalloc((size_t)count * count, sizeof(*planner->latency));
	for (unsigned int i = 0; i < count; i++) {
		planner->nodes[i] = node_of(capacity, &capacity->rooms[i]);
		planner->nodes[i].bandwidth = (double)machine->nodes[i].bandwidth;
		for (unsigned int j = 0; j < count; j++) {
			planner->latency[i * count + j] = machine_access(machine, (int)machine->nodes[i].os,
				(int)machine->nodes[j].os) - 1;
		}
	}
}

/* ---- sites ------------------------------------------------------------------------------------ */

static unsigned int node_index(const struct capacity *capacity, const struct room *room)
{
	return (unsigned int)(room - capacity->rooms); /* nodes are as rooms */
}

static unsigned int add_site(struct placement_problem *problem, const struct capacity *capacity,
	const struct home *home)
{
	struct planner_site site = { node_index(capacity, home->cpu), node_index(capacity, home->memory) };

	problem->homes = xreallocarray(problem->homes, problem->home_count + 1, sizeof(*problem->homes));
	problem->planner.sites = xreallocarray(problem->planner.sites, problem->home_count + 1, sizeof(site));
	problem->homes[problem->home_count] = *home;
	problem->planner.sites[problem->home_count] = site;
	return problem->home_count++;
}

/* The site of a home, a new one when no VM could choose it. */
static unsigned int site_of(struct placement_problem *problem, const struct capacity *capacity,
	const struct home *home)
{
	for (unsigned int i = 0; i < problem->home_count; i++)
		if (problem->homes[i].cpu == home->cpu && problem->homes[i].memory == home->memory)
			return i;
	return add_site(problem, capacity, home);
}

static void make_sites(struct placement_problem *problem, const struct capacity *capacity)
{
	unsigned int count;
	struct home *homes = homes_of(capacity, &count);

	for (unsigned int i = 0; i < count; i++)
		site_of(problem, capacity, &homes[i]);
	problem->planner.site_count = problem->home_count;
	free(homes);
}

/* ---- VMs -------------------------------------------------------------------------------------- */

static enum planner_source source_of(enum page_choice pages)
{
	return pages == PAGES_1G ? PLANNER_1G : pages == PAGES_2M ? PLANNER_2M : PLANNER_MEMORY;
}

/* As the profile says, or as it was measured, or all. */
static double wanted(const struct request *request)
{
	const struct profile_vm *vm = request->vm;
	double measured = request->guest ? guest_demand(request->guest) : -1;

	if (vm->demand != PROFILE_DEMAND_MEASURED)
		return vm->vcpus * (double)vm->demand / 100;
	return measured < 0 ? vm->vcpus : fmax(measured, DEMAND_LEAST * vm->vcpus);
}

double request_demand(const struct request *request)
{
	const struct profile_vm *vm = request->vm;
	double most = vm->cpu_quota ? fmin((double)vm->cpu_quota / 100, vm->vcpus) : vm->vcpus;

	return fmin(wanted(request), most);
}

static unsigned int least(unsigned int a, uint64_t b)
{
	return b < a ? (unsigned int)b : a;
}

/* The most parts the VM can be in. */
static unsigned int parts_max(const struct planner_problem *planner, const struct profile_vm *vm)
{
	unsigned int most = least(PROFILE_NODES_MAX, planner->site_count);

	most = least(most, vm->vcpus);
	most = least(most, vm->guest_nodes ? vm->guest_nodes : most);
	most = least(most, vm->memory / page_choice_step(vm->pages));
	return most ? most : 1;
}

/* Numbers groups by their names in order of first sight. */
static int group_of(const char *name, const char *(*member)(const struct profile_vm *),
	struct request *const *requests, unsigned int count)
{
	for (unsigned int i = 0; name && i < count; i++) {
		const char *other = member(requests[i]->vm);

		if (other && !strcmp(other, name))
			return (int)i;
	}
	return PLANNER_NO_GROUP;
}

static const char *apart_of(const struct profile_vm *vm)
{
	return vm->apart;
}

static const char *together_of(const struct profile_vm *vm)
{
	return vm->together;
}

/* "eth0, eth2, ...": what there is, for who misspelt it. */
static int no_device(const struct request *request, const struct machine *machine, const char *name,
	struct error *err)
{
	const struct profile_vm *vm = request->vm;
	char list[PLACEMENT_TEXT] = "no PCI devices that are known";
	size_t used = 0;

	for (unsigned int i = 0; i < machine->device_count; i++) {
		const struct machine_device *device = &machine->devices[i];
		const char *called = device->name ? device->name : device->address;

		if (used + strlen(called) + sizeof(", , ...") > sizeof(list)) {
			snprintf(list + used, sizeof(list) - used, ", ...");
			break;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", called);
	}
	return profile_fault(&vm->at_near, &vm->at, err, "%s: this host has no device '%s'; it has %s", vm->name,
		name, list);
}

/* Nodes of the devices; one whose node nobody knows is as good anywhere. */
static int set_devices(struct planner_vm *planned, const struct request *request, const struct capacity *capacity,
	struct error *err)
{
	const struct machine *machine = capacity->machine;
	const struct profile_vm *vm = request->vm;
	unsigned int *devices = xcalloc(vm->near_count + 1, sizeof(*devices));

	planned->devices = devices;
	for (unsigned int i = 0; i < vm->near_count; i++) {
		const struct machine_device *device = machine_device_of(machine, vm->near[i]);
		const struct room *room = device ? capacity_room(capacity, device->node) : NULL;

		if (!device)
			return no_device(request, machine, vm->near[i], err);
		if (room)
			devices[planned->device_count++] = node_index(capacity, room);
	}
	return 0;
}

/* Only an attached guest's memory follows it; what one of ours has stays with it. */
static void set_memory(struct planner_vm *planned, const struct request *request, const struct capacity *capacity)
{
	bool moves = request->guest && request->vm->attach && request->guest->node_bytes;
	uint64_t *resident;

	planned->memory = request->guest && !request->vm->attach ? 0 : request->vm->memory;
	if (!moves)
		return;
	resident = xcalloc(capacity->room_count, sizeof(*resident));
	for (unsigned int i = 0; i < capacity->room_count && i < request->guest->node_count; i++)
		resident[i] = request->guest->node_bytes[i];
	planned->resident = resident;
}

static void set_fixed(struct placement_problem *problem, struct planner_vm *planned,
	const struct request *request, const struct capacity *capacity)
{
	struct planner_part *parts = xcalloc(request->home_count, sizeof(*parts));

	for (unsigned int i = 0; i < request->home_count; i++) {
		const struct home *home = &request->homes[i];

		parts[i] = (struct planner_part){ site_of(problem, capacity, home), idset_count(&home->vcpus),
			home->bytes };
	}
	planned->fixed = parts;
	planned->fixed_parts = request->home_count;
	planned->memory = request->vm->memory;
}

static int make_vm(struct placement_problem *problem, unsigned int index, unsigned int count,
	const struct capacity *capacity, struct error *err)
{
	const struct request *request = problem->requests[index];
	const struct profile_vm *vm = request->vm;
	struct planner_vm *planned = &problem->planner.vms[index];

	*planned = (struct planner_vm){
		.vcpus = vm->vcpus,
		.demand = request_demand(request),
		.step = page_choice_step(vm->pages),
		.source = source_of(vm->pages),
		.goal = vm->goal,
		.dedicated = vm->dedicated,
		.overcommit = vm->overcommit,
		.parts_max = parts_max(&problem->planner, vm),
		.apart = group_of(vm->apart, apart_of, problem->requests, count),
		.together = group_of(vm->together, together_of, problem->requests, count),
	};
	if (request->home_count)
		set_fixed(problem, planned, request, capacity);
	else
		set_memory(planned, request, capacity);
	return set_devices(planned, request, capacity, err);
}

/* Those to be placed first, both kinds in the given order. */
static void sort_requests(struct placement_problem *problem, struct request **requests, unsigned int count)
{
	unsigned int next = 0;

	problem->requests = xcalloc(count + 1, sizeof(struct request *));
	for (unsigned int fixed = 0; fixed < 2; fixed++)
		for (unsigned int i = 0; i < count; i++)
			if ((requests[i]->home_count > 0) == fixed) {
				problem->requests[next++] = requests[i];
				problem->planner.vm_count += !fixed;
				problem->planner.fixed_count += fixed;
			}
}

int placement_problem_init(struct placement_problem *problem, struct request **requests, unsigned int count,
	const struct capacity *capacity, struct error *err)
{
	int rc = 0;

	*problem = (struct placement_problem){ .planner.keep_cpus = 1 };
	make_nodes(&problem->planner, capacity);
	make_sites(problem, capacity);
	sort_requests(problem, requests, count);
	problem->planner.vms = xcalloc(count + 1, sizeof(*problem->planner.vms));
	for (unsigned int i = 0; rc == 0 && i < count; i++)
		rc = make_vm(problem, i, count, capacity, err);
	return rc;
}

void placement_problem_release(struct placement_problem *problem)
{
	struct planner_problem *planner = &problem->planner;

	for (unsigned int i = 0; i < planner->vm_count + planner->fixed_count; i++) {
		free((void *)planner->vms[i].devices);
		free((void *)planner->vms[i].resident);
		free((void *)planner->vms[i].fixed);
	}
	free(planner->vms);
	free(planner->nodes);
	free(planner->latency);
	free(planner->sites);
	free(problem->homes);
	free(problem->requests);
}
