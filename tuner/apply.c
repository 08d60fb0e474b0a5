// SPDX-License-Identifier: GPL-2.0-or-later
/* Apply: the order of the steps around one change is what makes revert possible after a crash. */
#include "tuner/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/interrupt.h"
#include "tuner/revert.h"
#include "tuner/unmerge.h"

#define LOCK_WAIT_MS 5000

static int change(const struct action_context *context, struct journal *journal,
	const struct action *action, struct error *err)
{
	int status = action_apply(context, action, err);

	if (unmerge_helps(action, status))
		status = unmerge_around(context, journal, action_apply, action, err);
	return status;
}

/* The change has been made as asked, or else: what is there instead. *@now is the caller's. */
static int check(const struct action_context *context, const struct action *action, char **now,
	struct error *err)
{
	enum action_state state = action_verify(context, action, now);
	char *line;

	if (state == STATE_OK || (action_partial(action) && state != STATE_GONE))
		return 0;
	line = action_describe(action);
	error_set(err, EIO, "%s: it reads '%.*s' after that", line,
		*now ? (int)strcspn(*now, "\n") : 7, *now ? *now : "nothing");
	free(line);
	return -EIO;
}

/*
 * A change that the kernel has refused: where the value is what it was before, nothing has happened, and
 * the others go on. Returns 0, or negative when the journal failed or the value is another one.
 */
static int refused(const struct action_context *context, struct journal *journal,
	unsigned long sequence, const struct action *action, struct report *report, struct error *err)
{
	char *now = action_current(context, action);
	bool unchanged = now && action_same(action, now, action->before);

	free(now);
	if (!unchanged)
		return -EIO;
	report->refused++;
	report_step(report, "refused", action, err->text);
	return journal_refused(journal, sequence, err);
}

/* Returns 1 when it was made, 0 when the kernel has refused it, negative with @err otherwise. */
static int apply_one(const struct action_context *context, struct journal *journal,
	struct action *action, struct report *report, struct error *err)
{
	char boot_id[40], *now = NULL;
	int status = action_prepare(context, action, err);
	long sequence;

	if (status < 0)
		return status;
	sequence = journal_intent(journal, journal_boot_id(&context->root, boot_id), action, err);
	if (sequence < 0)
		return (int)sequence;
	journal_boundary("before a change");
	status = change(context, journal, action, err);
	journal_boundary("after a change");
	if (status >= 0)
		status = check(context, action, &now, err);
	journal_boundary("after a change was verified");
	if (status < 0 && action_refusable(action)) {
		free(now);
		return refused(context, journal, (unsigned long)sequence, action, report, err);
	}
	if (status >= 0)
		status = journal_done(journal, (unsigned long)sequence, now, err);
	free(now);
	return status < 0 ? status : 1;
}

/* Everything since @from is undone; a guest started just now may be stopped again. */
static void undo_all(const struct action_context *context, struct journal *journal, unsigned long from,
	struct report *report, struct error *err)
{
	struct revert_options options = {.stop = true, .unfinished = true, .from = from};
	struct revert_result result = {0};
	struct error why = *err, undo;
	bool was = interrupt_forget();
	int status = revert_run(context, journal, &options, report, &result, &undo);

	if (was)
		interrupt_again();
	if (status < 0)
		error_set(err, EIO, "%s; undoing what was done failed as well: %s", why.text, undo.text);
	else if (result.drifted || result.pending || result.failed)
		error_set(err, EIO, "%s; %u change(s) could not be undone, see vmtune status", why.text,
			result.drifted + result.pending + result.failed);
	else if (result.restored)
		error_set(err, EIO, "%s; everything done before that is undone", why.text);
}

int apply_run(const struct action_context *context, struct journal *journal, struct action_list *list,
	struct report *report, struct error *err)
{
	unsigned long from = journal_next(journal);
	int made = 0, status = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		struct action *action = &list->actions[i];

		if (action_verify(context, action, NULL) == STATE_OK)
			continue;
		if (action_moot(context, action)) {
			report_step(report, "left", action, "the thread has ended");
			continue;
		}
		status = interrupted() ? error_set(err, EINTR, "interrupted")
				       : apply_one(context, journal, action, report, err);
		if (status < 0)
			break;
		if (status > 0)
			report_step(report, "done", action, NULL);
		made += status;
	}
	if (status >= 0)
		return made;
	undo_all(context, journal, from, report, err);
	return status;
}

int apply_actions(const struct root *root, const char *command, struct action_list *list, bool json)
{
	struct action_context context;

	context_init(&context, root);
	return apply_actions_in(&context, command, list, json);
}

int apply_actions_in(const struct action_context *context, const char *command, struct action_list *list,
	bool json)
{
	struct report report = {.rows = json ? json_array() : NULL};
	struct journal *journal;
	struct error err;
	int made = -1;

	interrupt_watch();
	journal = journal_open(&context->root, true, LOCK_WAIT_MS, &err);
	if (journal)
		made = apply_run(context, journal, list, &report, &err);
	journal_close(journal);
	action_list_release(list);
	if (made == 0 && !json)
		puts("nothing to do");
	if (json)
		command_print_json(json_pack("{s:b, s:o}", "changed", made > 0, "actions", report.rows));
	return made < 0 ? command_failed(command, &err) : EXIT_SUCCESS;
}
