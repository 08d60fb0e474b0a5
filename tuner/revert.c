// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Revert. Each entry is judged by looking at the machine, changed if it is ours to change, and marked
 * undone in the journal; what cannot be settled now stays there for the next time.
 */
#include "tuner/revert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/command.h"
#include "tuner/guests.h"
#include "tuner/interrupt.h"
#include "tuner/state.h"
#include "tuner/unmerge.h"

struct revert {
	const struct action_context *context;
	struct journal *journal;
	const struct revert_options *options;
	struct report *report;
	struct revert_result *result;
	char boot_id[40];
};

/* ---- judging -------------------------------------------------------------------------------- */

/*
 * A pool or a balloon whose change was cut short is on its way from before to after. Everything else
 * changes in one step.
 */
static bool under_way(const struct journal_entry *entry, const char *now)
{
	const struct action *action = &entry->action;
	unsigned long long before, after, value;

	if (entry->done || (action->kind != ACTION_HUGEPAGES && action->kind != ACTION_BALLOON))
		return false;
	before = strtoull(action->before, NULL, 10);
	after = strtoull(action->after, NULL, 10);
	value = strtoull(now, NULL, 10);
	return before < after ? value > before && value < after : value > after && value < before;
}

static bool ours(const struct journal_entry *entry, const char *now, const struct revert_options *options)
{
	if (entry->observed && !strcmp(entry->observed, now))
		return true;
	if (action_same(&entry->action, now, entry->action.after))
		return true;
	return under_way(entry, now) || (options->unfinished && !entry->done);
}

enum revert_verdict revert_judge(const struct journal_entry *entry, const char *boot_id, const char *now,
	const struct revert_options *options)
{
	if (*boot_id && *entry->boot_id && strcmp(boot_id, entry->boot_id))
		return REVERT_OTHER_BOOT;
	if (!action_can_undo(&entry->action))
		return REVERT_PERMANENT;
	if (!now || !entry->action.before)
		return REVERT_GONE;
	if (action_same(&entry->action, now, entry->action.before))
		return REVERT_ALREADY;
	return options->force || ours(entry, now, options) ? REVERT_RESTORE : REVERT_FOREIGN;
}

/* ---- doing ---------------------------------------------------------------------------------- */

/* The report shows the way back: from what is there now to what was before. */
static void report_entry(struct revert *revert, const char *what, const struct journal_entry *entry,
	const char *now, const char *note)
{
	struct action back = entry->action;

	back.before = (char *)(uintptr_t)now;
	back.after = entry->action.before ? entry->action.before : entry->action.after;
	report_step(revert->report, what, &back, note);
}

static int settle(struct revert *revert, unsigned int *counter, const struct journal_entry *entry,
	struct error *err)
{
	++*counter;
	return journal_undone(revert->journal, entry->sequence, err);
}

/* Something that cannot be restored at this moment is pending; the rest is a failure. */
static void leave(struct revert *revert, const struct journal_entry *entry, const char *now, int status,
	const char *why)
{
	bool later = status == -EBUSY || status == -ENOTEMPTY;

	++*(later ? &revert->result->pending : &revert->result->failed);
	report_entry(revert, later ? "pending" : "failed", entry, now, why);
}

static int restore(struct revert *revert, const struct journal_entry *entry, const char *now,
	struct error *err)
{
	bool may_stop = revert->options->stop && entry->action.kind == ACTION_START_GUEST;
	char *busy = may_stop ? NULL : action_busy(revert->context, &entry->action);
	struct error why;
	int status;

	if (busy) {
		leave(revert, entry, now, -EBUSY, busy);
		free(busy);
		return 0;
	}
	journal_boundary("before a value is restored");
	status = action_undo(revert->context, &entry->action, &why);
	if (unmerge_helps(&entry->action, status))
		status = unmerge_around(revert->context, revert->journal, action_undo,
			&entry->action, &why);
	journal_boundary("after a value was restored");
	if (status < 0) {
		leave(revert, entry, now, status, why.text);
		return 0;
	}
	report_entry(revert, "restored", entry, now, NULL);
	revert->result->restored++;
	return journal_restored(revert->journal, entry->sequence, err);
}

/* An unstarted guest may have left its runtime directory: its undo is harmless and tidies up. */
static int already(struct revert *revert, const struct journal_entry *entry, const char *now,
	struct error *err)
{
	if (entry->action.kind == ACTION_START_GUEST)
		action_undo(revert->context, &entry->action, NULL);
	if (entry->done)
		report_entry(revert, "already", entry, now, "it is as it was before");
	return settle(revert, &revert->result->already, entry, err);
}

static int drop(struct revert *revert, const struct journal_entry *entry, const char *now,
	const char *why, struct error *err)
{
	report_entry(revert, "dropped", entry, now, why);
	return settle(revert, &revert->result->dropped, entry, err);
}

/* What was done to a guest that this very revert stops needs no undoing, and might wait for it. */
static bool goes_with_guest(const struct revert *revert, const struct journal_entry *entry)
{
	const struct action *action = &entry->action;
	const struct journal_entry *entries;
	unsigned int count;

	if (!revert->options->stop || !action->vm ||
	    (action->kind != ACTION_AFFINITY && action->kind != ACTION_BALLOON &&
		    action->kind != ACTION_GUEST_KSM && action->kind != ACTION_UNIT_PROPERTY))
		return false;
	entries = journal_entries(revert->journal, &count);
	for (unsigned int i = 0; i < count; i++)
		if (!entries[i].undone && entries[i].action.kind == ACTION_START_GUEST &&
		    entries[i].sequence >= revert->options->from && entries[i].action.vm &&
		    !strcmp(entries[i].action.vm, action->vm))
			return true;
	return false;
}

