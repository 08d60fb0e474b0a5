// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune status: what runs, what was applied, and what revert would find. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/guest.h"
#include "lib/size.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/guests.h"
#include "tuner/journal.h"
#include "tuner/revert.h"
#include "tuner/state.h"

static const char *const verdict_names[] = {
	[REVERT_RESTORE] = "can be reverted",
	[REVERT_ALREADY] = "is as it was before",
	[REVERT_FOREIGN] = "changed by someone else since",
	[REVERT_GONE] = "no longer there",
	[REVERT_OTHER_BOOT] = "of an earlier boot",
	[REVERT_PERMANENT] = "cannot be taken back",
};

/* ---- guests --------------------------------------------------------------------------------- */

static json_t *guest_row(const struct action_context *context, const struct guest *guest)
{
	return json_pack("{s:s, s:i, s:s, s:b, s:i, s:I}", "name", guest->name, "pid", (int)guest->pid,
		"vmm", guest->vmm, "ours", guest_pid(context, guest->name) == guest->pid,
		"vcpus", (int)guest->vcpu_count, "memory", (json_int_t)guest->configured);
}

static json_t *guests_rows(const struct action_context *context)
{
	struct guest_list list;
	json_t *rows = json_array();

	guests_read(&context->root, &list);
	for (unsigned int i = 0; i < list.count; i++)
		json_array_append_new(rows, guest_row(context, &list.guests[i]));
	guests_release(&list);
	return rows;
}

static void print_guests(const json_t *rows)
{
	size_t i;
	json_t *row;

	if (!json_array_size(rows)) {
		puts("no guest runs");
		return;
	}
	printf("%-20s %8s %-12s %6s %10s  %s\n", "guest", "pid", "vmm", "vcpus", "memory", "");
	json_array_foreach (rows, i, row) {
		char size[SIZE_TEXT_MAX];

		printf("%-20s %8d %-12s %6d %10s  %s\n",
			json_string_value(json_object_get(row, "name")),
			(int)json_integer_value(json_object_get(row, "pid")),
			json_string_value(json_object_get(row, "vmm")),
			(int)json_integer_value(json_object_get(row, "vcpus")),
			size_format(size, (uint64_t)json_integer_value(json_object_get(row, "memory"))),
			json_is_true(json_object_get(row, "ours")) ? "started by vmtune" : "");
	}
}

/* ---- the journal ---------------------------------------------------------------------------- */

static json_t *entry_row(const struct action_context *context, const struct journal_entry *entry,
	const char *boot_id)
{
	const struct revert_options options = {0};
	char *now = action_current(context, &entry->action), *busy = NULL;
	enum revert_verdict verdict = revert_judge(entry, boot_id, now, &options);
	json_t *row = action_to_json(&entry->action);

	if (verdict == REVERT_RESTORE)
		busy = action_busy(context, &entry->action);
	json_object_set_new(row, "done", json_boolean(entry->done));
	json_object_set_new(row, "now", now ? json_string(now) : json_null());
	json_object_set_new(row, "revert", json_string(busy ? "pending" : verdict_names[verdict]));
	if (busy)
		json_object_set_new(row, "note", json_string(busy));
	free(busy);
	free(now);
	return row;
}

/* A later change of ours began where this one ended: revert takes that one back first. */
static bool superseded(const struct journal_entry *entries, unsigned int i, unsigned int count)
{
	const struct action *action = &entries[i].action;

	for (unsigned int j = i + 1; j < count; j++) {
		const struct action *later = &entries[j].action;

		if (!entries[j].undone && later->kind == action->kind && later->before &&
		    !strcmp(later->target, action->target))
			return action_same(action, later->before, action->after);
	}
	return false;
}

static json_t *journal_rows(const struct action_context *context, const struct journal *journal)
{
	unsigned int count;
	const struct journal_entry *entries = journal_entries(journal, &count);
	json_t *rows = json_array();
	char boot_id[40];

	journal_boot_id(&context->root, boot_id);
	for (unsigned int i = 0; i < count; i++) {
		json_t *row;

		if (entries[i].undone)
			continue;
		row = entry_row(context, &entries[i], boot_id);
		if (superseded(entries, i, count))
			json_object_set_new(row, "revert", json_string("changed again below"));
		json_array_append_new(rows, row);
	}
	return rows;
}

static void print_journal(const json_t *rows)
{
	size_t i;
	json_t *row;

	if (!json_array_size(rows)) {
		puts("nothing to revert");
		return;
	}
	printf("%zu change%s to the host:\n", json_array_size(rows), json_array_size(rows) == 1 ? "" : "s");
	json_array_foreach (rows, i, row) {
		const char *note = json_string_value(json_object_get(row, "note"));
		struct action action;
		char *line;

		if (action_from_json(row, &action, NULL) < 0)
			continue;
		line = action_describe(&action);
		printf("  %s: %s%s%s%s\n", line, json_string_value(json_object_get(row, "revert")),
			note ? " (" : "", note ? note : "", note ? ")" : "");
		free(line);
		action_release(&action);
	}
}

/* ---- the command ---------------------------------------------------------------------------- */

static json_t *applied(const struct root *root)
{
	char *origin = state_origin(root);
	json_t *json = origin ? json_string(origin) : json_null();

	free(origin);
	return json;
}

static const char *const trial_names[] = {
	[STATE_TRIAL_RUNS] = "runs",
	[STATE_TRIAL_LEFT] = "killed",
};

static json_t *trial(const struct root *root)
{
	enum state_trial state = state_trial(root);

	return state == STATE_TRIAL_NONE ? json_null() : json_string(trial_names[state]);
}

static void print_trial(const struct root *root)
{
	enum state_trial state = state_trial(root);

	if (state == STATE_TRIAL_RUNS)
		puts("a trial is running: it keeps its changes or takes them back by itself");
	else if (state == STATE_TRIAL_LEFT)
		puts("a trial was running and was killed before its verdict; vmtune revert takes its changes "
			"back");
}

int status_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_context context;
	struct journal *journal;
	struct error err;
	json_t *json;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	context_init(&context, &common.root);
	journal = journal_open(&common.root, false, 0, &err);
	if (!journal)
		return command_failed(argv[0], &err);
	json = json_pack("{s:o, s:o, s:o, s:o}", "applied", applied(&common.root), "trial",
		trial(&common.root), "guests", guests_rows(&context), "changes",
		journal_rows(&context, journal));
	journal_close(journal);
	if (common.json)
		return command_print_json(json);
	print_guests(json_object_get(json, "guests"));
	if (json_is_string(json_object_get(json, "applied")))
		printf("applied: %s\n", json_string_value(json_object_get(json, "applied")));
	print_trial(&common.root);
	print_journal(json_object_get(json, "changes"));
	json_decref(json);
	return EXIT_SUCCESS;
}
