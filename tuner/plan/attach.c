/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan does to guests that vmtune did not start, beyond pinning threads. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/cgroup.h"
#include "tuner/plan/internal.h"
#include "tuner/scope.h"

#define LIST_TEXT 512

char *plan_target(const struct profile_vm *vm)
{
	return vm->attach ? xasprintf("%d:%" PRIu64 " %s", (int)vm->guest_pid, vm->guest_start, vm->name)
			  : xstrdup(vm->name);
}

void plan_scope_values(struct action_list *list, const struct profile_vm *vm, const char *unit)
{
	char *target = plan_target(vm);

	scope_plan_values(list, vm, unit, target);
	free(target);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* "512M on node 0, 20M on node 2": what lies elsewhere. The caller frees; NULL: not worth a move. */
static char *elsewhere(const struct placed_vm *placed, const struct machine *machine,
	const struct guest *guest)
{
	uint64_t sum = 0;
	char *text = NULL;

	for (unsigned int i = 0; i < guest->node_count && i < machine->node_count; i++) {
		uint64_t bytes = guest->node_bytes[i];
		char *longer;

		if (!bytes || placed_on(placed, machine->nodes[i].os))
			continue;
		sum += bytes;
		longer = xasprintf("%s%s%" PRIu64 "M on node %u", text ? text : "", text ? ", " : "",
			(bytes + MIB - 1) / MIB, machine->nodes[i].os);
		free(text);
		text = longer;
	}
	if (sum >= MOVE_WORTH)
		return text;
	free(text);
	return NULL;
}

static char *nodes_now(const struct machine *machine, const struct guest *guest)
{
	struct idset nodes = { 0 };
	char list[LIST_TEXT];

	for (unsigned int i = 0; i < guest->node_count && i < machine->node_count; i++)
		if (guest->node_bytes[i])
			idset_add(&nodes, machine->nodes[i].os);
	return xstrdup(idset_format(&nodes, list, sizeof(list)));
}

bool plan_by_guest_node(const struct placed_vm *placed, const struct guest *guest)
{
	if (placed->node_count < 2 || guest_node_count(guest) != placed->node_count)
		return false;
	for (unsigned int i = 0; i < placed->node_count; i++) {
		struct idset vcpus = guest_node_vcpus(guest, i);

		if (!idset_equal(&vcpus, &placed->nodes[i].vcpus))
			return false;
	}
	return true;
}

/* What of a guest node lies where is looked at when it is carried out. */
static void move_by_node(struct action_list *list, const struct placed_vm *placed)
{
	for (unsigned int i = 0; i < placed->node_count; i++)
		action_add(list, ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, plan_target(placed->vm),
			xasprintf("node %u", i), NULL, xasprintf("%d", placed->nodes[i].host_node),
			xasprintf("%s: guest node %u beside its vCPUs; revert does not move it back",
				placed->vm->name, i), placed->vm->name);
}

void plan_attached_memory(struct action_list *list, const struct placed_vm *placed,
	const struct snapshot *snapshot, const struct guest *guest)
{
	char *wrong = guest->node_bytes ? elsewhere(placed, snapshot->machine, guest) : NULL;
	struct idset wanted = placed_nodes(placed);
	char to[LIST_TEXT];

	if (plan_by_guest_node(placed, guest))
		move_by_node(list, placed);
	if (!wrong || plan_by_guest_node(placed, guest)) {
		free(wrong);
		return;
	}
	idset_format(&wanted, to, sizeof(to));
	action_add(list, ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, plan_target(placed->vm), NULL,
		nodes_now(snapshot->machine, guest), xstrdup(to),
		xasprintf("%s: %s go to node %s; revert does not move them back", placed->vm->name, wrong, to),
		placed->vm->name);
	free(wrong);
}

/* ---- weights and limits --------------------------------------------------------------------- */

/* Names of groups that hold more than a guest: what logged in, or a service, or a slice of them. */
static bool shared_by_nature(const char *name, size_t length)
{
	static const char *const tails[] = { ".slice", ".service" };

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		size_t tail = strlen(tails[i]);

		if (length >= tail && !strncmp(name + length - tail, tails[i], tail))
			return true;
	}
	return !strncmp(name, "session-", 8);
}

/*
 * The outermost group on @path that holds one guest and nothing else, as far as names tell: its scope
 * (libvirt makes groups below that), or the innermost group. The caller frees; NULL: none.
 */
static char *own_group(const char *path)
{
	const char *scope = strstr(path, ".scope"), *name;
	size_t length = scope ? (size_t)(scope - path) + strlen(".scope") : strlen(path);
	char *group = xasprintf("%.*s", (int)length, path);

	name = strrchr(group, '/');
	if (name && name[1] && !shared_by_nature(name + 1, strlen(name + 1)))
		return group;
	free(group);
	return NULL;
}

static bool is_below(const char *path, const char *group)
{
	size_t length = strlen(group);

	return path && !strncmp(path, group, length) && (!path[length] || path[length] == '/');
}

static bool holds_others(const char *group, const struct snapshot *snapshot, const struct guest *guest)
{
	for (unsigned int i = 0; i < snapshot->guests.count; i++) {
		const struct guest *other = &snapshot->guests.guests[i];
		bool in = is_below(other->cgroup, group);

		for (unsigned int j = 0; j < other->cpuset_count; j++)
			in = in || is_below(other->cpusets[j].group, group);
		if (in && other->pid != guest->pid)
			return true;
	}
	return false;
}

bool plan_own_group(const char *group, const struct snapshot *snapshot, const struct guest *guest)
{
	const char *innermost = guest->cpuset_count ? guest->cpusets[guest->cpuset_count - 1].group : group;
	char *own;
	bool is;

	/* In v2 a process may be below the innermost group that has the controller. */
	if (is_below(guest->cgroup, innermost))
		innermost = guest->cgroup;
	own = own_group(innermost);
	is = own && is_below(group, own) && !holds_others(own, snapshot, guest);
	free(own);
	return is;
}

int plan_attached_limits(struct action_list *list, const struct profile_vm *vm,
	const struct snapshot *snapshot, const struct guest *guest, struct error *err)
{
	char *group;
	int rc = 0;

	if (!vm->cpu_weight && !vm->cpu_quota && !vm->memory_high && !vm->memory_max)
		return 0;
	if (plan_domain(guest))
		return plan_libvirt_limits(list, vm, snapshot, guest, err);
	group = own_group(guest->cgroup ? guest->cgroup : "");
	if (snapshot->cgroup == CGROUP_NONE || !group || holds_others(group, snapshot, guest))
		rc = profile_fault(&vm->at_attach, &vm->at, err, "%s (PID %d) has no control group of its own "
			"(it is in %s); weights and limits would hold for others, leave them out", vm->name,
			(int)guest->pid, guest->cgroup ? guest->cgroup : "the root group");
	else if (scope_is(snapshot, group))
		plan_scope_values(list, vm, strrchr(group, '/') + 1);
	else
		cgroup_plan_values(list, vm, snapshot, group);
	free(group);
	return rc;
}
