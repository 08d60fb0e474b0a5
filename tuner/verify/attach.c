/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verify a guest that vmtune did not start: where its pages are, and what about them cannot be changed
 * from outside. A few pages that stay behind (in use by a device, shared with another process) and the
 * policy of its VMM for pages not touched yet are said as residual, not as drift: apply cannot help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "tuner/plan/plan.h"
#include "tuner/plan/internal.h"
#include "tuner/verify/verify.h"

#define LIST_TEXT 256

/* ---- pages ---------------------------------------------------------------------------------- */

struct shares {
	uint64_t resident, right;
	char where[LIST_TEXT]; /* "300M on node 0" */
};

/* @bytes of it, of guest node @guest_node (-1: all together), lie on this host node. */
static void count(struct shares *shares, const struct placed_vm *placed, int guest_node, unsigned int host_node,
	uint64_t bytes)
{
	size_t used = strlen(shares->where);
	char size[SIZE_TEXT_MAX], part[32] = "";

	shares->resident += bytes;
	if (guest_node < 0 ? placed_on(placed, host_node)
			   : placed->nodes[guest_node].host_node == (int)host_node) {
		shares->right += bytes;
		return;
	}
	if (guest_node >= 0)
		snprintf(part, sizeof(part), " of guest node %d", guest_node);
	if (bytes)
		snprintf(shares->where + used, sizeof(shares->where) - used, "%s%s%s on node %u", used ? ", " : "",
			size_format(size, bytes), part, host_node);
}

static void count_by_guest_node(const struct machine *machine, const struct guest *guest,
	const struct placed_vm *placed, struct shares *shares)
{
	for (unsigned int i = 0; i < guest->ram_count; i++) {
		struct guest part = *guest;
		struct guest_memory_map map;

		part.ram = &guest->ram[i];
		part.ram_count = 1;
		if (guest_map_read(&part, machine, 0, &map) == 0)
			for (unsigned int j = 0; j < map.node_count; j++)
				count(shares, placed, guest->ram[i].guest_node, machine->nodes[j].os, map.node_bytes[j]);
		guest_map_release(&map);
	}
}

static void count_all(const struct machine *machine, const struct guest *guest, const struct placed_vm *placed,
	struct shares *shares)
{
	if (plan_by_guest_node(placed, guest)) {
		count_by_guest_node(machine, guest, placed, shares);
		return;
	}
	for (unsigned int i = 0; i < guest->node_count && i < machine->node_count; i++)
		count(shares, placed, -1, machine->nodes[i].os, guest->node_bytes[i]);
}

static void verify_shares(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct shares *shares)
{
	const char *name = placed->vm->name;
	struct idset nodes = placed_nodes(placed);
	char list[LIST_TEXT - 8], want[LIST_TEXT];

	count_all(verify->snapshot->machine, guest, placed, shares);
	verify_share(verify, name, shares->right, shares->resident);
	if (shares->right == shares->resident)
		return;
	snprintf(want, sizeof(want), "node %s", idset_format(&nodes, list, sizeof(list)));
	/* What the planner would not move is no drift. */
	if (shares->resident - shares->right >= MOVE_WORTH)
		verify_difference(verify, name, "pages", want, shares->where);
	else
		verify_summary(verify, "%s: residual: %s, wanted %s; in use or shared when the rest was "
			"moved, or touched since", name, shares->where, want);
}

/* ---- the VMM's own policy ------------------------------------------------------------------- */

/* The first policy that keeps new pages off the wanted nodes. */
struct away {
	const struct placed_vm *placed;
	char policy[LIST_TEXT];
};

static bool look(void *opaque, const char *policy, const struct idset *nodes)
{
	struct away *away = opaque;

	idset_for_each(node, nodes)
		if (!placed_on(away->placed, (unsigned int)node))
			snprintf(away->policy, sizeof(away->policy), "%s", policy);
	return !*away->policy;
}

static void verify_policy(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	uint64_t resident)
{
	uint64_t untouched = guest->configured != GUEST_UNKNOWN && guest->configured > resident
		? guest->configured - resident : 0;
	struct away away = { .placed = placed };
	char size[SIZE_TEXT_MAX];

	guest_each_policy(&verify->context->root, guest, look, &away);
	if (*away.policy)
		verify_summary(verify, "%s: residual: its VMM has bound memory by policy %s, which cannot be "
			"changed from outside; %s not touched yet will follow it", placed->vm->name, away.policy,
			size_format(size, untouched));
}

/* ---- weights and limits --------------------------------------------------------------------- */

static int verify_limits(struct verify *verify, const struct guest *guest, const struct profile_vm *vm,
	struct error *err)
{
	struct action_list wanted = { 0 };
	int status = plan_attached_limits(&wanted, vm, verify->snapshot, guest, err);

	verify_values(verify, vm->name, &wanted);
	action_list_release(&wanted);
	return status;
}

/* ---- what libvirt says, and what groups allow ----------------------------------------------- */

/* What a plan would still change is what differs. */
static void verify_none(struct verify *verify, const char *name, const struct action_list *changes)
{
	for (unsigned int i = 0; i < changes->count; i++) {
		const struct action *action = &changes->actions[i];
		const char *blank = action->kind == ACTION_LIBVIRT ? strchr(action->target, ' ') : NULL;
		char what[LIST_TEXT];

		snprintf(what, sizeof(what), "%s%s", blank ? "libvirt's " : "", blank ? blank + 1 : action->target);
		verify_difference(verify, name, what, action->after, action->before);
	}
}

static void verify_libvirt(struct verify *verify, const struct guest *guest, const struct placed_vm *placed)
{
	const struct guest_domain *domain = plan_domain(guest);
	struct action_list changes = { 0 };
	unsigned int count = 0;

	if (!domain)
		return;
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct idset *wanted = placed_cpus_of(placed, &guest->threads[i]);

		count += wanted && plan_libvirt_pin(&changes, placed->vm->name, guest, &guest->threads[i],
			wanted);
	}
	verify_none(verify, placed->vm->name, &changes);
	if (count && !changes.count)
		verify_summary(verify, "%s: libvirt shows the same pins", placed->vm->name);
	action_list_release(&changes);
}

static int verify_nodes(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct error *err)
{
	struct action_list changes = { 0 };
	int status = placed->vm->placement == PLACE_KEEP ? 0
		: plan_widen(&changes, placed, verify->snapshot, guest, err);

	verify_none(verify, placed->vm->name, &changes);
	action_list_release(&changes);
	return status;
}

int verify_attached(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct error *err)
{
	struct shares shares = { 0 };
	int status = verify_nodes(verify, guest, placed, err);

	if (status < 0)
		return status;
	verify_libvirt(verify, guest, placed);
	if (guest->node_bytes) {
		verify_shares(verify, guest, placed, &shares);
		verify_policy(verify, guest, placed, shares.resident);
	}
	return verify_limits(verify, guest, placed->vm, err);
}
