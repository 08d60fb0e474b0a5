// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One trial, from the first window to the verdict. The journal's lock is held all the time, so that nobody
 * else changes the host between the two measurements; the changes are journaled like those of any apply, and
 * a mark beside the journal says that they are on trial (state.c). Killed at any point, vmtune revert takes
 * them back.
 */
#include "tuner/trial/trial.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/idset.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/capture.h"
#include "tuner/command.h"
#include "tuner/interrupt.h"
#include "tuner/revert.h"
#include "tuner/state.h"

/* TRIAL_WINDOWS before, one to settle, TRIAL_WINDOWS after. */
#define WINDOWS_ALL (2 * TRIAL_WINDOWS + 1)

struct trial {
	const struct trial_options *options;
	const struct trial_host *host;
	bool quiet; /* no lines for people: JSON is wanted */
	double window; /* seconds */
	unsigned long from; /* the first change of the trial in the journal */
	struct trial_data data;
	struct trial_sampler *sampler;
	struct trial_comparison comparisons[TRIAL_METRICS];
};

int trial_parse_duration(const char *text, unsigned int *seconds, struct error *err)
{
	static const struct {
		const char *suffix;
		double seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
	char *end;
	double number = strtod(text, &end);

	for (size_t i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++) {
		double value = number * units[i].seconds;

		if (strcmp(end, units[i].suffix) || !(value >= TRIAL_SECONDS_MIN) ||
			value > TRIAL_SECONDS_MAX)
			continue;
		*seconds = (unsigned int)value;
		return 0;
	}
	return error_set(err, EINVAL, "'%s' is not a time from %ds to %dh (30s, 10m, 2h)", text,
		TRIAL_SECONDS_MIN, TRIAL_SECONDS_MAX / 3600);
}

/* ---- what a trial must not do --------------------------------------------------------------- */

static bool on_one_node(const char *nodes)
{
	struct idset set;

	return nodes && !idset_parse(nodes, &set, NULL) && idset_count(&set) == 1;
}

int trial_check(const struct action_list *actions, struct error *err)
{
	for (unsigned int i = 0; i < actions->count; i++) {
		const struct action *action = &actions->actions[i];

		if (action->kind == ACTION_MOVE_PAGES && !on_one_node(action->before))
			return error_set(err, ENOTSUP, "a trial could not take back moving the memory of %s: "
				"it is on nodes %s now, and which page is where is not kept; move it first "
				"(vmtune move), or leave the guest where it is (placement = keep)",
				action->vm, action->before ? action->before : "nobody knows");
		if (action->kind == ACTION_MOVE_PAGES || action->undo_class != CLASS_IRREVERSIBLE)
			continue;
		return error_set(err, ENOTSUP, "a trial could not take back the start of guest %s without "
			"stopping it; start it first (vmtune apply), then try the rest", action->target);
	}
	return 0;
}

static int check_leftover(const struct trial *trial, struct error *err)
{
	if (state_trial(&trial->host->context->root) == STATE_TRIAL_NONE)
		return 0;
	return error_set(err, EEXIST, "a trial that was killed has left changes on this host, which would be "
		"taken for what was before; vmtune revert takes them back");
}

static int check_measurable(const struct trial *trial, struct error *err)
{
	if (trial->data.guest_count || trial->options->command)
		return 0;
	return error_set(err, ENOENT, "no guest runs here, and there is no --trial-command: there is nothing "
		"to measure");
}

/* ---- windows -------------------------------------------------------------------------------- */

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A signal ends the sleep, and interrupted() tells. */
static int sleep_until(double when, struct error *err)
{
	double whole, part = modf(when, &whole);
	const struct timespec time = {.tv_sec = (time_t)whole, .tv_nsec = (long)(part * 1e9)};

	while (!interrupted() && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
	return interrupted() ? error_set(err, EINTR, "interrupted") : 0;
}

static int run_command(const struct trial *trial, double *value, struct error *err)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)trial->options->command, NULL};
	int limit_ms = (int)(trial->window * TRIAL_WINDOWS / TRIAL_WINDOWS_MIN * 1000);
	int status;

	if (!trial->options->command)
		return 0;
	status = capture_number(argv, limit_ms, value, err);
	if (status < 0 && status != -EINTR)
		error_prefix(err, "--trial-command '%s'", trial->options->command);
	if (status == -ETIMEDOUT)
		error_prefix(err, "a longer trial gives it more time than %d s", limit_ms / 1000);
	return status;
}

/* A command that takes longer than a window makes that window longer, and the windows fewer. */
static int take_window(struct trial *trial, enum trial_phase phase, double end, struct error *err)
{
	double *value = &trial->data.command.values[phase][trial->data.windows[phase]];
	int status = run_command(trial, value, err);

	if (status >= 0)
		status = sleep_until(end, err);
	if (status >= 0)
		trial_sampler_window(trial->sampler, phase);
	return status;
}

