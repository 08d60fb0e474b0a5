// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading what the doctor looks at beyond the snapshot. Guests: facts_guests.c. */
#include "tuner/doctor/facts.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/meminfo.h"
#include "host/proc.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/doctor/facts_internal.h"
#include "tuner/own_limits.h"

#define CPU    "/sys/devices/system/cpu/"
#define CLOCK  "/sys/devices/system/clocksource/clocksource0/"
#define GROUPS "/sys/kernel/iommu_groups"

#define SMALL_PAGE (4 * KIB)
#define HUGE_ORDER 9 /* 2M in pages of 4K */

struct facts *facts_new(struct snapshot *snapshot)
{
	struct facts *facts = xcalloc(1, sizeof(*facts));

	facts->snapshot = snapshot;
	facts->iommu_groups = facts->iommu_translated = FACT_UNKNOWN;
	facts->swap_total = facts->swap_used = FACT_UNKNOWN;
	facts->thp_fault_alloc = facts->thp_fault_fallback = FACT_UNKNOWN;
	facts->guests = xcalloc(snapshot->guests.count + 1, sizeof(*facts->guests));
	for (unsigned int i = 0; i < snapshot->guests.count; i++) {
		facts->guests[i].guest = &snapshot->guests.guests[i];
		facts->guests[i].swapped = FACT_UNKNOWN;
	}
	return facts;
}

bool facts_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; at && *at; at += strcspn(at, " \t\n")) {
		at += strspn(at, " \t\n");
		if (!strncmp(at, word, length) && strchr(" \t\n", at[length]))
			return true;
	}
	return false;
}

/* ---- files that are one text -------------------------------------------------------------------- */

static const struct {
	const char *path;
	size_t offset;
} texts[] = {
	{"/proc/cmdline", offsetof(struct facts, cmdline)},
	{"/proc/swaps", offsetof(struct facts, swaps)},
	{CLOCK "current_clocksource", offsetof(struct facts, clock)},
	{CLOCK "available_clocksource", offsetof(struct facts, clocks)},
	{CPU "smt/active", offsetof(struct facts, smt)},
};

static void read_texts(struct facts *facts, const struct root *root)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[8192];

		if (root_read_line(root, text, sizeof(text), "%s", texts[i].path) >= 0)
			*(char **)((char *)facts + texts[i].offset) = xstrdup(text);
	}
}

/* ---- CPU ---------------------------------------------------------------------------------------- */

/* The value of the first line "NAME<tabs>: value"; the caller frees. NULL: no such line. */
static char *cpuinfo_field(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *at;

		line += *line == '\n';
		at = line + length;
		if (strncmp(line, name, length))
			continue;
		at += strspn(at, "\t ");
		if (*at++ == ':')
			return xasprintf("%.*s", (int)strcspn(at, "\n"), at);
	}
	return NULL;
}

static void read_cpuinfo(struct facts *facts, const struct root *root)
{
	char *text = root_read_all(root, NULL, "/proc/cpuinfo");

	if (!text)
		return;
	facts->cpu_flags = cpuinfo_field(text, "flags");
	facts->vmx_flags = cpuinfo_field(text, "vmx flags");
	free(text);
}

static void add_vulnerability(struct facts *facts, const struct root *root, const char *name)
{
	struct vulnerability *row;
	char text[1024];

	if (root_read_line(root, text, sizeof(text), CPU "vulnerabilities/%s", name) < 0)
		return;
	facts->vulnerabilities = xreallocarray(facts->vulnerabilities, facts->vulnerability_count + 1,
		sizeof(*facts->vulnerabilities));
	row = &facts->vulnerabilities[facts->vulnerability_count++];
	row->name = xstrdup(name);
	row->text = xstrdup(text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vulnerability *)a)->name, ((const struct vulnerability *)b)->name);
}

static void read_vulnerabilities(struct facts *facts, const struct root *root)
{
	DIR *directory = root_opendir(root, CPU "vulnerabilities");
	struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			add_vulnerability(facts, root, entry->d_name);
	closedir(directory);
	if (facts->vulnerability_count)
		qsort(facts->vulnerabilities, facts->vulnerability_count, sizeof(*facts->vulnerabilities),
			by_name);
}

/* ---- IOMMU -------------------------------------------------------------------------------------- */

struct groups {
	const struct root *root;
	uint64_t count, translated;
	bool typed; /* the kernel says of each what it does (Linux 5.11) */
};

static void visit_group(void *opaque, unsigned int number)
{
	struct groups *groups = opaque;
	char type[32];

	groups->count++;
	if (root_read_line(groups->root, type, sizeof(type), GROUPS "/%u/type", number) < 0)
		groups->typed = false;
	else if (!strncmp(type, "DMA", 3)) /* DMA, DMA-FQ; the other kind is identity */
		groups->translated++;
}

