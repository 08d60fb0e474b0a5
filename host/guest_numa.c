/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which part of a QEMU guest's RAM is which of its nodes'. QEMU says so, but in pieces: how many nodes
 * there are ("info numa"), which memory backends there are (query-memdev), where in the guest's memory
 * each begins ("info mtree -f"), and where that is in QEMU's ("gpa2hva"). Nodes lie in the guest's memory
 * in their order. Where the pieces do not fit together (memory that was plugged in), nothing is known.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/guest_internal.h"
#include "host/qmp.h"
#include "lib/xalloc.h"

#define NODES_MAX 64

/* A memory backend: where it begins in the guest, and how far into it that is. */
struct backend {
	const char *id;
	uint64_t gpa, offset;
	struct guest_ram ram;
};

/* What a person would see in QEMU's monitor; the caller frees. NULL: no answer. */
static char *monitor(struct qmp *qmp, const char *command)
{
	json_t *answer = qmp_call(qmp, "human-monitor-command", json_pack("{s:s}", "command-line", command), NULL);
	char *text = json_is_string(answer) ? xstrdup(json_string_value(answer)) : NULL;

	json_decref(answer);
	return text;
}

bool guest_find_backend(const char *mtree, const char *id, uint64_t *gpa, uint64_t *offset)
{
	for (const char *line = mtree; line && *line; line = strchr(line, '\n')) {
		char name[128];
		int end = 0;

		line += *line == '\n';
		*offset = 0;
		/* "  0000000000100000-0000000001ffffff (prio 0, ram): ram0 @0000000000100000" */
		if (sscanf(line, " %" SCNx64 "-%*x (prio %*d, ram): %127[^ \r\n]%n", gpa, name, &end) != 2 || !end ||
			strcmp(name, id) != 0)
			continue;
		sscanf(line + end, " @%" SCNx64, offset);
		return true;
	}
	return false;
}

static bool ask_address(struct qmp *qmp, struct backend *backend)
{
	char *command = xasprintf("gpa2hva 0x%" PRIx64, backend->gpa), *text = monitor(qmp, command), id[128];
	uint64_t gpa, hva;
	bool good;

	free(command);
	good = text && sscanf(text, "Host virtual address for 0x%" SCNx64 " (%127[^)]) is 0x%" SCNx64, &gpa, id, &hva) == 3 &&
		gpa == backend->gpa && !strcmp(id, backend->id) && hva >= backend->offset;
	free(text);
	if (good)
		backend->ram.start = hva - backend->offset;
	return good;
}

/* Page size and marks are those of the mapping that it is in. */
static bool complete(const struct guest *guest, struct backend *backend)
{
	for (unsigned int i = 0; i < guest->ram_count; i++) {
		const struct guest_ram *ram = &guest->ram[i];

		if (backend->ram.start < ram->start || backend->ram.start >= ram->start + ram->size)
			continue;
		backend->ram.page_size = ram->page_size;
		backend->ram.mergeable = ram->mergeable;
		backend->ram.thp = ram->thp;
		return true;
	}
	return false;
}

static int by_address(const void *a, const void *b)
{
	const struct backend *left = a, *right = b;

	return left->gpa < right->gpa ? -1 : left->gpa > right->gpa;
}

static bool ask_backends(struct qmp *qmp, const struct guest *guest, const json_t *rows, struct backend *backends)
{
	char *mtree = monitor(qmp, "info mtree -f");
	size_t count = json_array_size(rows);
	bool good = mtree != NULL;

	for (size_t i = 0; i < count && good; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *id = json_string_value(json_object_get(row, "id"));
		json_int_t size = json_integer_value(json_object_get(row, "size"));

		backends[i] = (struct backend){ .id = id, .ram.size = (uint64_t)size };
		good = id && size > 0 && guest_find_backend(mtree, id, &backends[i].gpa, &backends[i].offset) &&
			ask_address(qmp, &backends[i]) && complete(guest, &backends[i]);
	}
	free(mtree);
	if (good)
		qsort(backends, count, sizeof(*backends), by_address);
	return good;
}

static void take(struct guest *guest, const struct backend *backends, unsigned int count)
{
	free(guest->ram);
	guest->ram = xcalloc(count, sizeof(*guest->ram));
	guest->ram_count = count;
	for (unsigned int i = 0; i < count; i++) {
		guest->ram[i] = backends[i].ram;
		guest->ram[i].guest_node = (int)i;
	}
}

static bool several_nodes(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->thread_count; i++)
		if (guest->threads[i].guest_node > 0)
			return true;
	return false;
}

void guest_ask_nodes(struct guest *guest, int timeout_ms)
{
	struct qmp *qmp = guest->qmp && guest->handles && several_nodes(guest) && strcmp(guest->vmm, "vmm")
		? qmp_connect(guest->qmp, timeout_ms, NULL) : NULL;
	json_t *rows = qmp ? qmp_call(qmp, "query-memdev", NULL, NULL) : NULL;
	char *numa = rows ? monitor(qmp, "info numa") : NULL;
	struct backend backends[NODES_MAX];
	size_t count = json_array_size(rows);

	if (numa && count > 1 && count <= NODES_MAX && strtoul(numa, NULL, 10) == count &&
		ask_backends(qmp, guest, rows, backends))
		take(guest, backends, (unsigned int)count);
	free(numa);
	json_decref(rows);
	qmp_close(qmp);
}

unsigned int guest_node_count(const struct guest *guest)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < guest->ram_count; i++) {
		if (guest->ram[i].guest_node < 0)
			return 0;
		if ((unsigned int)guest->ram[i].guest_node >= count)
			count = (unsigned int)guest->ram[i].guest_node + 1;
	}
	return count;
}

struct idset guest_node_vcpus(const struct guest *guest, unsigned int node)
{
	struct idset vcpus = { 0 };

	for (unsigned int i = 0; i < guest->thread_count; i++)
		if (guest->threads[i].kind == THREAD_VCPU && guest->threads[i].vcpu >= 0 &&
			guest->threads[i].guest_node == (int)node)
			idset_add(&vcpus, (unsigned int)guest->threads[i].vcpu);
	return vcpus;
}

uint64_t guest_node_bytes(const struct guest *guest, unsigned int node)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < guest->ram_count; i++)
		if (guest->ram[i].guest_node == (int)node)
			bytes += guest->ram[i].size;
	return bytes;
}
