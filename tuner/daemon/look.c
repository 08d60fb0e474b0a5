// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/daemon/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/attach.h"
#include "tuner/journal.h"
#include "tuner/placement/placement.h"
#include "tuner/plan/files.h"

#define QMP_MS  500
#define SAMPLES 4096 /* pages asked for of a guest: a share of 1 % is seen */

static bool runs(const struct look *look, const struct profile_vm *vm)
{
	return placement_guest(&look->snapshot->guests, vm) != NULL;
}

/* Before attach_guests(), which would ask for every page. */
static void sample_guests(struct snapshot *snapshot)
{
	for (unsigned int i = 0; i < snapshot->guests.count; i++) {
		struct guest *guest = &snapshot->guests.guests[i];

		guest_ask_threads(guest, QMP_MS);
		guest_locate(guest, snapshot->machine, SAMPLES);
	}
}

/* ---- for whom ------------------------------------------------------------------------------- */

/*
 * One of ours that has ended keeps its place (@with_ended), as it does for verify: others are not to spread
 * over its CPUs. A guest of others that is not there has none.
 */
static void choose_present(struct look *look, bool with_ended)
{
	const struct profile *profile = look->profile;

	free(look->present.vms);
	look->present = *profile;
	look->present.vms = xcalloc(profile->vm_count + 1, sizeof(*profile->vms));
	look->present.vm_count = 0;
	for (unsigned int i = 0; i < profile->vm_count; i++)
		if (runs(look, &profile->vms[i]) || (with_ended && !profile->vms[i].attach))
			look->present.vms[look->present.vm_count++] = profile->vms[i];
}

static bool some_ended(const struct look *look)
{
	for (unsigned int i = 0; i < look->profile->vm_count; i++)
		if (!look->profile->vms[i].attach && !runs(look, &look->profile->vms[i]))
			return true;
	return false;
}

/* ---- what is the daemon's ------------------------------------------------------------------- */

static bool serves_running(const struct look *look, const struct action *action)
{
	for (unsigned int i = 0; action->vm && i < look->profile->vm_count; i++)
		if (!strcmp(look->profile->vms[i].name, action->vm))
			return runs(look, &look->profile->vms[i]);
	return !action->vm;
}

/*
 * Whether it is a difference to put right. Starting guests is apply's; pools grow for guests that start, and
 * are looked at only while there is none such; moved pages were looked at in the snapshot, page by page again
 * would take a large guest's lock for long.
 */
static bool mine(const struct look *look, const struct action *action, const struct action_context *context,
	const struct journal *journal, bool pools)
{
	if (action->kind == ACTION_START_GUEST || !serves_running(look, action))
		return false;
	if (action->kind == ACTION_HUGEPAGES && !pools)
		return false;
	if (journal_was_refused(journal, look->snapshot->boot_id, action->kind, action->target))
		return false;
	/* Of a guest that moves node by node the snapshot knows only the sum. */
	if (action->kind == ACTION_MOVE_PAGES && !action->detail)
		return true;
	return action_verify(context, action, NULL) != STATE_OK;
}

static void keep_mine(struct look *look, const struct action_context *context, bool pools)
{
	struct journal *journal = journal_open(&context->root, false, 0, NULL);
	struct action_list *list = &look->plan->actions;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		if (mine(look, &list->actions[i], context, journal, pools))
			list->actions[kept++] = list->actions[i];
		else
			action_release(&list->actions[i]);
	}
	list->count = kept;
	journal_close(journal);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int make_plan(struct look *look, const struct action_context *context, struct error *err)
{
	bool ended = some_ended(look);

	choose_present(look, true);
	look->plan = plan_make(&look->present, look->snapshot, context, err);
	if (!look->plan && ended) { /* there may be no room any more for those that have ended */
		choose_present(look, false);
		look->plan = plan_make(&look->present, look->snapshot, context, err);
		ended = false;
	}
	if (!look->plan)
		return -EINVAL;
	keep_mine(look, context, !ended);
	return 0;
}

int look_read(struct look *look, const char *file, const struct action_context *context, struct error *err)
{
	int status;

	*look = (struct look){ .profile = profile_read(file, err) };
	if (!look->profile)
		return -EINVAL;
	look->snapshot = plan_read_machine(look->profile, &context->root, err);
	if (!look->snapshot)
		return -EIO;
	sample_guests(look->snapshot);
	status = attach_guests(look->profile, look->snapshot, ATTACH_PRESENT, err);
	return status < 0 ? status : make_plan(look, context, err);
}

void look_release(struct look *look)
{
	plan_free(look->plan);
	free(look->present.vms);
	snapshot_free(look->snapshot);
	profile_free(look->profile);
	*look = (struct look){ 0 };
}