static void read_iommu(struct facts *facts, const struct root *root)
{
	struct groups groups = {.root = root, .typed = true};

	if (proc_each_number(root, GROUPS, visit_group, &groups) < 0)
		return;
	facts->iommu_groups = groups.count;
	if (groups.typed)
		facts->iommu_translated = groups.translated;
}

/* ---- memory ------------------------------------------------------------------------------------- */

static void read_swap(struct facts *facts, const struct root *root)
{
	struct meminfo info;

	if (meminfo_read(root, &info) < 0 || info.swap_total == MEMINFO_UNKNOWN ||
		info.swap_free == MEMINFO_UNKNOWN)
		return;
	facts->swap_total = info.swap_total;
	facts->swap_used = info.swap_total - info.swap_free;
}

static const struct {
	const char *name;
	size_t offset;
} events[] = {
	{"thp_fault_alloc", offsetof(struct facts, thp_fault_alloc)},
	{"thp_fault_fallback", offsetof(struct facts, thp_fault_fallback)},
};

static void read_events(struct facts *facts, const struct root *root)
{
	char *text = root_read_all(root, NULL, "/proc/vmstat"), *rest = NULL, name[64];
	uint64_t value;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "%63s %" SCNu64, name, &value) != 2)
			continue;
		for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
			if (!strcmp(events[i].name, name))
				*(uint64_t *)((char *)facts + events[i].offset) = value;
	}
	free(text);
}

static struct node_blocks *blocks_of(struct facts *facts, unsigned int node)
{
	for (unsigned int i = 0; i < facts->block_count; i++)
		if (facts->blocks[i].node == node)
			return &facts->blocks[i];
	facts->blocks = xreallocarray(facts->blocks, facts->block_count + 1, sizeof(*facts->blocks));
	facts->blocks[facts->block_count] = (struct node_blocks){.node = node};
	return &facts->blocks[facts->block_count++];
}

/* "Node 0, zone   Normal   1000    501 ...": free blocks of 1, 2, 4, ... pages; a node has several zones. */
static void add_zone(struct facts *facts, const char *line)
{
	struct node_blocks *blocks;
	unsigned int node;
	int used = 0;

	if (sscanf(line, "Node %u, zone %*s%n", &node, &used) != 1 || !used)
		return;
	blocks = blocks_of(facts, node);
	line += used;
	for (unsigned int order = 0; order < 32; order++) {
		char *end;
		uint64_t bytes = strtoull(line, &end, 10) * (SMALL_PAGE << order);

		if (end == line)
			break;
		line = end;
		blocks->free += bytes;
		blocks->huge += order >= HUGE_ORDER ? bytes : 0;
	}
}

static void read_blocks(struct facts *facts, const struct root *root)
{
	char *text = root_read_all(root, NULL, "/proc/buddyinfo"), *rest = NULL;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest))
		add_zone(facts, line);
	free(text);
}

/* ---- all ---------------------------------------------------------------------------------------- */

struct facts *facts_read(const struct root *root, struct error *err)
{
	static void (*const readers[])(struct facts *, const struct root *) = {
		read_texts, read_cpuinfo, read_vulnerabilities, read_iommu, read_swap, read_events,
		read_blocks, facts_read_guests,
	};
	struct snapshot *snapshot = snapshot_read(root, err);
	char path[PATH_MAX];
	struct facts *facts;

	if (!snapshot)
		return NULL;
	own_limits_lift(snapshot, root);
	facts = facts_new(snapshot);
	facts->told = true;
	facts->kvm_usable = access(root_path(root, path, "/dev/kvm"), R_OK | W_OK) == 0;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		readers[i](facts, root);
	return facts;
}

struct facts *facts_load(const char *source, struct error *err)
{
	struct snapshot *snapshot = snapshot_load(source, err);
	struct facts *facts;

	if (!snapshot)
		return NULL;
	facts = facts_new(snapshot);
	facts->told = snapshot->taken != 0;
	facts->saved = true;
	facts->kvm_usable = snapshot->has_kvm;
	return facts;
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(*(char **)((char *)facts + texts[i].offset));
	for (unsigned int i = 0; i < facts->vulnerability_count; i++) {
		free(facts->vulnerabilities[i].name);
		free(facts->vulnerabilities[i].text);
	}
	for (unsigned int i = 0; i < facts->snapshot->guests.count; i++)
		guest_map_release(&facts->guests[i].map);
	free(facts->cpu_flags);
	free(facts->vmx_flags);
	free(facts->vulnerabilities);
	free(facts->blocks);
	free(facts->guests);
	snapshot_free(facts->snapshot);
	free(facts);
}
