/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where each virtual machine lives. Memory follows CPUs: a VM gets its node or nodes first, then CPUs
 * there. Explicit wishes come before everything else, guests that run stay where they are, the rest
 * is placed largest first and dedicated before shared; last of all, those who share get what
 * nobody has to himself. Pure and deterministic: only profile and snapshot decide.
 */
#include "tuner/placement/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/planner/planner.h"

const char *placement_cpu_text(const struct idset *cpus, char buf[PLACEMENT_TEXT])
{
	int used = snprintf(buf, PLACEMENT_TEXT, "CPU%s ", idset_count(cpus) == 1 ? "" : "s");

	idset_format(cpus, buf + used, PLACEMENT_TEXT - (size_t)used);
	return buf;
}

void request_why(struct request *request, const char *fmt, ...)
{
	char *old = request->placed->why, *text;
	va_list args;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	request->placed->why = old ? xasprintf("%s; %s", old, text) : xstrdup(text);
	free(text);
	free(old);
}

/* ---- rooms and homes ---- */

struct room *nearest_room(const struct capacity *capacity, const struct room *from, bool memory)
{
	unsigned int best_distance = 0;
	struct room *best = NULL;

	for (unsigned int i = 0; i < capacity->room_count; i++) {
		struct room *room = &capacity->rooms[i];
		bool here = room == from || (!memory && (int)room->node->os == from->node->beside);
		unsigned int distance = here ? 0
			: machine_distance(capacity->machine, (int)from->node->os, (int)room->node->os);

		if (memory ? !room->node->memory : idset_empty(&room->cpus))
			continue;
		if (!best || distance < best_distance) {
			best = room;
			best_distance = distance;
		}
	}
	return best;
}

struct home *homes_of(const struct capacity *capacity, unsigned int *count)
{
	struct home *homes = xcalloc(capacity->room_count, sizeof(*homes));

	*count = 0;
	for (unsigned int i = 0; i < capacity->room_count; i++) {
		struct room *room = &capacity->rooms[i];
		struct home home = {
			.cpu = nearest_room(capacity, room, false),
			.memory = nearest_room(capacity, room, true),
		};

		if (home.cpu && home.memory)
			homes[(*count)++] = home;
	}
	return homes;
}

void request_split(struct request *request, const struct home *homes, const double *weights,
	unsigned int count)
{
	uint64_t step = page_choice_step(request->vm->pages), steps = request->vm->memory / step;
	unsigned int next = 0;

	free(request->homes);
	request->homes = xcalloc(count, sizeof(*homes));
	request->home_count = count;
	for (unsigned int i = 0; i < count; i++) {
		struct home *home = &request->homes[i];
		unsigned int vcpus = (unsigned int)planner_part_some(request->vm->vcpus, weights, count, i);

		*home = homes[i];
		memset(&home->vcpus, 0, sizeof(home->vcpus));
		home->bytes = planner_part_some(steps, weights, count, i) * step;
		while (vcpus--)
			idset_add(&home->vcpus, next++);
	}
}

/* ---- taking memory and CPUs ---- */

static int take_memory(const struct request *request, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	uint64_t size = page_choice_bytes(vm->pages);

	for (unsigned int i = 0; i < request->home_count; i++) {
		const struct home *home = &request->homes[i];
		uint64_t has = room_bytes(home->memory, vm->pages);

		if (has >= home->bytes) {
			room_take(home->memory, vm->pages, home->bytes);
			continue;
		}
		if (size > 4 * KIB)
			return profile_fault(&vm->at_memory, &vm->at, err, "%s needs %" PRIu64 " %s pages on "
				"node %u; %" PRIu64 " can be had there", vm->name, home->bytes / size,
				page_choice_name(vm->pages), home->memory->node->os, has / size);
		return profile_fault(&vm->at_memory, &vm->at, err, "%s needs %" PRIu64 "M on node %u; %" PRIu64
			"M can be had there (%" PRIu64 "M stay with the host)", vm->name,
			home->bytes / MIB, home->memory->node->os, has / MIB,
			host_share(home->memory->node) / MIB);
	}
	return 0;
}

