/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses meminfo, whose lines read "[Node 0 ]Name:   123 kB". */
#include "host/meminfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	{"MemTotal", offsetof(struct meminfo, total)},
	{"MemFree", offsetof(struct meminfo, free)},
	{"MemAvailable", offsetof(struct meminfo, available)},
	{"AnonPages", offsetof(struct meminfo, anon)},
	{"AnonHugePages", offsetof(struct meminfo, anon_huge)},
	{"Active(file)", offsetof(struct meminfo, active_file)},
	{"Inactive(file)", offsetof(struct meminfo, inactive_file)},
	{"Shmem", offsetof(struct meminfo, shmem)},
	{"SReclaimable", offsetof(struct meminfo, reclaimable)},
	{"FilePages", offsetof(struct meminfo, file)},
	{"Slab", offsetof(struct meminfo, slab)},
	{"KernelStack", offsetof(struct meminfo, kernel_stacks)},
	{"PageTables", offsetof(struct meminfo, page_tables)},
	{"SecPageTables", offsetof(struct meminfo, second_tables)},
	{"SwapTotal", offsetof(struct meminfo, swap_total)},
	{"SwapFree", offsetof(struct meminfo, swap_free)},
};

static void parse_line(char *line, struct meminfo *info)
{
	char *colon = strchr(line, ':'), *name = line, *end;
	unsigned long long kib;

	if (!colon)
		return;
	*colon = '\0';
	if (strrchr(line, ' ')) /* "Node 0 MemTotal" */
		name = strrchr(line, ' ') + 1;
	kib = strtoull(colon + 1, &end, 10);
	if (end == colon + 1 || kib > UINT64_MAX / KIB)
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(fields[i].name, name))
			*(uint64_t *)((char *)info + fields[i].offset) = kib * KIB;
}

static int parse(char *text, int length, struct meminfo *info)
{
	char *rest = NULL;

	memset(info, 0xff, sizeof(*info));
	if (length < 0)
		return length;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		parse_line(line, info);
	return info->total == MEMINFO_UNKNOWN ? -EINVAL : 0;
}

int meminfo_read(const struct root *root, struct meminfo *info)
{
	char text[8192];
	int length = root_read(root, text, sizeof(text), "/proc/meminfo");

	return parse(text, length, info);
}

static uint64_t known(uint64_t value)
{
	return value == MEMINFO_UNKNOWN ? 0 : value;
}

int meminfo_read_node(const struct root *root, unsigned int node, struct meminfo *info)
{
	char text[8192];
	int length = root_read(root, text, sizeof(text), "/sys/devices/system/node/node%u/meminfo", node);
	int result = parse(text, length, info);

	if (!result && info->free != MEMINFO_UNKNOWN)
		info->available = info->free + known(info->active_file) + known(info->inactive_file) +
				  known(info->reclaimable);
	return result;
}
