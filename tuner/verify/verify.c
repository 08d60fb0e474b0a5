// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Verify: pools, and which guests run. The host's settings are in verify/host.c, what is inside a guest
 * in verify/guest.c.
 */
#include "tuner/verify/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/attach.h"
#include "tuner/placement/placement.h"
#include "tuner/plan/plan.h"
#include "tuner/plan/files.h"

void verify_state(struct verify *verify, const char *where, const char *what, const char *wanted,
	const char *found, const char *state)
{
	json_array_append_new(verify->differences, json_pack("{s:s, s:s, s:s, s:s?, s:s}", "where", where,
		"what", what, "wanted", wanted, "found", found, "state", state));
}

void verify_difference(struct verify *verify, const char *where, const char *what, const char *wanted,
	const char *found)
{
	verify_state(verify, where, what, wanted, found, "drifted");
}

static void append_text(json_t *texts, const char *fmt, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, args);
	json_array_append_new(texts, json_string(text));
}

void verify_summary(struct verify *verify, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	append_text(verify->summary, fmt, args);
	va_end(args);
}

void verify_share(struct verify *verify, const char *name, uint64_t right, uint64_t resident)
{
	char good[SIZE_TEXT_MAX], all[SIZE_TEXT_MAX];
	uint64_t tenths;

	if (!resident) {
		verify_summary(verify, "%s: no guest page is resident yet", name);
		return;
	}
	tenths = right * 1000 / resident; /* rounded down: 100 % means every page */
	verify_summary(verify, "%s: %.4g %% of guest pages on the planned nodes (%s of %s)", name,
		(double)tenths / 10, size_format(good, right), size_format(all, resident));
}

void verify_values(struct verify *verify, const char *name, const struct action_list *wanted)
{
	for (unsigned int i = 0; i < wanted->count; i++) {
		const struct action *action = &wanted->actions[i];
		char *now = NULL;

		if (action->kind != ACTION_CGROUP_VALUE && action->kind != ACTION_UNIT_PROPERTY)
			continue;
		if (action_verify(verify->context, action, &now) != STATE_OK) {
			if (now)
				now[strcspn(now, "\n")] = '\0';
			verify_difference(verify, name, action->kind == ACTION_UNIT_PROPERTY ? action->detail
				: action->target, action->after, now);
		}
		free(now);
	}
}

/* ---- hugepage pools ------------------------------------------------------------------------- */

static bool verify_pool_node(struct verify *verify, const struct profile_pool *wanted,
	const struct machine_node *node)
{
	const struct machine_pool *pool = machine_pool_of(node, wanted->page_size);
	char size[SIZE_TEXT_MAX], what[64], want[32], found[32];

	if (pool && (pool->total == wanted->count || (wanted->at_least && pool->total > wanted->count)))
		return true;
	snprintf(what, sizeof(what), "%s pages on node %u", size_format(size, wanted->page_size), node->os);
	snprintf(want, sizeof(want), "%" PRIu64 "%s", wanted->count, wanted->at_least ? "+" : "");
	snprintf(found, sizeof(found), "%" PRIu64, pool ? pool->total : 0);
	verify_difference(verify, "host", what, want, pool ? found : NULL);
	return false;
}

static void verify_pools(struct verify *verify)
{
	const struct machine *machine = verify->snapshot->machine;
	unsigned int good = 0, count = 0;

	for (unsigned int i = 0; i < verify->profile->pool_count; i++) {
		const struct profile_pool *pool = &verify->profile->pools[i];

		for (unsigned int j = 0; j < machine->node_count; j++) {
			const struct machine_node *node = &machine->nodes[j];

			if (pool->node >= 0 ? (int)node->os != pool->node : !node->memory)
				continue;
			count++;
			good += verify_pool_node(verify, pool, node);
		}
	}
	if (count)
		verify_summary(verify, "host: %u of %u huge page pools as wanted", good, count);
}

/* ---- guests --------------------------------------------------------------------------------- */

static const struct guest *running(const struct verify *verify, const struct profile_vm *vm)
{
	return placement_guest(&verify->snapshot->guests, vm);
}

/*
 * Where the running guests belong, given that all of @profile's have their place: one that has ended
 * still owns its dedicated CPUs, those beside it are not to spread over them.
 */
static int verify_running(struct verify *verify, const struct profile *profile, struct error *err)
{
	struct placed_vm *placed = xcalloc(profile->vm_count + 1, sizeof(*placed));
	int status = placement_make(profile, verify->snapshot, placed, err);

	for (unsigned int i = 0; i < profile->vm_count && status >= 0; i++) {
		const struct guest *guest = running(verify, &profile->vms[i]);

		if (guest)
			status = verify_guest(verify, guest, &placed[i], err);
	}
	if (status >= 0) {
		verify_irqs(verify, placed, profile->vm_count);
		verify_isolate(verify, placed, profile->vm_count);
	}
	placed_vms_free(placed, profile->vm_count);
	return status;
}

/* For guests that have ended there may be no place any more (memory): then without them. */
static int verify_present(struct verify *verify, struct error *err)
{
	const struct profile *profile = verify->profile;
	struct profile present = *profile;
	int status;

	present.vms = xcalloc(profile->vm_count + 1, sizeof(*present.vms));
	present.vm_count = 0;
	for (unsigned int i = 0; i < profile->vm_count; i++)
		if (running(verify, &profile->vms[i]))
			present.vms[present.vm_count++] = profile->vms[i];
	status = verify_running(verify, &present, err);
	free(present.vms);
	return status;
}

static int verify_guests(struct verify *verify, struct error *err)
{
	const struct profile *profile = verify->profile;
	bool all = true, attached = true; /* all of them run; of the attached ones */

	for (unsigned int i = 0; i < profile->vm_count; i++)
		if (!running(verify, &profile->vms[i])) {
			verify_difference(verify, profile->vms[i].name, "guest", "running", NULL);
			all = false;
			attached = attached && !profile->vms[i].attach;
		}
	if (attached && verify_running(verify, profile, err) >= 0)
		return 0;
	return all ? -1 : verify_present(verify, err);
}

int verify_run(struct verify *verify, struct error *err)
{
	int status;

	verify->summary = json_array();
	verify->differences = json_array();
	verify->snapshot = plan_read_machine(verify->profile, &verify->context->root, err);
	if (!verify->snapshot)
		return -1;
	verify_host(verify);
	verify_pools(verify);
	status = attach_guests(verify->profile, verify->snapshot, ATTACH_PRESENT, err);
	if (status >= 0)
		status = verify_guests(verify, err);
	snapshot_free(verify->snapshot);
	verify->snapshot = NULL;
	return status;
}
