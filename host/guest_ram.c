/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which mappings of a process are guest RAM. vmm says so itself (QMP x-query-memory). Of any other VMM
 * we see the mappings: guest RAM is the largest writable ones, anonymous or of a memory file, and
 * they add up to what the command line says.
 *
 * Page size and flags of mappings come from smaps. The kernel walks the page tables for that and
 * holds the guest's mmap lock meanwhile (6 ms a GiB of 4K pages), so a process with much memory is
 * read from maps and map_files, which cost nothing, and its flags stay unset.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "host/guest_internal.h"
#include "host/proc.h"
#include "host/qmp.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define SMAPS_RSS_MAX  (4 * GIB)   /* about 25 ms of the guest's mmap lock, once */
#define CANDIDATE_MIN  MIB         /* no guest has less; thread stacks and heaps are sorted out by size */
#define LIKELY_MIN     (64 * MIB)  /* without a promised size: more than any stack or malloc arena */
#define RAM_MAPPINGS_MAX 4096
#define QMP_TIMEOUT_MS 500

struct mapping {
	struct guest_ram ram;
	char perms[5];
	unsigned long inode;
	bool candidate;
};

struct mappings {
	struct mapping *list;
	unsigned int count;
};

/* ---- reading maps and smaps ------------------------------------------------------------------- */

/* Libraries, heap and stacks are not guest RAM; memory files and hugetlbfs ones can be. */
static bool may_be_ram(const struct mapping *mapping, const char *name)
{
	if (strncmp(mapping->perms, "rw", 2))
		return false;
	if (!*name || !strncmp(name, "[anon", 5))
		return true;
	return name[0] == '/' && (mapping->perms[3] == 's' || strstr(name, "(deleted)") ||
		strstr(name, "huge"));
}

/* "7f00-7f80 rw-p 00000000 00:00 0   NAME"; false for any other line (smaps has "Key: value"). */
static bool parse_header(const char *line, struct mapping *mapping)
{
	unsigned long start, end, inode;
	int name_at = 0;

	memset(mapping, 0, sizeof(*mapping));
	if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu %n", &start, &end, mapping->perms, &inode,
			&name_at) != 4 || end <= start)
		return false;
	mapping->ram = (struct guest_ram){ .start = start, .size = end - start, .guest_node = -1 };
	mapping->inode = inode;
	mapping->candidate = may_be_ram(mapping, name_at ? line + name_at : "");
	return true;
}

static void parse_detail(const char *line, struct mapping *mapping)
{
	unsigned long kib;

	if (sscanf(line, "KernelPageSize: %lu kB", &kib) == 1)
		mapping->ram.page_size = kib * KIB;
	if (!strncmp(line, "VmFlags:", 8)) {
		mapping->ram.mergeable = strstr(line + 8, " mg") != NULL;
		mapping->ram.thp = strstr(line + 8, " hg") != NULL;
	}
}

static void add(struct mappings *mappings, const struct mapping *next)
{
	if (!next->candidate)
		return;
	mappings->list = xreallocarray(mappings->list, mappings->count + 1, sizeof(*next));
	mappings->list[mappings->count++] = *next;
}

static void parse(char *text, struct mappings *mappings)
{
	struct mapping next, current = {0};
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (parse_header(line, &next)) {
			add(mappings, &current);
			current = next;
		} else {
			parse_detail(line, &current);
		}
	add(mappings, &current);
}

static void read_mappings(const struct root *root, pid_t pid, struct mappings *mappings)
{
	char status[8192], *text = NULL;
	uint64_t rss = PROC_UNKNOWN;

	if (root_read(root, status, sizeof(status), "/proc/%d/status", pid) > 0)
		rss = proc_field_bytes(status, "VmRSS");
	if (rss <= SMAPS_RSS_MAX)
		text = root_read_all(root, NULL, "/proc/%d/smaps", pid);
	if (!text || !*text) {
		free(text);
		text = root_read_all(root, NULL, "/proc/%d/maps", pid);
	}
	if (text)
		parse(text, mappings);
	free(text);
}

/* ---- choosing --------------------------------------------------------------------------------- */

static int largest_first(const void *a, const void *b)
{
	const struct mapping *left = a, *right = b;

	if (left->ram.size != right->ram.size)
		return left->ram.size > right->ram.size ? -1 : 1;
	return left->ram.start < right->ram.start ? -1 : 1;
}

static int lowest_first(const void *a, const void *b)
{
	const struct guest_ram *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

static void take(struct guest *guest, const struct guest_ram *ram)
{
	if (guest->ram_count == RAM_MAPPINGS_MAX)
		return;
	guest->ram = xreallocarray(guest->ram, guest->ram_count + 1, sizeof(*ram));
	guest->ram[guest->ram_count++] = *ram;
}

/*
 * Joins neighbours of the same file and rights: one mapping that mbind, mlock or userfaultfd has
 * split. Not done at first, because a stranger's mapping can happen to lie next to guest RAM.
 */
static void join_neighbours(struct mappings *mappings)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < mappings->count; i++) {
		struct mapping *last = kept ? &mappings->list[kept - 1] : NULL;
		const struct mapping *next = &mappings->list[i];

		if (last && last->ram.start + last->ram.size == next->ram.start &&
			last->inode == next->inode && !strcmp(last->perms, next->perms) &&
			last->ram.page_size == next->ram.page_size) {
			last->ram.size += next->ram.size;
			last->ram.mergeable |= next->ram.mergeable;
			last->ram.thp |= next->ram.thp;
		} else {
			mappings->list[kept++] = *next;
		}
	}
	mappings->count = kept;
}

