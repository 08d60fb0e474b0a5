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
#include "tuner/plan.h"
#include "tuner/plan_internal.h"
#include "tuner/verify.h"

#define LIST_TEXT 256

/* ---- pages ---------------------------------------------------------------------------------- */

struct shares {
	uint64_t resident, right;
	char where[LIST_TEXT]; /* "300M on node 0" */
};

static void count(const struct machine *machine, const struct guest *guest, const struct placed_vm *placed,
	struct shares *shares)
{
	size_t used = 0;

	for (unsigned int i = 0; i < guest->node_count && i < machine->node_count; i++) {
		uint64_t bytes = guest->node_bytes[i];
		char size[SIZE_TEXT_MAX];

		shares->resident += bytes;
		if (placed_on(placed, machine->nodes[i].os))
			shares->right += bytes;
		else if (bytes && used < sizeof(shares->where))
			used += (size_t)snprintf(shares->where + used, sizeof(shares->where) - used,
				"%s%s on node %u", used ? ", " : "", size_format(size, bytes),
				machine->nodes[i].os);
	}
}

static void verify_shares(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct shares *shares)
{
	const char *name = placed->vm->name;
	struct idset nodes = placed_nodes(placed);
	char list[LIST_TEXT - 8], want[LIST_TEXT];

	count(verify->snapshot->machine, guest, placed, shares);
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

static bool is_ram(const struct guest *guest, uint64_t address)
{
	for (unsigned int i = 0; i < guest->ram_count; i++)
		if (address >= guest->ram[i].start && address < guest->ram[i].start + guest->ram[i].size)
			return true;
	return false;
}

/* Whether a policy ("bind:0", "prefer:0", "interleave:0-1") keeps new pages off the wanted nodes. */
static bool leads_away(const char *policy, const struct placed_vm *placed)
{
	const char *colon = strchr(policy, ':');
	struct idset nodes;

	if (!colon || !strncmp(policy, "local", 5) || idset_parse(colon + 1, &nodes, NULL) < 0)
		return false;
	idset_for_each(node, &nodes)
		if (!placed_on(placed, (unsigned int)node))
			return true;
	return false;
}

/*
 * The first policy of its RAM that leads elsewhere, into @policy. The file's walk holds the guest's
 * mmap lock (8 ms a GiB of small pages), which is why only verify reads it.
 */
static bool find_policy(const struct root *root, const struct guest *guest, const struct placed_vm *placed,
	char policy[LIST_TEXT])
{
	char *text = root_read_all(root, NULL, "/proc/%d/numa_maps", (int)guest->pid), *rest = NULL;
	bool found = false;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line && !found;
		line = strtok_r(NULL, "\n", &rest)) {
		unsigned long address;

		found = sscanf(line, "%lx %255s", &address, policy) == 2 && is_ram(guest, address) &&
			leads_away(policy, placed);
	}
	free(text);
	return found;
}

static void verify_policy(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	uint64_t resident)
{
	uint64_t untouched = guest->configured != GUEST_UNKNOWN && guest->configured > resident
		? guest->configured - resident : 0;
	char policy[LIST_TEXT], size[SIZE_TEXT_MAX];

	if (find_policy(&verify->context->root, guest, placed, policy))
		verify_summary(verify, "%s: residual: its VMM has bound memory by policy %s, which cannot be "
			"changed from outside; %s not touched yet will follow it", placed->vm->name, policy,
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

int verify_attached(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct error *err)
{
	struct shares shares = { 0 };

	if (guest->node_bytes) {
		verify_shares(verify, guest, placed, &shares);
		verify_policy(verify, guest, placed, shares.resident);
	}
	return verify_limits(verify, guest, placed->vm, err);
}