/* A running guest keeps its CPUs when each vCPU has one of its own in the right room. */
static bool keep_cpus(const struct request *request, struct capacity *capacity, const struct home *home)
{
	struct idset mine = { 0 };

	if (!request->kept)
		return false;
	idset_for_each(vcpu, &home->vcpus) {
		const struct idset *kept = &request->kept[vcpu];
		int cpu = idset_next(kept, -1);

		if (idset_count(kept) != 1 || !idset_within(kept, &home->cpu->cpus) ||
		    idset_has(&capacity->dedicated, (unsigned int)cpu) ||
		    idset_has(&mine, (unsigned int)cpu))
			return false;
		idset_add(&mine, (unsigned int)cpu);
	}
	idset_for_each(vcpu, &home->vcpus)
		request->placed->pins[vcpu] = request->kept[vcpu];
	capacity_dedicate(capacity, &mine);
	return true;
}

static int take_dedicated(struct request *request, struct capacity *capacity, const struct home *home,
	struct error *err)
{
	unsigned int order[PROFILE_VCPUS_MAX], count = idset_count(&home->vcpus), next = 0;
	const struct profile_vm *vm = request->vm;

	if (keep_cpus(request, capacity, home))
		return 0;
	if (!cores_take(capacity, home->cpu, count, order))
		return profile_fault(&vm->at_dedicated, &vm->at, err, "%s needs %u dedicated CPUs on node %u; "
			"%u are free there (cores are given whole)", vm->name, count,
			home->cpu->node->os, cores_free(capacity, home->cpu));
	idset_for_each(vcpu, &home->vcpus) {
		struct idset one = { 0 };

		idset_add(&one, order[next++]);
		request->placed->pins[vcpu] = one;
	}
	return 0;
}

static void share(const struct request *request, const struct home *home)
{
	unsigned int vcpus = idset_count(&home->vcpus);
	double *limit = &home->cpu->overcommit;

	home->cpu->load += vcpus;
	if (vcpus && request->vm->overcommit > 0 && (!(*limit > 0) || request->vm->overcommit < *limit))
		*limit = request->vm->overcommit;
	home->cpu->busy += request_demand(request) * vcpus / request->vm->vcpus;
}

static int take_cpus(struct request *request, struct capacity *capacity, struct error *err)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < request->home_count; i++) {
		struct home *home = &request->homes[i];

		if (!request->vm->dedicated)
			share(request, home);
		else if (request->vm->placement != PLACE_PINS)
			rc = take_dedicated(request, capacity, home, err);
	}
	return rc;
}

int request_take(struct request *request, struct capacity *capacity, struct error *err)
{
	int rc = 0;

	if (request->vm->attach)
		rc = attach_take_memory(request, capacity, err);
	else if (!request->guest)
		rc = take_memory(request, err);
	return rc < 0 ? rc : take_cpus(request, capacity, err);
}

/* Homes for who has no choice: the profile names them, or the guest runs and stays. */
static int place_given(struct request *request, struct capacity *capacity, struct error *err)
{
	enum placement_mode mode = request->vm->placement;
	int rc = 0;

	if (request->guest)
		request_why(request, "runs already (PID %d)", (int)request->guest->pid);
	if (mode == PLACE_PINS)
		rc = place_pins(request, capacity, err);
	else if (mode == PLACE_NODES)
		rc = place_nodes(request, capacity, err);
	else if (mode == PLACE_KEEP)
		rc = place_still(request, capacity, err);
	else if (!request->guest || request->vm->attach || !place_kept(request, capacity))
		return 0;
	return rc < 0 ? rc : request_take(request, capacity, err);
}

/* ---- what is left to share ---- */

/* Guest nodes: each home in as many parts as it takes to reach the wanted number. */
static void make_nodes(struct request *request)
{
	struct placed_vm *placed = request->placed;
	unsigned int homes = request->home_count;
	unsigned int wanted = request->vm->guest_nodes > homes ? request->vm->guest_nodes : homes;
	uint64_t step = page_choice_step(request->vm->pages);

	placed->nodes = xcalloc(wanted, sizeof(*placed->nodes));
	for (unsigned int i = 0; i < homes; i++) {
		const struct home *home = &request->homes[i];
		unsigned int parts = (unsigned int)planner_part(wanted, NULL, homes, i);
		int vcpu = -1;

		for (unsigned int j = 0; j < parts; j++) {
			struct placed_node *node = &placed->nodes[placed->node_count++];
			uint64_t vcpus = planner_part(idset_count(&home->vcpus), NULL, parts, j);

			node->host_node = (int)home->memory->node->os;
			node->memory = planner_part(home->bytes / step, NULL, parts, j) * step;
			while (vcpus-- && (vcpu = idset_next(&home->vcpus, vcpu)) >= 0)
				idset_add(&node->vcpus, (unsigned int)vcpu);
		}
	}
}

/*
 * The guest's distances mirror the host's; two guest nodes on one host node are as near as can be. A guest of
 * others that is kept where it is may lie on more nodes than one of ours can have; nobody asks for its distances.
 */
