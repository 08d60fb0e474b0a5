// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/unmerge.h"

#include <errno.h>
#include <string.h>

#include "lib/xalloc.h"

#define KSM     "/sys/kernel/mm/ksm/"
#define KSM_RUN KSM "run"

bool unmerge_helps(const struct action *action, int status)
{
	return status == -EBUSY && action->kind == ACTION_SETTING &&
		!strncmp(action->target, KSM, strlen(KSM)) && strcmp(action->target, KSM_RUN);
}

static int change_unmerged(const struct action_context *context, struct journal *journal,
	const struct action *run, action_change *change, const struct action *action,
	struct error *err)
{
	char boot_id[40];
	long sequence = journal_intent(journal, journal_boot_id(&context->root, boot_id), run, err);
	int status, back;

	if (sequence < 0)
		return (int)sequence;
	journal_boundary("before KSM unmerges");
	status = action_apply(context, run, err);
	journal_boundary("after KSM has unmerged");
	if (status >= 0)
		status = change(context, action, err);
	back = action_undo(context, run, status < 0 ? NULL : err);
	journal_boundary("after KSM runs as before");
	if (back >= 0)
		back = journal_undone(journal, (unsigned long)sequence, status < 0 ? NULL : err);
	return status < 0 ? status : back;
}

int unmerge_around(const struct action_context *context, struct journal *journal, action_change *change,
	const struct action *action, struct error *err)
{
	struct action run = {
		.kind = ACTION_SETTING,
		.undo_class = CLASS_REVERSIBLE,
		.target = xstrdup(KSM_RUN),
		.after = xstrdup("2"),
		.reason = xasprintf("%s changes only while no page is shared", action->target),
	};
	int status = action_prepare(context, &run, err);

	if (status >= 0)
		status = change_unmerged(context, journal, &run, change, action, err);
	action_release(&run);
	return status;
}
