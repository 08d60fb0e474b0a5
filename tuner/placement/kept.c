/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that run keep their place: their memory is there, and moving pages is the repair, not the
 * method. Where one of ours belongs is on its command line, so that a thread that was moved away since
 * shows up as a difference; for guests of other VMMs the threads' affinity is all there is.
 */
#include "tuner/placement/placement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"

/* What a guest's command line says of its place. */
struct born {
	struct placed_node nodes[PROFILE_VCPUS_MAX];
	unsigned int node_count;
	struct idset pins[PROFILE_VCPUS_MAX];
};

/* A list inside of an option with parts: "0-1+4". */
static bool read_list(const char *text, struct idset *set)
{
	char *copy = xstrdup(text);
	bool good;

	for (char *at = copy; *at; at++)
		if (*at == '+')
			*at = ',';
	good = idset_parse(copy, set, NULL) == 0;
	free(copy);
	return good;
}

/* "cpus=0-1+4,memory=2G,host-node=1,...": false when a part cannot be understood. */
static bool read_numa(struct born *born, const char *text)
{
	struct placed_node *node = &born->nodes[born->node_count];
	char *copy = xstrdup(text), *rest = copy, *item;
	struct idset set;
	bool good = born->node_count < PROFILE_VCPUS_MAX;

	if (good)
		*node = (struct placed_node){ .host_node = MACHINE_NO_NODE };
	while (good && (item = strsep(&rest, ","))) {
		if (!strncmp(item, "cpus=", 5))
			good = read_list(item + 5, &node->vcpus);
		else if (!strncmp(item, "memory=", 7))
			good = size_parse(item + 7, &node->memory, NULL) == 0;
		else if (!strncmp(item, "host-node=", 10) && read_list(item + 10, &set) &&
			 idset_count(&set) == 1)
			node->host_node = idset_next(&set, -1);
	}
	free(copy);
	born->node_count += good;
	return good && node->host_node != MACHINE_NO_NODE;
}

/* "0-1=2,2=5+7": host CPUs of each vCPU. */
static bool read_pins(struct born *born, const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *item;
	bool good = true;

	while (good && (item = strsep(&rest, ","))) {
		char *cpus = strchr(item, '=');
		struct idset vcpus, set;

		good = cpus != NULL;
		if (!good)
			break;
		*cpus++ = '\0';
		good = read_list(item, &vcpus) && read_list(cpus, &set);
		for (int vcpu = good ? idset_next(&vcpus, -1) : -1; vcpu >= 0 && vcpu < PROFILE_VCPUS_MAX;
			vcpu = idset_next(&vcpus, vcpu))
			born->pins[vcpu] = set;
	}
	free(copy);
	return good;
}

static bool read_born(struct born *born, char *const *argv)
{
	for (; argv && *argv && argv[1]; argv++) {
		if (!strcmp(*argv, "--numa") && !read_numa(born, argv[1]))
			return false;
		if (!strcmp(*argv, "--pin") && !read_pins(born, argv[1]))
			return false;
	}
	return born->node_count > 0;
}

/* The room whose CPUs a vCPU may use, if all of them are in one. */
static struct room *room_of(const struct capacity *capacity, const struct idset *cpus)
{
	for (unsigned int i = 0; i < capacity->room_count; i++)
		if (!idset_empty(cpus) && idset_within(cpus, &capacity->rooms[i].cpus))
			return &capacity->rooms[i];
	return NULL;
}

static void add_home(struct request *request, const struct home *home)
{
	request->homes = xreallocarray(request->homes, request->home_count + 1, sizeof(*home));
	request->homes[request->home_count++] = *home;
}

static void drop_homes(struct request *request)
{
	free(request->homes);
	request->homes = NULL;
	request->home_count = 0;
}

static bool homes_of_born(struct request *request, struct capacity *capacity, const struct born *born)
{
	for (unsigned int i = 0; i < born->node_count; i++) {
		const struct placed_node *node = &born->nodes[i];
		struct room *memory = capacity_room(capacity, node->host_node);
		int first = idset_next(&node->vcpus, -1);
		struct home home = { .memory = memory, .vcpus = node->vcpus, .bytes = node->memory };

		if (!memory || first < 0 || first >= PROFILE_VCPUS_MAX) {
			drop_homes(request);
			return false;
		}
		home.cpu = room_of(capacity, &born->pins[first]);
		if (!home.cpu)
			home.cpu = nearest_room(capacity, memory, false);
		add_home(request, &home);
	}
	return true;
}