static void make_distances(struct placed_vm *placed, const struct machine *machine)
{
	for (unsigned int i = 0; i < placed->node_count; i++)
		for (unsigned int j = 0; j < placed->node_count && j < PROFILE_NODES_MAX; j++) {
			unsigned int distance = machine_distance(machine, placed->nodes[i].host_node,
				placed->nodes[j].host_node);

			if (i != j && distance <= 10)
				distance = 11;
			placed->nodes[i].distance[j] = i == j ? 10 : distance > 254 ? 254
				: (uint8_t)distance;
		}
}

static int share_cpus(struct request *request, const struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	char list[PLACEMENT_TEXT];

	for (unsigned int i = 0; i < request->home_count && !vm->dedicated; i++) {
		const struct home *home = &request->homes[i];
		struct idset shared = room_shared_cpus(capacity, home->cpu);

		if (vm->placement == PLACE_PINS || vm->placement == PLACE_KEEP)
			continue;
		if (idset_empty(&shared))
			return profile_fault(&vm->at_nodes, &vm->at, err, "%s: all CPUs of node %u are dedicated "
				"to other VMs; it needs one to share", vm->name, home->cpu->node->os);
		idset_for_each(vcpu, &home->vcpus)
			request->placed->pins[vcpu] = shared;
	}
	for (unsigned int i = 0; i < vm->pin_count && !vm->dedicated; i++) {
		struct idset taken = vm->pins[i];

		idset_intersect(&taken, &capacity->dedicated);
		if (!idset_empty(&taken))
			return profile_fault(&vm->at_pins, &vm->at, err, "%s: vCPU %u is pinned to host CPU %s, "
				"which is dedicated to another VM", vm->name, i,
				idset_format(&taken, list, sizeof(list)));
	}
	return 0;
}

static int check_io(const struct request *request, const struct capacity *capacity, struct error *err)
{
	const struct profile_vm *vm = request->vm;
	struct idset outside = vm->io_cpus, taken = vm->io_cpus;
	char list[PLACEMENT_TEXT];

	idset_subtract(&outside, &capacity->usable);
	if (!idset_empty(&outside))
		return profile_fault(&vm->at_io_cpus, &vm->at, err, "%s: host CPU %s cannot be used here",
			vm->name, idset_format(&outside, list, sizeof(list)));
	idset_intersect(&taken, &capacity->dedicated);
	if (!idset_empty(&taken))
		return profile_fault(&vm->at_io_cpus, &vm->at, err, "%s: host CPU %s is dedicated to a vCPU; "
			"the I/O thread must not share it", vm->name,
			idset_format(&taken, list, sizeof(list)));
	return 0;
}

/* The I/O thread lives with the vCPUs, on CPUs that no dedicated vCPU has. */
static int place_io(struct request *request, const struct capacity *capacity, struct error *err)
{
	struct placed_vm *placed = request->placed;
	struct idset own = { 0 };
	char list[PLACEMENT_TEXT];

	if (!idset_empty(&request->vm->io_cpus)) {
		placed->io_cpus = request->vm->io_cpus;
		return check_io(request, capacity, err);
	}
	for (unsigned int i = 0; i < request->vm->vcpus; i++)
		idset_union(&own, &placed->pins[i]);
	if (request->vm->dedicated)
		placed->io_cpus = capacity_leftover(capacity, &own);
	for (unsigned int i = 0; idset_empty(&placed->io_cpus) && i < request->home_count; i++)
		placed->io_cpus = room_shared_cpus(capacity, request->homes[i].cpu);
	if (idset_empty(&placed->io_cpus)) {
		placed->io_cpus = capacity->usable;
		idset_subtract(&placed->io_cpus, &capacity->dedicated);
		request_why(request, "no CPU is left for I/O on its node");
	} else if (request->vm->dedicated) {
		request_why(request, "I/O on %s", placement_cpu_text(&placed->io_cpus, list));
	}
	if (idset_empty(&placed->io_cpus))
		request_why(request, "every CPU of this host is dedicated: I/O and the host run between "
			"the vCPUs");
	return 0;
}

