/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmtune topology: what numactl --hardware and lstopo say, on one screen: nodes with memory, pools
 * and distances, then packages, last-level caches and cores with their SMT threads.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/snapshot.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/command.h"

#define LIST_TEXT 512

struct topology_options {
	struct command_common common;
	const char *host;
};

static const struct option_row rows[] = {
	{ "host", 0, "SOURCE", "of a snapshot, an hwloc XML file or \"node:2 core:4 pu:2\"",
		.at = offsetof(struct topology_options, host) },
	{ 0 },
};

static void print_count(unsigned int count, const char *what)
{
	printf("%u %s%s", count, what, count == 1 ? "" : "s");
}

static void print_head(const struct machine *machine)
{
	char list[LIST_TEXT], size[SIZE_TEXT_MAX];
	struct idset fenced = machine->online;

	printf("%s", machine->source);
	if (machine->model)
		printf(": %s", machine->model);
	putchar('\n');
	print_count(machine->package_count, "package");
	fputs(", ", stdout);
	print_count(machine->node_count, "NUMA node");
	fputs(", ", stdout);
	print_count(machine->llc_count, "last-level cache");
	if (machine->llc_bytes)
		printf(" of %s", size_format(size, machine->llc_bytes));
	fputs(", ", stdout);
	print_count(machine->core_count, "core");
	fputs(", ", stdout);
	print_count(machine->cpu_count, "CPU");
	putchar('\n');
	idset_subtract(&fenced, &machine->allowed);
	if (!idset_empty(&machine->allowed) && !idset_empty(&fenced))
		printf("not for us: CPUs %s\n", idset_format(&fenced, list, sizeof(list)));
	if (!idset_empty(&machine->isolated))
		printf("isolated: CPUs %s\n", idset_format(&machine->isolated, list, sizeof(list)));
}

static void print_pools(const struct machine_node *node)
{
	char size[SIZE_TEXT_MAX];

	for (unsigned int i = 0; i < node->pool_count; i++) {
		const struct machine_pool *pool = &node->pools[i];

		printf("%s%s: %" PRIu64 "/%" PRIu64, i ? "  " : "", size_format(size, pool->page_size),
			pool->free, pool->total);
		if (pool->surplus)
			printf(" (%" PRIu64 " surplus)", pool->surplus);
	}
	if (!node->pool_count)
		putchar('-');
}

/* Where the firmware tells kinds of memory apart: "  HBM, 460000 MB/s". */
static void print_tier(const struct machine_node *node)
{
	if (node->tier[0])
		printf("  %s", node->tier);
	if (node->latency)
		printf("%s %" PRIu64 " ns", node->tier[0] ? "," : " ", node->latency);
	if (node->bandwidth)
		printf("%s %" PRIu64 " MB/s", node->tier[0] || node->latency ? "," : " ", node->bandwidth);
}

static void print_nodes(const struct machine *machine)
{
	char list[LIST_TEXT];

	printf("\nnode  CPUs              memory     free  available  huge pages free/total\n");
	for (unsigned int i = 0; i < machine->node_count; i++) {
		const struct machine_node *node = &machine->nodes[i];

		printf("%4u  %-14s %7" PRIu64 "M %7" PRIu64 "M   %7" PRIu64 "M  ", node->os,
			idset_empty(&node->cpus) ? "-" : idset_format(&node->cpus, list, sizeof(list)),
			node->memory / MIB, node->free / MIB, node->available / MIB);
		print_pools(node);
		print_tier(node);
		putchar('\n');
	}
}

static void print_distances(const struct machine *machine)
{
	if (machine->node_count < 2)
		return;
	printf("\ndistance");
	for (unsigned int i = 0; i < machine->node_count; i++)
		printf("%5u", machine->nodes[i].os);
	putchar('\n');
	for (unsigned int i = 0; i < machine->node_count; i++) {
		printf("%8u", machine->nodes[i].os);
		for (unsigned int j = 0; j < machine->node_count; j++)
			printf("%5u", machine->nodes[i].distance[j]);
		putchar('\n');
	}
}

/* The CPUs of a core, cache or package. */
static struct idset members(const struct machine *machine, size_t level, unsigned int number)
{
	struct idset cpus = { 0 };

	for (unsigned int i = 0; i < machine->cpu_count; i++) {
		const struct machine_cpu *cpu = &machine->cpus[i];

		if (*(const unsigned int *)((const char *)cpu + level) == number)
			idset_add(&cpus, cpu->os);
	}
	return cpus;
}

#define LEVEL(field) offsetof(struct machine_cpu, field)

/* The cores behind one cache, siblings joined: "0+4 1+5 2+6". Wrapped at the screen's width. */
static void print_cores(const struct machine *machine, const struct idset *cpus)
{
	struct idset seen = { 0 };
	unsigned int column = 0;

	idset_for_each(id, cpus) {
		const struct machine_cpu *cpu = machine_cpu_of(machine, (unsigned int)id);
		struct idset core;
		char text[128];
		size_t used = 0;

		if (!cpu || idset_has(&seen, cpu->os))
			continue;
		core = members(machine, LEVEL(core), cpu->core);
		idset_union(&seen, &core);
		idset_for_each(thread, &core)
			if (used + 8 < sizeof(text))
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d",
					used ? "+" : "", thread);
		if (column + used + 1 > 70) {
			printf("\n%24s", "");
			column = 0;
		}
		printf(" %s", text);
		column += (unsigned int)used + 1;
	}
	putchar('\n');
}

