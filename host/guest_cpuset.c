/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which nodes a guest's memory may and shall come from, besides what its pages say: the cpusets it is in
 * (cgroups(7), v1 and v2), and the policies its VMM gave its RAM (numa(7), /proc/PID/numa_maps).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/guest_internal.h"
#include "lib/xalloc.h"

/* ---- cpusets -------------------------------------------------------------------------------- */

/* Where the cpuset tree may be: v1's own mount point, or v2's one. */
static const char *const tops[] = { "/sys/fs/cgroup/cpuset", "/sys/fs/cgroup" };

static void add(const struct root *root, struct guest *guest, const char *top, char *group, bool innermost)
{
	struct guest_cpuset cpuset = { .group = group, .file = xasprintf("%s%s/cpuset.mems", top, group) };

	if (root_read_idset(root, &cpuset.mems, "%s", cpuset.file) < 0 ||
		(idset_empty(&cpuset.mems) && !innermost)) {
		free(cpuset.group);
		free(cpuset.file);
		return;
	}
	guest->cpusets = xreallocarray(guest->cpusets, guest->cpuset_count + 1, sizeof(cpuset));
	guest->cpusets[guest->cpuset_count++] = cpuset;
}

void guest_cpusets_read(const struct root *root, struct guest *guest)
{
	char path[PATH_MAX];

	if (root_read_line(root, path, sizeof(path), "/proc/%d/cpuset", (int)guest->pid) <= 0)
		return;
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]) && !guest->cpuset_count; i++)
		for (const char *end = path; *end; ) {
			end += 1 + strcspn(end + 1, "/");
			if (end - path > 1)
				add(root, guest, tops[i], xasprintf("%.*s", (int)(end - path), path), !*end);
		}
}

void guest_cpusets_release(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->cpuset_count; i++) {
		free(guest->cpusets[i].group);
		free(guest->cpusets[i].file);
	}
	free(guest->cpusets);
	guest->cpusets = NULL;
	guest->cpuset_count = 0;
}

/* ---- policies ------------------------------------------------------------------------------- */

static bool is_ram(const struct guest *guest, uint64_t address)
{
	for (unsigned int i = 0; i < guest->ram_count; i++)
		if (address >= guest->ram[i].start && address < guest->ram[i].start + guest->ram[i].size)
			return true;
	return false;
}

/* "7f00 bind:0 anon=3", "prefer (many):0-1", "interleave=static:0-1"; "default" and "local" name no node. */
static bool parse_line(const char *line, uint64_t *address, char policy[256], struct idset *nodes)
{
	static const char many[] = "prefer (many)";
	char *at, *colon;
	size_t blank;

	*address = strtoull(line, &at, 16);
	at += *at == ' ';
	blank = strncmp(at, many, sizeof(many) - 1) ? 0 : sizeof(many) - 1;
	snprintf(policy, 256, "%.*s", (int)(blank + strcspn(at + blank, " ")), at);
	colon = strchr(policy, ':');
	return colon && strncmp(policy, "local", 5) != 0 && idset_parse(colon + 1, nodes, NULL) == 0;
}

void guest_each_policy(const struct root *root, const struct guest *guest,
	bool (*visit)(void *opaque, const char *policy, const struct idset *nodes), void *opaque)
{
	char *text = root_read_all(root, NULL, "/proc/%d/numa_maps", (int)guest->pid), *rest = NULL;
	bool more = true;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line && more;
		line = strtok_r(NULL, "\n", &rest)) {
		struct idset nodes;
		uint64_t address;
		char policy[256];

		if (parse_line(line, &address, policy, &nodes) && is_ram(guest, address))
			more = visit(opaque, policy, &nodes);
	}
	free(text);
}

static bool take_nodes(void *opaque, const char *policy, const struct idset *nodes)
{
	(void)policy;
	idset_union(opaque, nodes);
	return true;
}

void guest_read_policies(const struct root *root, struct guest *guest)
{
	guest->bound = (struct idset){ 0 };
	guest_each_policy(root, guest, take_nodes, &guest->bound);
}
