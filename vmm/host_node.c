// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads /sys/devices/system/node and /sys/kernel/mm/hugepages (kernel: admin-guide/mm/). */
#include "vmm/host_node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES "/sys/devices/system/node"

/* Reads a small file; the text ends with NUL. False when it is not there. */
static bool read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t got;

	if (!file)
		return false;
	got = fread(text, 1, size - 1, file);
	text[got] = '\0';
	fclose(file);
	return true;
}

static bool read_list(const char *path, struct idset *set)
{
	char text[4096];

	if (!read_text(path, text, sizeof(text)))
		return false;
	text[strcspn(text, "\n")] = '\0';
	return !idset_parse(text, set, NULL);
}

static int64_t read_number(const char *path)
{
	char text[64];

	return read_text(path, text, sizeof(text)) ? strtoll(text, NULL, 10) : -1;
}

void host_nodes_with_memory(struct idset *nodes)
{
	if (read_list(NODES "/has_memory", nodes))
		return;
	*nodes = (struct idset){0};
	idset_add(nodes, 0);
}

void host_nodes_cpus(const struct idset *nodes, struct idset *cpus)
{
	*cpus = (struct idset){0};
	idset_for_each (node, nodes) {
		struct idset of_node;
		char path[96];

		snprintf(path, sizeof(path), NODES "/node%d/cpulist", node);
		if (read_list(path, &of_node))
			idset_union(cpus, &of_node);
	}
}

int host_node_of_cpus(const struct idset *cpus)
{
	struct idset online, of_node;

	if (idset_empty(cpus) || !read_list(NODES "/online", &online))
		return -1;
	idset_for_each (node, &online) {
		struct idset one = {0};

		idset_add(&one, (unsigned int)node);
		host_nodes_cpus(&one, &of_node);
		if (idset_within(cpus, &of_node))
			return node;
	}
	return -1;
}

static int64_t free_on_host(uint64_t page_size)
{
	char path[96];
	int64_t total, reserved;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/free_hugepages",
		page_size / 1024);
	total = read_number(path);
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/resv_hugepages",
		page_size / 1024);
	reserved = read_number(path);
	return total < 0 || reserved < 0 ? -1 : total - reserved;
}

int64_t host_free_hugepages(const struct idset *nodes, uint64_t page_size)
{
	int64_t sum = 0;

	if (idset_empty(nodes))
		return free_on_host(page_size);
	idset_for_each (node, nodes) {
		char path[128];
		int64_t here;

		snprintf(path, sizeof(path), NODES "/node%d/hugepages/hugepages-%" PRIu64 "kB/free_hugepages",
			node, page_size / 1024);
		here = read_number(path);
		if (here < 0)
			return -1;
		sum += here;
	}
	return sum;
}

/* Sum of the lines of a node's meminfo that count as available, or UINT64_MAX. */
static uint64_t node_available(int node)
{
	static const char *const keys[] = {"MemFree:", "Active(file):", "Inactive(file):",
		"SReclaimable:"};
	char path[64], text[8192];
	uint64_t sum = 0;

	snprintf(path, sizeof(path), NODES "/node%d/meminfo", node);
	if (!read_text(path, text, sizeof(text)))
		return UINT64_MAX;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *line = strstr(text, keys[i]);

		if (line)
			sum += strtoull(line + strlen(keys[i]), NULL, 10) * 1024;
	}
	return sum;
}

uint64_t host_available_memory(const struct idset *nodes)
{
	uint64_t sum = 0;

	idset_for_each (node, nodes) {
		uint64_t here = node_available(node);

		if (here == UINT64_MAX)
			return UINT64_MAX;
		sum += here;
	}
	return sum;
}
