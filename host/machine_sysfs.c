/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sysfs knows better than hwloc: which CPUs are really on a node, what is free, how full the
 * hugepage pools are (with surplus), which CPUs are isolated. A file that is missing changes nothing.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/machine_internal.h"
#include "host/meminfo.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define NODE "/sys/devices/system/node/node%u"

static void fill_cpulist(struct machine *machine, struct machine_node *node, const struct root *root)
{
	struct idset cpus;

	if (root_read_idset(root, &cpus, NODE "/cpulist", node->os) < 0)
		return;
	idset_intersect(&cpus, &machine->online);
	machine_set_node_cpus(machine, node, &cpus);
}

static void fill_memory(struct machine_node *node, const struct root *root)
{
	struct meminfo info;

	if (meminfo_read_node(root, node->os, &info) < 0)
		return;
	node->memory = info.total;
	if (info.free != MEMINFO_UNKNOWN)
		node->free = info.free;
	if (info.available != MEMINFO_UNKNOWN)
		node->available = info.available < info.total ? info.available : info.total;
}

static int by_size(const void *a, const void *b)
{
	const struct machine_pool *left = a, *right = b;

	return left->page_size < right->page_size ? -1 : left->page_size > right->page_size;
}

static bool read_pool(struct machine_pool *pool, const struct root *root, unsigned int node,
	const char *name)
{
	unsigned long kib;

	if (sscanf(name, "hugepages-%lukB", &kib) != 1 || !kib)
		return false;
	*pool = (struct machine_pool){ .page_size = kib * KIB };
	return !root_read_u64(root, &pool->total, NODE "/hugepages/%s/nr_hugepages", node, name) &&
	       !root_read_u64(root, &pool->free, NODE "/hugepages/%s/free_hugepages", node, name) &&
	       !root_read_u64(root, &pool->surplus, NODE "/hugepages/%s/surplus_hugepages", node, name);
}

static void fill_node_pools(struct machine_node *node, const struct root *root)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(root_path(root, path, NODE "/hugepages", node->os));

	if (!dir)
		return;
	node->pool_count = 0;
	while ((entry = readdir(dir)) && node->pool_count < MACHINE_POOLS_MAX)
		if (read_pool(&node->pools[node->pool_count], root, node->os, entry->d_name))
			node->pool_count++;
	closedir(dir);
	qsort(node->pools, node->pool_count, sizeof(node->pools[0]), by_size);
}

/* "10 21 21": one number a node, in the order of node numbers. Only if all of them are there. */
static void fill_distance(struct machine *machine, struct machine_node *node, const struct root *root)
{
	unsigned int *row = xcalloc(machine->node_count, sizeof(*row)), count = 0;
	char text[8192], *at = text, *end;

	if (root_read_line(root, text, sizeof(text), NODE "/distance", node->os) > 0)
		for (; *at; at = end) {
			unsigned long value = strtoul(at, &end, 10);

			if (end == at || !value || value > 255 || count == machine->node_count)
				break;
			row[count++] = (unsigned int)value;
		}
	if (count == machine->node_count && !*at)
		memcpy(node->distance, row, count * sizeof(*row));
	free(row);
}

/* The model from /proc/cpuinfo, for a captured machine whose hwloc reading has none. */
static void fill_model(struct machine *machine, const struct root *root)
{
	char *text, *at, *end;

	if (machine->model || !(text = root_read_all(root, NULL, "/proc/cpuinfo")))
		return;
	at = strstr(text, "model name");
	at = at ? strchr(at, ':') : NULL;
	if (at && (end = strchr(at, '\n'))) {
		*end = '\0';
		machine->model = xstrdup(at + 1 + strspn(at + 1, " "));
	}
	free(text);
}

void machine_ask_huge_room(struct machine *machine, const struct root *root)
{
	struct huge_lists lists;

	huge_lists_read(root, &lists);
	for (unsigned int i = 0; i < machine->node_count; i++)
		if (machine->nodes[i].memory)
			huge_room_read(root, &lists, machine->nodes[i].os, &machine->nodes[i].room);
	huge_lists_release(&lists);
}

void machine_refresh(struct machine *machine, const struct root *root)
{
	for (unsigned int i = 0; i < machine->node_count; i++) {
		struct machine_node *node = &machine->nodes[i];

		fill_cpulist(machine, node, root);
		fill_memory(node, root);
		fill_node_pools(node, root);
		fill_distance(machine, node, root);
	}
	if (root_read_idset(root, &machine->isolated, "/sys/devices/system/cpu/isolated") < 0)
		memset(&machine->isolated, 0, sizeof(machine->isolated));
	fill_model(machine, root);
}