/* The largest ones that fit into the promised size. False, and nothing taken, unless they fill it. */
static bool choose_by_size(struct guest *guest, const struct mappings *mappings, uint64_t configured)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < mappings->count; i++)
		if (mappings->list[i].ram.size >= CANDIDATE_MIN &&
			sum + mappings->list[i].ram.size <= configured) {
			take(guest, &mappings->list[i].ram);
			sum += mappings->list[i].ram.size;
		}
	if (sum == configured)
		return true;
	free(guest->ram);
	guest->ram = NULL;
	guest->ram_count = 0;
	return false;
}

static int lowest_mapping_first(const void *a, const void *b)
{
	return lowest_first(&((const struct mapping *)a)->ram, &((const struct mapping *)b)->ram);
}

static void choose_by_likelihood(struct guest *guest, const struct mappings *mappings)
{
	for (unsigned int i = 0; i < mappings->count; i++)
		if (i == 0 || mappings->list[i].ram.size >= LIKELY_MIN)
			take(guest, &mappings->list[i].ram);
}

static void choose(struct guest *guest, struct mappings *mappings, uint64_t configured)
{
	if (!mappings->count)
		return;
	qsort(mappings->list, mappings->count, sizeof(*mappings->list), largest_first);
	if (configured && choose_by_size(guest, mappings, configured))
		return;
	qsort(mappings->list, mappings->count, sizeof(*mappings->list), lowest_mapping_first);
	join_neighbours(mappings);
	qsort(mappings->list, mappings->count, sizeof(*mappings->list), largest_first);
	if (!configured || !choose_by_size(guest, mappings, configured))
		choose_by_likelihood(guest, mappings);
}

/* The page size by the file behind the mapping, when smaps was not asked. */
static void complete(const struct root *root, pid_t pid, struct guest_ram *ram)
{
	char path[PATH_MAX];
	struct statfs fs;

	if (ram->page_size)
		return;
	ram->page_size = 4 * KIB;
	root_path(root, path, "/proc/%d/map_files/%llx-%llx", pid, (unsigned long long)ram->start,
		(unsigned long long)(ram->start + ram->size));
	if (!statfs(path, &fs) && fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0)
		ram->page_size = (uint64_t)fs.f_bsize;
}

/* ---- vmm's own word --------------------------------------------------------------------------- */

static void take_region(struct guest *guest, const json_t *node, const json_t *region)
{
	json_int_t start = json_integer_value(json_object_get(region, "host-address"));
	json_int_t size = json_integer_value(json_object_get(region, "size"));
	json_int_t page_size = json_integer_value(json_object_get(node, "page-size"));
	struct guest_ram ram = {
		.start = (uint64_t)start, .size = (uint64_t)size, .page_size = (uint64_t)page_size,
		.mergeable = json_is_true(json_object_get(node, "mergeable")),
		.thp = json_is_true(json_object_get(node, "thp")),
		.guest_node = (int)json_integer_value(json_object_get(node, "node")),
	};

	if (start > 0 && size > 0 && size <= INT64_MAX - start && page_size >= 4096 &&
		!(page_size & (page_size - 1)))
		take(guest, &ram);
}

/* vmm/qmp/query.c: {"nodes": [{"node", "page-size", ..., "regions": [{"host-address", "size"}]}]} */
static bool ask_vmm(struct guest *guest)
{
	struct qmp *qmp = qmp_connect(guest->qmp, QMP_TIMEOUT_MS, NULL);
	json_t *answer = qmp ? qmp_call(qmp, "x-query-memory", NULL, NULL) : NULL, *node, *region;
	size_t i, j;

	json_array_foreach(json_object_get(answer, "nodes"), i, node)
		json_array_foreach(json_object_get(node, "regions"), j, region)
			take_region(guest, node, region);
	json_decref(answer);
	qmp_close(qmp);
	return guest->ram_count > 0;
}

void guest_ram_read(const struct root *root, struct guest *guest, uint64_t configured)
{
	struct mappings mappings = {0};

	if (!(root_is_live(root) && guest->qmp && !strcmp(guest->vmm, "vmm") && ask_vmm(guest))) {
		read_mappings(root, guest->pid, &mappings);
		choose(guest, &mappings, configured);
		free(mappings.list);
	}
	guest->configured = 0;
	for (unsigned int i = 0; i < guest->ram_count; i++) {
		complete(root, guest->pid, &guest->ram[i]);
		guest->configured += guest->ram[i].size;
	}
	if (guest->ram_count)
		qsort(guest->ram, guest->ram_count, sizeof(*guest->ram), lowest_first);
	else
		guest->configured = configured ? configured : GUEST_UNKNOWN;
}