static void explain_cpus(struct request *request, const struct capacity *capacity)
{
	const struct home *home = &request->homes[0];
	struct idset own = { 0 }, caches = { 0 };
	char list[PLACEMENT_TEXT];

	for (unsigned int i = 0; i < request->vm->vcpus; i++)
		idset_union(&own, &request->placed->pins[i]);
	idset_for_each(id, &own) {
		const struct machine_cpu *cpu = machine_cpu_of(capacity->machine, (unsigned int)id);

		if (cpu)
			idset_add(&caches, cpu->llc);
	}
	placement_cpu_text(&own, list);
	if (request->vm->dedicated)
		request_why(request, "%s for itself alone%s", list,
			idset_count(&caches) == 1 ? ", behind one last-level cache" : "");
	else if (request->home_count == 1 && request->vm->placement != PLACE_PINS)
		request_why(request, "%s shared by %u vCPU%s in all", list, home->cpu->load,
			home->cpu->load == 1 ? "" : "s");
}

static int finish(struct request *request, const struct capacity *capacity, struct error *err)
{
	int rc;

	make_nodes(request);
	make_distances(request->placed, capacity->machine);
	if (request->vm->attach)
		attach_incoming(request, capacity);
	if (request->guest)
		placement_tell_memory(request);
	rc = share_cpus(request, capacity, err);
	if (rc == 0 && request->vm->placement != PLACE_KEEP) {
		explain_cpus(request, capacity);
		rc = place_io(request, capacity, err);
	}
	return rc;
}

/* ---- the order of things ---- */

/* Explicit CPUs, running guests, explicit nodes, then free choice: dedicated first, largest first. */
static int rank(const struct request *request)
{
	int mode = request->vm->placement == PLACE_PINS ? 0 : request->guest ? 1
		: request->vm->placement == PLACE_NODES ? 2 : 3;

	return 2 * mode + !request->vm->dedicated;
}

static int by_rank(const void *a, const void *b)
{
	const struct request *left = *(struct request *const *)a, *right = *(struct request *const *)b;

	if (rank(left) != rank(right))
		return rank(left) - rank(right);
	if (left->vm->memory != right->vm->memory)
		return left->vm->memory > right->vm->memory ? -1 : 1;
	if (left->vm->vcpus != right->vm->vcpus)
		return left->vm->vcpus > right->vm->vcpus ? -1 : 1;
	return left < right ? -1 : left > right; /* as in the profile */
}

static int place_all(struct request *requests, unsigned int count, struct capacity *capacity,
	struct error *err)
{
	struct request **order = xcalloc(count, sizeof(struct request *));
	int rc = 0;

	for (unsigned int i = 0; i < count; i++)
		order[i] = &requests[i];
	qsort(order, count, sizeof(struct request *), by_rank);
	/* Of all before any is placed: two guests may change places. */
	for (unsigned int i = 0; i < count; i++)
		if (requests[i].vm->attach)
			attach_credit(&requests[i], capacity);
	for (unsigned int i = 0; rc == 0 && i < count; i++)
		rc = place_given(order[i], capacity, err);
	if (rc == 0)
		rc = place_auto(order, count, capacity, err);
	for (unsigned int i = 0; rc == 0 && i < count; i++)
		rc = finish(&requests[i], capacity, err);
	free(order);
	return rc;
}

int placement_make(const struct profile *profile, const struct snapshot *snapshot,
	struct placed_vm *vms, struct error *err)
{
	struct request *requests = xcalloc(profile->vm_count + 1, sizeof(*requests));
	struct capacity capacity;
	int rc = 0;

	capacity_init(&capacity, profile, snapshot);
	for (unsigned int i = 0; i < profile->vm_count; i++) {
		struct request *request = &requests[i];

		*request = (struct request){ .vm = &profile->vms[i], .placed = &vms[i] };
		request->guest = placement_guest(&snapshot->guests, request->vm);
		vms[i].vm = request->vm;
		vms[i].pins = xcalloc(request->vm->vcpus, sizeof(*vms[i].pins));
		vms[i].running = request->guest != NULL;
		if (request->guest)
			placement_read_kept(request);
		if (request->guest && rc == 0)
			rc = placement_check_running(request->vm, request->guest, err);
	}
	if (rc == 0)
		rc = place_all(requests, profile->vm_count, &capacity, err);
	for (unsigned int i = 0; i < profile->vm_count; i++) {
		free(requests[i].homes);
		free(requests[i].kept);
	}
	free(requests);
	capacity_release(&capacity);
	return rc;
}

void placed_vms_free(struct placed_vm *vms, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		free(vms[i].nodes);
		free(vms[i].pins);
		free(vms[i].leaving);
		free(vms[i].why);
	}
	free(vms);
}

double placed_loses(const struct placed_vm *placed)
{
	double sum = 0;

	for (int term = 0; term < PLANNER_TERMS; term++)
		sum += placed->lost[term];
	return sum;
}
