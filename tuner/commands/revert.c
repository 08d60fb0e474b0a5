// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune revert: takes back everything the journal knows of. vmtune stop: what serves one guest. */
#include "tuner/revert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/interrupt.h"

#define LOCK_WAIT_MS 5000
#define TIMEOUT_MAX  86400

struct revert_command_options {
	struct command_common common;
	struct revert_options revert;
	bool all;
	int stop_ms; /* 0: the default */
};

static int set_timeout(void *target, const char *text, struct error *err)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	if (end == text || *end || seconds < 0 || seconds > TIMEOUT_MAX)
		return error_set(err, EINVAL, "'%s' is no number of seconds (0 to %d)", text, TIMEOUT_MAX);
	/* 0 asks the guest, and gives it no time */
	((struct revert_command_options *)target)->stop_ms = seconds ? (int)seconds * 1000 : 1;
	return 0;
}

static const struct option_row revert_rows[] = {
	{"stop", 0, NULL, "stop the guests that apply has started (else they and what they use stay)",
		.at = offsetof(struct revert_command_options, revert.stop)},
	{"force", 'f', NULL, "also put back what someone else has changed since",
		.at = offsetof(struct revert_command_options, revert.force)},
	{"timeout", 't', "SECONDS", "how long a guest may take to shut down (20)", .set = set_timeout},
	{0},
};

static const struct option_row stop_rows[] = {
	{"all", 'a', NULL, "every guest that vmtune has started",
		.at = offsetof(struct revert_command_options, all)},
	{"timeout", 't', "SECONDS", "how long a guest may take to shut down (20)", .set = set_timeout},
	{0},
};

/* ---- what both do --------------------------------------------------------------------------- */

static int run(const struct revert_command_options *options, struct journal *journal,
	struct report *report, struct revert_result *result, struct error *err)
{
	struct action_context context;

	context_init(&context, &options->common.root);
	if (options->stop_ms)
		context.stop_ms = options->stop_ms;
	interrupt_watch();
	return revert_run(&context, journal, &options->revert, report, result, err);
}

static json_t *result_json(const struct revert_result *result, json_t *rows)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:o}",
		"restored", (int)result->restored, "already", (int)result->already,
		"dropped", (int)result->dropped, "drifted", (int)result->drifted,
		"pending", (int)result->pending, "failed", (int)result->failed, "actions", rows);
}

static void print_result(const struct revert_result *result)
{
	unsigned int settled = result->restored + result->already + result->dropped;
	unsigned int left = result->drifted + result->pending + result->failed;

	if (!settled && !left) {
		puts("nothing to revert");
		return;
	}
	printf("%u restored, %u already so, %u dropped", result->restored, result->already,
		result->dropped);
	if (left)
		printf("; left: %u changed by someone else, %u pending, %u failed", result->drifted,
			result->pending, result->failed);
	putchar('\n');
}

/* ---- revert --------------------------------------------------------------------------------- */

int revert_command(int argc, char **argv)
{
	struct revert_command_options options = {0};
	struct revert_result result = {0};
	struct report report = {0};
	struct journal *journal;
	struct error err;
	int operands, status = command_begin(argc, argv, revert_rows, &options.common, &operands);

	if (status >= 0)
		return status;
	journal = journal_open(&options.common.root, true, LOCK_WAIT_MS, &err);
	if (!journal)
		return command_failed(argv[0], &err);
	if (options.common.json)
		report.rows = json_array();
	status = run(&options, journal, &report, &result, &err);
	journal_close(journal);
	if (options.common.json)
		command_print_json(result_json(&result, report.rows));
	else if (status >= 0)
		print_result(&result);
	return status < 0 ? command_failed(argv[0], &err) : revert_exit_status(&result);
}

/* ---- stop ----------------------------------------------------------------------------------- */

/* The names of the guests that were started and not stopped, each once; JSON for want of a set. */
static json_t *started(const struct journal *journal)
{
	unsigned int count;
	const struct journal_entry *entries = journal_entries(journal, &count);
	json_t *names = json_object();

	for (unsigned int i = 0; i < count; i++)
		if (!entries[i].undone && entries[i].action.kind == ACTION_START_GUEST)
			json_object_set_new(names, entries[i].action.target, json_true());
	return names;
}

static int stop_each(struct revert_command_options *options, struct journal *journal, json_t *names,
	struct report *report, struct revert_result *result, struct error *err)
{
	const char *name;
	json_t *yes;
	int status = 0;

	options->revert.stop = true;
	json_object_foreach (names, name, yes) {
		options->revert.vm = name;
		status = run(options, journal, report, result, err);
		if (status < 0)
			break;
	}
	return status;
}

static int check_name(const struct revert_command_options *options, json_t *names, const char *name,
	struct error *err)
{
	if (options->all || json_object_get(names, name))
		return 0;
	return error_set(err, ENOENT, "vmtune has not started a guest '%s'; vmtune status lists them", name);
}

int stop_command(int argc, char **argv)
{
	struct revert_command_options options = {0};
	struct revert_result result = {0};
	struct report report = {0};
	struct journal *journal;
	json_t *names;
	struct error err;
	int operands, status = command_begin(argc, argv, stop_rows, &options.common, &operands);

	if (status >= 0)
		return status;
	if (options.all == (operands < argc)) {
		error_set(&err, EINVAL, "name a guest, or say --all");
		command_failed(argv[0], &err);
		return EXIT_USAGE;
	}
	journal = journal_open(&options.common.root, true, LOCK_WAIT_MS, &err);
	if (!journal)
		return command_failed(argv[0], &err);
	names = started(journal);
	if (options.common.json)
		report.rows = json_array();
	status = check_name(&options, names, argv[operands], &err);
	if (status >= 0 && !options.all) {
		json_object_clear(names);
		json_object_set_new(names, argv[operands], json_true());
	}
	if (status >= 0)
		status = stop_each(&options, journal, names, &report, &result, &err);
	if (status >= 0 && options.common.json)
		command_print_json(result_json(&result, report.rows));
	else if (status >= 0 && !json_object_size(names))
		puts("no guest runs that vmtune has started");
	json_decref(names);
	journal_close(journal);
	return status < 0 ? command_failed(argv[0], &err) : revert_exit_status(&result);
}
