/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine from each of its sources, and how to look things up in it. */
#include "host/machine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/machine_internal.h"
#include "lib/xalloc.h"

/* ---- sources ---------------------------------------------------------------------------------- */

/* CPUs of the affinity mask of this process. The kernel wants a mask as long as its own. */
static void own_affinity(struct idset *cpus)
{
	size_t size = CPU_ALLOC_SIZE(IDSET_MAX);
	cpu_set_t *mask = CPU_ALLOC(IDSET_MAX);

	memset(cpus, 0, sizeof(*cpus));
	if (!mask)
		return;
	if (sched_getaffinity(0, size, mask) == 0)
		for (unsigned int cpu = 0; cpu < IDSET_MAX; cpu++)
			if (CPU_ISSET_S(cpu, size, mask))
				idset_add(cpus, cpu);
	CPU_FREE(mask);
}

/*
 * Turns a configured topology into a machine; destroys the topology. Disallowed CPUs are kept: what
 * the machine is does not depend on the cgroup we were started in, and ->allowed says the rest.
 */
static struct machine *build(hwloc_topology_t topology, const char *source, struct error *err)
{
	struct machine *machine = NULL;

	hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
	machine_want_devices(topology);
	if (hwloc_topology_load(topology) < 0) {
		error_set(err, EINVAL, "%s: hwloc cannot make a topology of it", source);
		goto out;
	}
	machine = xcalloc(1, sizeof(*machine));
	machine->source = xstrdup(source);
	if (machine_fill(machine, topology, err) < 0) {
		machine_free(machine);
		machine = NULL;
	}
out:
	hwloc_topology_destroy(topology);
	return machine;
}

static hwloc_topology_t new_topology(struct error *err)
{
	hwloc_topology_t topology;

	if (hwloc_topology_init(&topology) < 0) {
		error_errno(err, errno, "hwloc");
		return NULL;
	}
	return topology;
}

struct machine *machine_read(const struct root *root, struct error *err)
{
	bool live = root_is_live(root);
	hwloc_topology_t topology;
	struct machine *machine;
	char cpus[PATH_MAX];
	struct idset own;

	/* Without the CPUs of the tree hwloc would count those of this machine. */
	if (access(root_path(root, cpus, "/sys/devices/system/cpu/online"), F_OK) < 0) {
		error_errno(err, errno, "not a machine: %s", cpus);
		return NULL;
	}
	/* hwloc takes a captured tree only from its environment, and looks when it loads. */
	if (!live)
		setenv("HWLOC_FSROOT", root->dir, 1);
	topology = new_topology(err);
	/* This part of hwloc asks the CPU it runs on, which is not the captured machine's. */
	if (topology && !live)
		hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
	machine = topology ? build(topology, live ? "this machine" : root->dir, err) : NULL;
	if (!live)
		unsetenv("HWLOC_FSROOT");
	if (!machine)
		return NULL;
	machine->live = true;
	machine_refresh(machine, root);
	if (live) {
		own_affinity(&own);
		idset_intersect(&machine->allowed, &own);
	}
	return machine;
}

struct machine *machine_from_xml(const char *xml, const char *source, struct error *err)
{
	hwloc_topology_t topology = new_topology(err);

	if (!topology)
		return NULL;
	if (hwloc_topology_set_xmlbuffer(topology, xml, (int)strlen(xml) + 1) < 0) {
		error_set(err, EINVAL, "%s: not an hwloc XML topology (lstopo writes one with --of xml)",
			source);
		hwloc_topology_destroy(topology);
		return NULL;
	}
	return build(topology, source, err);
}

struct machine *machine_from_synthetic(const char *text, struct error *err)
{
	hwloc_topology_t topology = new_topology(err);

	if (!topology)
		return NULL;
	if (hwloc_topology_set_synthetic(topology, text) < 0) {
		error_set(err, EINVAL,
			"'%s' is neither a file nor a synthetic topology such as 'node:2 core:4 pu:2'", text);
		hwloc_topology_destroy(topology);
		return NULL;
	}
	return build(topology, text, err);
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	for (unsigned int i = 0; i < machine->node_count; i++)
		free(machine->nodes[i].distance);
	machine_free_devices(machine);
	free(machine->nodes);
	free(machine->cpus);
	free(machine->source);
	free(machine->model);
	free(machine->xml);
	free(machine);
}

/* ---- looking up ------------------------------------------------------------------------------- */

const struct machine_node *machine_node_of(const struct machine *machine, int os)
{
	for (unsigned int i = 0; i < machine->node_count; i++)
		if ((int)machine->nodes[i].os == os)
			return &machine->nodes[i];
	return NULL;
}

const struct machine_cpu *machine_cpu_of(const struct machine *machine, unsigned int os)
{
	unsigned int low = 0, high = machine->cpu_count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (machine->cpus[middle].os == os)
			return &machine->cpus[middle];
		if (machine->cpus[middle].os < os)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int machine_cpu_compare(const struct machine_cpu *a, const struct machine_cpu *b)
{
	if (a->llc != b->llc)
		return a->llc < b->llc ? -1 : 1;
	if (a->core != b->core)
		return a->core < b->core ? -1 : 1;
	return a->os < b->os ? -1 : a->os > b->os;
}

unsigned int machine_distance(const struct machine *machine, int from, int to)
{
	const struct machine_node *a = machine_node_of(machine, from);
	const struct machine_node *b = machine_node_of(machine, to);

	if (from == to)
		return 10;
	return a && b ? a->distance[b - machine->nodes] : 20;
}

/* The node whose CPUs are nearest to the memory. */
static int cpus_of(const struct machine_node *node)
{
	return idset_empty(&node->cpus) ? node->beside : (int)node->os;
}

double machine_access(const struct machine *machine, int from, int to)
{
	const struct machine_node *a = machine_node_of(machine, from), *b = machine_node_of(machine, to);
	int start = a ? cpus_of(a) : MACHINE_NO_NODE, end = b ? cpus_of(b) : MACHINE_NO_NODE;
	const struct machine_node *own = machine_node_of(machine, start);
	double times = machine_distance(machine, from, to) / 10.0;

	if (own && own->latency && b && b->latency && end != MACHINE_NO_NODE)
		times = (double)b->latency / (double)own->latency * machine_distance(machine, start, end) / 10.0;
	return times > 1 ? times : 1;
}

const struct machine_pool *machine_pool_of(const struct machine_node *node, uint64_t page_size)
{
	for (unsigned int i = 0; i < node->pool_count; i++)
		if (node->pools[i].page_size == page_size)
			return &node->pools[i];
	return NULL;
}

void machine_set_node_cpus(struct machine *machine, struct machine_node *node,
	const struct idset *cpus)
{
	node->cpus = *cpus;
	for (unsigned int i = 0; i < machine->cpu_count; i++)
		if (idset_has(cpus, machine->cpus[i].os))
			machine->cpus[i].node = (int)node->os;
}