static enum revert_verdict judge(const struct revert *revert, const struct journal_entry *entry, const char *now)
{
	enum revert_verdict verdict = revert_judge(entry, revert->boot_id, now, revert->options);

	if (verdict == REVERT_FOREIGN && journal_put_back(revert->journal, entry, now))
		return REVERT_RESTORE;
	return verdict;
}

/*
 * A later change of the same object is left as it is. What this one has to be compared with comes only when
 * that one is undone: until then the value is not this one's, and a value that happens to be the one from
 * before must not end its record, or undoing the later one would bring back a value of ours.
 */
static bool waits_for_later(const struct revert *revert, const struct journal_entry *entry)
{
	unsigned int count;
	const struct journal_entry *entries = journal_entries(revert->journal, &count);

	for (unsigned int i = 0; i < count; i++)
		if (!entries[i].undone && entries[i].sequence > entry->sequence &&
		    action_same_object(&entries[i].action, &entry->action))
			return true;
	return false;
}

static int revert_entry(struct revert *revert, const struct journal_entry *entry, struct error *err)
{
	char *now;
	int status = 0;

	if (goes_with_guest(revert, entry))
		return drop(revert, entry, NULL, "it goes with the guest", err);
	if (waits_for_later(revert, entry)) {
		leave(revert, entry, NULL, -EBUSY, "a later change of it is left");
		return 0;
	}
	errno = 0;
	now = action_current(revert->context, &entry->action);
	if (!now && errno == EAGAIN) {
		leave(revert, entry, NULL, -EBUSY, "it cannot be asked now; run revert again when it answers");
		return 0;
	}
	journal_boundary("after a look before restoring");
	switch (judge(revert, entry, now)) {
	case REVERT_RESTORE:
		status = restore(revert, entry, now, err);
		break;
	case REVERT_ALREADY:
		status = already(revert, entry, now, err);
		break;
	case REVERT_FOREIGN:
		revert->result->drifted++;
		report_entry(revert, "left", entry, now,
			"someone else has changed it since; --force overwrites that");
		break;
	case REVERT_GONE:
		status = drop(revert, entry, now, "it is no longer there", err);
		break;
	case REVERT_OTHER_BOOT:
		status = drop(revert, entry, now, "made before the last boot, and gone with it", err);
		break;
	case REVERT_PERMANENT:
		status = drop(revert, entry, now, "this cannot be taken back", err);
		break;
	}
	free(now);
	return status;
}

static bool selected(const struct revert *revert, const struct journal_entry *entry)
{
	const struct revert_options *options = revert->options;

	if (entry->undone || entry->sequence < options->from)
		return false;
	return !options->vm || (entry->action.vm && !strcmp(entry->action.vm, options->vm));
}

/*
 * Undoing the latest changes only (@from) says nothing about what is wanted: a profile that was true without a
 * change, or whose changes have all come back, is still the one that is held.
 */
static int finish(struct revert *revert, struct error *err)
{
	if (journal_pending(revert->journal))
		return 0;
	if (!revert->options->from)
		state_forget(&revert->context->root);
	return journal_clear(revert->journal, err);
}

int revert_run(const struct action_context *context, struct journal *journal,
	const struct revert_options *options, struct report *report, struct revert_result *result,
	struct error *err)
{
	struct revert revert = {context, journal, options, report, result, ""};
	unsigned int count;
	int status = 0;

	journal_boot_id(&context->root, revert.boot_id);
	journal_entries(journal, &count);
	/* From now on nothing is wanted, though some of it may be left for a later revert: a daemon holds nothing. */
	if (!options->vm && !options->from)
		state_forget(&context->root);
	for (unsigned int i = count; i-- > 0 && status >= 0;) {
		/* A copy, for appending moves the entries; the texts it points to stay. */
		struct journal_entry entry = journal_entries(journal, &count)[i];

		if (selected(&revert, &entry))
			status = revert_entry(&revert, &entry, err);
		if (interrupted() && status >= 0)
			status = error_set(err, EINTR, "interrupted; run revert again");
	}
	return status < 0 ? status : finish(&revert, err);
}

/* Whether the process or thread that the target names ("PID:START NAME", "PID:START/TID:START") has ended. */
static bool has_ended(const struct root *root, const struct action *action)
{
	int pid, tid;
	uint64_t start, tid_start;
	int fields = sscanf(action->target, "%d:%" SCNu64 "/%d:%" SCNu64, &pid, &start, &tid, &tid_start);

	if (fields < 2)
		return false;
	return thread_start(root, pid, fields == 4 ? tid : pid) != (fields == 4 ? tid_start : start);
}

int revert_forget_gone(const struct action_context *context, struct journal *journal, struct error *err)
{
	char boot_id[40];
	unsigned int count;
	int status = 0;

	journal_boot_id(&context->root, boot_id);
	journal_entries(journal, &count);
	for (unsigned int i = 0; i < count && status >= 0; i++) {
		const struct journal_entry *entry = &journal_entries(journal, &count)[i];
		bool old = *boot_id && *entry->boot_id && strcmp(boot_id, entry->boot_id) != 0;

		if (!entry->undone && (old || has_ended(&context->root, &entry->action)))
			status = journal_undone(journal, entry->sequence, err);
	}
	return status;
}

int revert_exit_status(const struct revert_result *result)
{
	if (result->failed)
		return EXIT_FAILURE;
	return result->drifted || result->pending ? EXIT_DRIFT : EXIT_SUCCESS;
}