static int take_phase(struct trial *trial, enum trial_phase phase, struct error *err)
{
	double start = now_seconds(), length = trial->window * TRIAL_WINDOWS;
	int status = 0;

	trial_sampler_mark(trial->sampler);
	while (status >= 0 && trial->data.windows[phase] < TRIAL_WINDOWS &&
		(now_seconds() < start + length - trial->window / 2 ||
			trial->data.windows[phase] < TRIAL_WINDOWS_MIN))
		status = take_window(trial, phase,
			fmin(now_seconds() + trial->window, start + length), err);
	return status;
}

/* ---- changing, and changing back ------------------------------------------------------------ */

static int change(struct trial *trial, struct error *err)
{
	const struct trial_host *host = trial->host;
	const struct root *root = &host->context->root;
	int made = state_stage(root, host->profile, err);

	if (made >= 0)
		made = state_trial_begin(root, err);
	if (made < 0) {
		state_discard(root);
		return made;
	}
	trial->from = journal_next(host->journal);
	made = apply_run(host->context, host->journal, host->actions, host->report, err);
	if (made <= 0) { /* undone, or refused by the kernel */
		state_discard(root);
		state_trial_end(root);
	}
	return made;
}

/* Whether a control group was widened for the move: taking that back moves the memory, and only that can. */
static bool goes_back_with_group(const struct trial *trial, const struct action *move)
{
	const struct journal_entry *entries;
	unsigned int count;

	entries = journal_entries(trial->host->journal, &count);
	for (unsigned int i = 0; i < count; i++) {
		const struct action *action = &entries[i].action;

		if (!entries[i].undone && entries[i].sequence >= trial->from && action->vm && move->vm &&
			!strcmp(action->vm, move->vm) && (action->kind == ACTION_CPUSET_MEMS ||
			(action->kind == ACTION_LIBVIRT && strstr(action->target, " numa_nodeset"))))
			return true;
	}
	return false;
}

/* Memory that was on one node goes back there; revert alone would leave it where it is. */
static int move_back(const struct trial *trial, struct error *err)
{
	const struct trial_host *host = trial->host;
	struct action_list list = {0};
	const struct journal_entry *entries;
	unsigned int count;
	int status;

	entries = journal_entries(host->journal, &count);
	for (unsigned int i = 0; i < count; i++) {
		const struct action *action = &entries[i].action;

		if (entries[i].undone || entries[i].sequence < trial->from ||
			action->kind != ACTION_MOVE_PAGES || !on_one_node(action->before) ||
			goes_back_with_group(trial, action))
			continue;
		action_add(&list, ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, xstrdup(action->target),
			action->detail ? xstrdup(action->detail) : NULL, NULL,
			xstrdup(action->before), xstrdup("the trial is over"), action->vm);
	}
	status = apply_run(host->context, host->journal, &list, host->report, err);
	action_list_release(&list);
	return status;
}

/* Whatever happens, as much as can be is taken back. Returns what revert would exit with, or negative. */
static int take_back(const struct trial *trial, struct error *err)
{
	const struct trial_host *host = trial->host;
	struct revert_options options = {.from = trial->from};
	struct revert_result result = {0};
	struct error moving;
	int moved, status;

	interrupt_forget();
	if (!trial->quiet)
		puts("taking the changes back");
	moved = move_back(trial, &moving);
	interrupt_forget();
	status = revert_run(host->context, host->journal, &options, host->report, &result, err);
	if (status < 0)
		return status;
	state_discard(&host->context->root);
	state_trial_end(&host->context->root);
	if (moved < 0)
		warn("memory could not be moved back: %s", moving.text);
	return moved < 0 ? EXIT_FAILURE : revert_exit_status(&result);
}