/* Each node's vCPUs by affinity; the memory is taken to lie beside them. */
static bool homes_of_threads(struct request *request, struct capacity *capacity)
{
	const struct profile_vm *vm = request->vm;
	uint64_t step = page_choice_step(vm->pages);
	struct idset placed = { 0 };

	for (unsigned int i = 0; i < capacity->room_count; i++) {
		struct room *room = &capacity->rooms[i];
		struct home home = { .cpu = room, .memory = nearest_room(capacity, room, true) };

		for (unsigned int vcpu = 0; vcpu < vm->vcpus; vcpu++)
			if (room_of(capacity, &request->kept[vcpu]) == room)
				idset_add(&home.vcpus, vcpu);
		if (!vm->vcpus || idset_empty(&home.vcpus))
			continue;
		home.bytes = vm->memory / step * idset_count(&home.vcpus) / vm->vcpus * step;
		idset_union(&placed, &home.vcpus);
		add_home(request, &home);
	}
	if (idset_count(&placed) == vm->vcpus)
		return true;
	drop_homes(request);
	return false;
}

static void keep_affinity(struct request *request, const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];

		if (thread->kind == THREAD_VCPU && thread->vcpu >= 0 &&
		    (unsigned int)thread->vcpu < request->vm->vcpus)
			request->kept[thread->vcpu] = thread->allowed;
	}
}

void placement_read_kept(struct request *request)
{
	struct born *born = xcalloc(1, sizeof(*born));

	request->kept = xcalloc(request->vm->vcpus, sizeof(*request->kept));
	keep_affinity(request, request->guest);
	if (read_born(born, request->guest->argv))
		for (unsigned int i = 0; i < request->vm->vcpus; i++)
			if (!idset_empty(&born->pins[i]))
				request->kept[i] = born->pins[i];
	free(born);
}

bool place_kept(struct request *request, struct capacity *capacity)
{
	struct born *born = xcalloc(1, sizeof(*born));
	bool kept = read_born(born, request->guest->argv)
		? homes_of_born(request, capacity, born) : homes_of_threads(request, capacity);

	if (kept)
		request_why(request, "stays where it is");
	free(born);
	return kept;
}

void placement_tell_memory(struct request *request)
{
	const struct placed_vm *placed = request->placed;
	struct born *born = xcalloc(1, sizeof(*born));
	struct idset was = { 0 }, wanted = placed_nodes(placed);
	char from[128], to[128];

	/* An attached guest's memory is moved by the plan itself. */
	if (!request->vm->attach && read_born(born, request->guest->argv)) {
		for (unsigned int i = 0; i < born->node_count; i++)
			idset_add(&was, (unsigned int)born->nodes[i].host_node);
		if (!idset_equal(&was, &wanted))
			request_why(request, "its memory was put on node %s; 'vmtune move %s %s' brings it here",
				idset_format(&was, from, sizeof(from)), request->vm->name,
				idset_format(&wanted, to, sizeof(to)));
	}
	free(born);
}

int placement_check_running(const struct profile_vm *vm, const struct guest *guest, struct error *err)
{
	struct born *born = xcalloc(1, sizeof(*born));
	uint64_t memory = 0;
	int rc = 0;

	if (guest->vcpu_count && guest->vcpu_count != vm->vcpus)
		rc = profile_fault(&vm->at_vcpus, &vm->at, err, "%s runs already (PID %d) with %u vCPUs, the "
			"profile says %u; stop it first, or change the profile", vm->name, (int)guest->pid,
			guest->vcpu_count, vm->vcpus);
	if (rc == 0 && read_born(born, guest->argv))
		for (unsigned int i = 0; i < born->node_count; i++)
			memory += born->nodes[i].memory;
	if (rc == 0 && memory && memory != vm->memory)
		rc = profile_fault(&vm->at_memory, &vm->at, err, "%s runs already (PID %d) with %lluM, the "
			"profile says %lluM; stop it first, or change the profile", vm->name,
			(int)guest->pid, (unsigned long long)(memory / MIB),
			(unsigned long long)(vm->memory / MIB));
	free(born);
	return rc;
}

bool placement_is(const struct profile_vm *vm, const struct guest *guest)
{
	if (vm->attach)
		return vm->guest_pid && guest->pid == vm->guest_pid && guest->start == vm->guest_start;
	return guest->name && !strcmp(guest->name, vm->name);
}

const struct guest *placement_guest(const struct guest_list *guests, const struct profile_vm *vm)
{
	for (unsigned int i = 0; i < guests->count; i++)
		if (placement_is(vm, &guests->guests[i]))
			return &guests->guests[i];
	return NULL;
}
