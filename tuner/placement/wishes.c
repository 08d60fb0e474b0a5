/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wishes about who else is on a node. The planner keeps them for the VMs it places; where the profile names
 * places itself, or guests run already, they may be broken, and the plan says so.
 */
#include "tuner/placement/placement.h"

#include <string.h>

static bool has_cpus_in(const struct request *request, const struct room *room)
{
	for (unsigned int i = 0; i < request->home_count; i++)
		if (request->homes[i].cpu == room && !idset_empty(&request->homes[i].vcpus))
			return true;
	return false;
}

const struct request *placement_apart_in(struct request *const *requests, unsigned int count,
	const struct request *request, const struct room *room)
{
	const char *group = request->vm->apart;

	for (unsigned int i = 0; group && i < count; i++) {
		const struct profile_vm *other = requests[i]->vm;

		if (requests[i] != request && other->apart && !strcmp(other->apart, group) &&
		    has_cpus_in(requests[i], room))
			return requests[i];
	}
	return NULL;
}

static void tell_overcommit(struct request *request, const struct capacity *capacity, const struct room *room)
{
	const struct profile_vm *vm = request->vm;
	struct idset shared = room_shared_cpus(capacity, room);
	unsigned int cpus = idset_count(&shared);
	double vcpus = room->load + room->foreign;

	if (!vm->dedicated && vm->overcommit > 0 && vcpus > vm->overcommit * cpus)
		request_why(request, "%g vCPUs share the %u CPU%s of node %u, more than its overcommit = %g", vcpus, cpus,
			cpus == 1 ? "" : "s", room->node->os, vm->overcommit);
}

static void tell_apart(struct request *request, const struct room *room, const struct request *other)
{
	if (other)
		request_why(request, "has CPUs of node %u as %s has, though they are to be apart", room->node->os,
			other->vm->name);
}

void placement_tell_broken(struct request *const *requests, unsigned int count, const struct capacity *capacity)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = 0; j < capacity->room_count; j++) {
			const struct room *room = &capacity->rooms[j];

			if (!has_cpus_in(requests[i], room))
				continue;
			tell_apart(requests[i], room, placement_apart_in(requests, count, requests[i], room));
			tell_overcommit(requests[i], capacity, room);
		}
}