/* There is no verdict, for the reason in @err: everything is taken back, and @err says so. */
static int give_up(const struct trial *trial, struct error *err)
{
	struct error why = *err, undo;
	int status = take_back(trial, &undo);

	if (status < 0)
		return error_set(err, EIO, "%s; taking the changes back failed as well: %s", why.text,
			undo.text);
	if (status > 0)
		return error_set(err, EIO, "%s; not every change could be taken back, see vmtune status",
			why.text);
	return error_set(err, EIO, "%s; the changes are taken back", why.text);
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static void compare(struct trial *trial)
{
	for (int metric = 0; metric < TRIAL_METRICS; metric++) {
		struct trial_series series = trial->data.command;

		if (metric != TRIAL_COMMAND)
			trial_total(&trial->data, (enum trial_metric)metric, &series);
		else if (!trial->options->command)
			continue;
		trial_compare((enum trial_metric)metric, &series, trial->data.windows,
			trial->options->better, &trial->comparisons[metric]);
	}
}

static void print_guest(const struct trial *trial, const struct trial_guest *guest)
{
	if (guest->gone) {
		printf("  %s has ended in the middle, and is left out\n", guest->name);
		return;
	}
	for (int metric = 0; metric < TRIAL_METRICS; metric++) {
		struct trial_comparison comparison;
		char *text;

		if (metric == TRIAL_COMMAND)
			continue;
		trial_compare((enum trial_metric)metric, &guest->series[metric], trial->data.windows,
			TRIAL_NEITHER, &comparison);
		if (comparison.outcome != TRIAL_WORSE)
			continue;
		text = trial_comparison_text((enum trial_metric)metric, &comparison);
		printf("  %s alone: %s\n", guest->name, text);
		free(text);
	}
}

static void print_figures(const struct trial *trial)
{
	for (int metric = 0; metric < TRIAL_METRICS; metric++) {
		char *text;

		if (!trial->comparisons[metric].known)
			continue;
		text = trial_comparison_text((enum trial_metric)metric, &trial->comparisons[metric]);
		printf("  %s\n", text);
		free(text);
	}
	for (unsigned int i = 0; i < trial->data.guest_count; i++)
		print_guest(trial, &trial->data.guests[i]);
}

static json_t *newcomers_json(const char *names)
{
	return names ? json_string(names) : json_null();
}

/* The figures in text, or into *@result with the verdict. */
static void tell(const struct trial *trial, enum trial_outcome verdict, json_t **result)
{
	char *newcomers = trial_sampler_newcomers(trial->sampler);

	if (trial->quiet) {
		*result = trial_to_json(&trial->data, trial->comparisons);
		json_object_set_new(*result, "verdict", json_string(trial_outcome_name(verdict)));
		json_object_set_new(*result, "kept", json_boolean(trial_keeps(verdict)));
		json_object_set_new(*result, "started-meanwhile", newcomers_json(newcomers));
	} else {
		printf("\nbefore and after, medians of %u and %u windows:\n",
			trial->data.windows[TRIAL_BEFORE], trial->data.windows[TRIAL_AFTER]);
		print_figures(trial);
		if (newcomers)
			printf("  started meanwhile, not counted, and maybe the reason: %s\n", newcomers);
		printf("verdict: %s; the changes %s\n", trial_verdict_text(verdict),
			trial_keeps(verdict) ? "stay" : "do not stay");
		fflush(stdout);
	}
	free(newcomers);
}

/* ---- the order of it ------------------------------------------------------------------------ */

static int measure_before(struct trial *trial, struct error *err)
{
	int status = take_phase(trial, TRIAL_BEFORE, err);

	if (status >= 0 && !trial->options->command && !trial_decidable(&trial->data))
		return error_set(err, ENODATA, "neither ready time nor where memory is can be read of any guest "
			"here (as root?), and there is no --trial-command: nothing could decide");
	return status;
}

static int measure_after(struct trial *trial, struct error *err)
{
	int status = sleep_until(now_seconds() + trial->window, err); /* what it stirred up settles */

	return status < 0 ? status : take_phase(trial, TRIAL_AFTER, err);
}

static int conclude(struct trial *trial, int made, json_t **result, int *status, struct error *err)
{
	enum trial_outcome verdict;

	compare(trial);
	verdict = trial_judge(trial->comparisons, trial->options->command);
	tell(trial, verdict, result);
	if (trial_keeps(verdict)) {
		return state_commit(&trial->host->context->root, err) < 0 ? give_up(trial, err) : made;
	}
	*status = take_back(trial, err);
	if (*status < 0)
		return *status;
	if (*status == EXIT_SUCCESS)
		*status = EXIT_FAILURE; /* what was asked for is not done */
	return 0;
}

static void say(const struct trial *trial, const char *what, unsigned int windows)
{
	if (trial->quiet)
		return;
	printf("%s, for %.0f s (guests: %u)\n", what, trial->window * windows, trial->data.guest_count);
	fflush(stdout);
}

static int go(struct trial *trial, json_t **result, int *status, struct error *err)
{
	struct error why;
	int made;

	say(trial, "\nmeasuring what is now", TRIAL_WINDOWS);
	made = measure_before(trial, &why);
	if (made < 0)
		return error_set(err, -made, "%s; nothing was changed", why.text);
	if (!trial->quiet)
		puts("applying");
	made = change(trial, err);
	if (made <= 0)
		return made;
	say(trial, "measuring again", TRIAL_WINDOWS + 1);
	if (measure_after(trial, err) < 0)
		return give_up(trial, err);
	return conclude(trial, made, result, status, err);
}

int trial_run(const struct trial_options *options, const struct trial_host *host, json_t **result,
	int *status, struct error *err)
{
	struct trial trial = {.options = options, .host = host, .quiet = host->report->rows != NULL,
		.window = (double)options->seconds / WINDOWS_ALL};
	int made;

	*result = NULL;
	*status = EXIT_SUCCESS;
	if (!host->actions->count)
		return 0;
	if (check_leftover(&trial, err) < 0)
		return -EEXIST;
	trial.sampler = trial_sampler_new(&host->context->root, &trial.data, err);
	if (!trial.sampler)
		return -EIO;
	made = check_measurable(&trial, err);
	if (made >= 0)
		made = go(&trial, result, status, err);
	trial_sampler_free(trial.sampler);
	trial_data_release(&trial.data);
	return made;
}