static void print_caches(const struct machine *machine)
{
	printf("\npackage  node  cache    cores (SMT threads joined by +)\n");
	for (unsigned int llc = 0; llc < machine->llc_count; llc++) {
		struct idset cpus = members(machine, LEVEL(llc), llc);
		const struct machine_cpu *first = idset_empty(&cpus) ? NULL
			: machine_cpu_of(machine, (unsigned int)idset_next(&cpus, -1));

		if (!first)
			continue;
		printf("%7u  %4d  %5u   ", first->package, first->node, llc);
		print_cores(machine, &cpus);
	}
}

/* Performance and efficiency cores, where the machine has both; the fastest kind last. */
static void print_kinds(const struct machine *machine)
{
	char list[LIST_TEXT];
	int kinds = 0;

	for (unsigned int i = 0; i < machine->cpu_count; i++)
		if (machine->cpus[i].kind >= kinds)
			kinds = machine->cpus[i].kind + 1;
	for (int kind = 0; kinds > 1 && kind < kinds; kind++) {
		struct idset cpus = members(machine, LEVEL(kind), (unsigned int)kind);

		printf("%skind %d%-8s CPUs %s\n", kind ? "" : "\n", kind, kind == kinds - 1 ? " (fast)" : "",
			idset_format(&cpus, list, sizeof(list)));
	}
}

/* The named ones: who passes a bare PCI function to a guest knows its address. */
static void print_devices(const struct machine *machine)
{
	bool first = true;

	for (unsigned int i = 0; i < machine->device_count; i++) {
		const struct machine_device *device = &machine->devices[i];

		if (!device->name)
			continue;
		if (first)
			printf("\ndevice            node  PCI address\n");
		first = false;
		if (device->node == MACHINE_NO_NODE)
			printf("%-16s     -  %s\n", device->name, device->address);
		else
			printf("%-16s %5d  %s\n", device->name, device->node, device->address);
	}
}

/* ---- JSON ---- */

static json_t *set_json(const struct idset *set)
{
	char list[IDSET_MAX * 2];

	return json_string(idset_format(set, list, sizeof(list)));
}

static json_t *node_json(const struct machine *machine, const struct machine_node *node)
{
	json_t *pools = json_array(), *distances = json_array();

	for (unsigned int i = 0; i < node->pool_count; i++)
		json_array_append_new(pools, json_pack("{s:I, s:I, s:I, s:I}",
			"page-size", (json_int_t)node->pools[i].page_size,
			"total", (json_int_t)node->pools[i].total, "free", (json_int_t)node->pools[i].free,
			"surplus", (json_int_t)node->pools[i].surplus));
	for (unsigned int i = 0; i < machine->node_count; i++)
		json_array_append_new(distances, json_integer(node->distance[i]));
	return json_pack("{s:i, s:o, s:I, s:I, s:I, s:o, s:o, s:s, s:I, s:I}", "node", (int)node->os,
		"cpus", set_json(&node->cpus), "memory", (json_int_t)node->memory,
		"free", (json_int_t)node->free, "available", (json_int_t)node->available,
		"pools", pools, "distances", distances, "tier", node->tier,
		"latency-ns", (json_int_t)node->latency, "bandwidth-mbs", (json_int_t)node->bandwidth);
}

static json_t *device_json(const struct machine_device *device)
{
	return json_pack("{s:s?, s:s, s:o}", "name", device->name, "address", device->address, "node",
		device->node == MACHINE_NO_NODE ? json_null() : json_integer(device->node));
}

static json_t *topology_json(const struct machine *machine)
{
	json_t *nodes = json_array(), *cpus = json_array(), *devices = json_array();

	for (unsigned int i = 0; i < machine->node_count; i++)
		json_array_append_new(nodes, node_json(machine, &machine->nodes[i]));
	for (unsigned int i = 0; i < machine->device_count; i++)
		json_array_append_new(devices, device_json(&machine->devices[i]));
	for (unsigned int i = 0; i < machine->cpu_count; i++) {
		const struct machine_cpu *cpu = &machine->cpus[i];

		json_array_append_new(cpus, json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "cpu", (int)cpu->os,
			"node", cpu->node, "package", (int)cpu->package, "cache", (int)cpu->llc,
			"core", (int)cpu->core, "thread", (int)cpu->thread, "kind", cpu->kind));
	}
	return json_pack("{s:s, s:s?, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "source", machine->source,
		"model", machine->model, "packages", (int)machine->package_count,
		"caches", (int)machine->llc_count, "cores", (int)machine->core_count,
		"cpu-count", (int)machine->cpu_count, "allowed", set_json(&machine->allowed),
		"isolated", set_json(&machine->isolated), "nodes", nodes, "cpus", cpus,
		"devices", devices);
}

int topology_command(int argc, char **argv)
{
	struct topology_options options = { 0 };
	struct snapshot *snapshot = NULL;
	struct machine *machine;
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	if (options.host)
		snapshot = snapshot_load(options.host, &err);
	machine = snapshot ? snapshot->machine : options.host ? NULL
		: machine_read(&options.common.root, &err);
	if (!machine)
		return command_failed(argv[0], &err);
	if (options.common.json) {
		command_print_json(topology_json(machine));
	} else {
		print_head(machine);
		print_nodes(machine);
		print_distances(machine);
		print_caches(machine);
		print_kinds(machine);
		print_devices(machine);
	}
	if (snapshot)
		snapshot_free(snapshot);
	else
		machine_free(machine);
	return EXIT_SUCCESS;
}
