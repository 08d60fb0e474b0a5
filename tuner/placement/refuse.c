/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No place for a VM: what it needs, what each node could give, and what forbids a node to it. */
#include "tuner/placement/placement.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"

#define ROOM_TEXT 256 /* what is said of one node */

/* Why does this one of all requests find no place? */
struct question {
	const struct request *request;
	struct request *const *requests;
	unsigned int count;
};

/* How many vCPUs are on the CPUs, where one of them or @own sets a limit. */
static size_t tell_limit(const struct room *room, double own, char *text, size_t size)
{
	double limit = room->overcommit > 0 && (!(own > 0) || room->overcommit < own) ? room->overcommit : own;

	double vcpus = room->load + room->foreign;

	return limit > 0 ? (size_t)snprintf(text, size, " with %g vCPU%s on them and a limit of %g a CPU", vcpus,
				   vcpus > 1 || vcpus < 1 ? "s" : "", limit) : 0;
}

/* "node 0: 300M and 1 CPU". Returns how long it is, as snprintf. */
static size_t tell_room(const struct capacity *capacity, const struct room *room, const struct profile_vm *vm,
	char *text, size_t size)
{
	uint64_t page = page_choice_bytes(vm->pages), bytes = room_bytes(room, vm->pages);
	bool pages = page > 4 * KIB;
	struct idset shared = room_shared_cpus(capacity, room);
	unsigned int cpus = vm->dedicated ? cores_free(capacity, room) : idset_count(&shared);

	return (size_t)snprintf(text, size, "node %u: %" PRIu64 "%s, %u CPU%s", room->node->os,
		bytes / (pages ? page : MIB), pages ? " pages" : "M", cpus, cpus == 1 ? "" : "s");
}

/* What each node could give to @request, and what forbids it; "..." for those that @text has no room for. */
static void tell_rooms(const struct capacity *capacity, const struct question *question, char *text, size_t size)
{
	const struct profile_vm *vm = question->request->vm;
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < capacity->room_count; i++) {
		const struct room *room = &capacity->rooms[i];
		const struct request *other = placement_apart_in(question->requests, question->count,
			question->request, room);
		char one[ROOM_TEXT];
		size_t length = tell_room(capacity, room, vm, one, sizeof(one));

		if (!vm->dedicated)
			length += tell_limit(room, vm->overcommit, one + length, sizeof(one) - length);
		if (other)
			snprintf(one + length, sizeof(one) - length, ", but %s is there", other->vm->name);
		if (used + strlen(one) + sizeof("; ...") > size) {
			snprintf(text + used, size - used, "; ...");
			return;
		}
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "; " : "", one);
	}
}

/* What it wants beside memory and CPUs. The caller frees. */
static char *tell_wishes(const struct profile_vm *vm)
{
	char *nodes = vm->guest_nodes ? xasprintf(" on at most %u node%s (guest_nodes)", vm->guest_nodes,
		vm->guest_nodes == 1 ? "" : "s") : xstrdup("");
	char *text = vm->apart ? xasprintf("%s, apart from the others of '%s'", nodes, vm->apart) : xstrdup(nodes);

	free(nodes);
	return text;
}

int placement_refuse(const struct request *request, struct request *const *requests, unsigned int count,
	const struct capacity *capacity, struct error *err)
{
	const struct question question = { request, requests, count };
	const struct profile_vm *vm = request->vm;
	uint64_t page = page_choice_bytes(vm->pages);
	char rooms[700], needs[96], *wishes = tell_wishes(vm);
	int rc;

	if (page > 4 * KIB)
		snprintf(needs, sizeof(needs), "%" PRIu64 " pages of %s", vm->memory / page,
			page_choice_name(vm->pages));
	else
		snprintf(needs, sizeof(needs), "%" PRIu64 "M of memory", vm->memory / MIB);
	tell_rooms(capacity, &question, rooms, sizeof(rooms));
	rc = profile_fault(&vm->at, &vm->at, err, "%s needs %s and %u %sCPU%s%s%s; left for it are %s", vm->name,
		needs, vm->vcpus, vm->dedicated ? "dedicated " : "", vm->vcpus == 1 ? "" : "s",
		vm->dedicated ? ", and one stays with the host and I/O" : "", wishes, rooms);
	free(wishes);
	return rc;
}
