// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/unmerge.h"

#include <errno.h>
#include <string.h>

#include "host/ksm.h"
#include "host/meminfo.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define KSM     "/sys/kernel/mm/ksm/"
#define KSM_RUN KSM "run"

bool unmerge_helps(const struct action *action, int status)
{
	return status == -EBUSY && action->kind == ACTION_SETTING &&
		!strncmp(action->target, KSM, strlen(KSM)) && strcmp(action->target, KSM_RUN);
}

int unmerge_check(const struct root *root, struct error *err)
{
	char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];
	struct meminfo memory;
	struct ksm ksm;
	uint64_t bytes;

	if (ksm_read(root, &ksm) < 0 || meminfo_read(root, &memory) < 0 ||
	    ksm.pages_sharing == KSM_UNKNOWN || memory.available == MEMINFO_UNKNOWN)
		return 0;
	bytes = ksm.pages_sharing * KSM_PAGE;
	if (bytes <= memory.available)
		return 0;
	return error_set(err, ENOMEM, "KSM would have to unmerge for it, and that takes %s; %s are available",
		size_format(need, bytes / MIB * MIB), size_format(have, memory.available / MIB * MIB));
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
	int status = unmerge_check(&context->root, err);

	if (status >= 0)
		status = action_prepare(context, &run, err);
	if (status >= 0)
		status = change_unmerged(context, journal, &run, change, action, err);
	action_release(&run);
	return status;
}
