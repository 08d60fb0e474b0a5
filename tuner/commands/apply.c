// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune apply: plan, print, carry out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/snapshot.h"
#include "tuner/apply.h"
#include "tuner/attach.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/interrupt.h"
#include "tuner/plan/plan.h"
#include "tuner/plan/files.h"
#include "tuner/state.h"
#include "tuner/trial/trial.h"

#define LOCK_WAIT_MS 5000

struct apply_options {
	struct command_common common;
	bool dry_run, host_only, quiet;
	uint64_t rate; /* of moving pages, bytes a second */
	struct trial_options trial;
};

static int set_rate(void *target, const char *text, struct error *err)
{
	return move_parse_rate(text, &((struct apply_options *)target)->rate, err);
}

static struct trial_options *trial_of(void *target)
{
	return &((struct apply_options *)target)->trial;
}

static int set_trial(void *target, const char *text, struct error *err)
{
	return trial_parse_duration(text, &trial_of(target)->seconds, err);
}

static int set_trial_better(void *target, const char *text, struct error *err)
{
	if (strcmp(text, "lower") && strcmp(text, "higher"))
		return error_set(err, EINVAL, "'%s' is neither lower nor higher", text);
	trial_of(target)->better = strcmp(text, "lower") ? TRIAL_HIGHER : TRIAL_LOWER;
	return 0;
}

static const struct option_row rows[] = {
	{"dry-run", 'n', NULL, "print the plan and change nothing",
		.at = offsetof(struct apply_options, dry_run)},
	{"host-only", 0, NULL, "leave the vm sections out: host settings and pools only",
		.at = offsetof(struct apply_options, host_only)},
	{"max-rate", 0, "MIB", "move at most so many MiB a second of attached guests' memory", .set = set_rate},
	{"quiet", 'q', NULL, "do not print the plan", .at = offsetof(struct apply_options, quiet)},
	{"trial", 0, "DURATION", "measure before and after (30s, 10m, 2h in all); take it back when it got worse",
		.set = set_trial},
	{"trial-command", 0, "CMD", "what decides is the number that this shell command prints",
		.at = offsetof(struct apply_options, trial.command)},
	{"trial-better", 0, "WHICH", "whether a lower or a higher number is better", .set = set_trial_better},
	{0},
};

struct apply {
	struct apply_options options;
	struct action_context context;
	struct profile *profile;
	unsigned int vm_count; /* of the profile, also when they are left out */
	struct snapshot *snapshot;
	struct plan *plan;
	struct journal *journal;
	struct report report;
	json_t *trial; /* its figures and verdict, or NULL */
	int trial_status; /* what to exit with, when it had a verdict */
};

static void apply_release(struct apply *apply)
{
	journal_close(apply->journal);
	plan_free(apply->plan);
	snapshot_free(apply->snapshot);
	if (apply->profile)
		apply->profile->vm_count = apply->vm_count;
	profile_free(apply->profile);
}

static int read_profile(struct apply *apply, const char *file, struct error *err)
{
	apply->profile = profile_read(file, err);
	if (!apply->profile)
		return -1;
	apply->vm_count = apply->profile->vm_count;
	if (apply->options.host_only)
		apply->profile->vm_count = 0;
	if (apply->profile->vm_count && !root_is_live(&apply->context.root))
		return error_set(err, ENOTSUP,
			"%s has guests, and none can be started on a captured machine; use --host-only",
			file);
	return 0;
}

/* The lock comes first: what is planned must still hold when it is carried out. */
static int make_plan(struct apply *apply, struct error *err)
{
	int status = 0;

	if (!apply->options.dry_run) {
		apply->journal = journal_open(&apply->context.root, true, LOCK_WAIT_MS, err);
		if (!apply->journal)
			return -1;
	}
	apply->snapshot = plan_read_machine(apply->profile, &apply->context.root, err);
	if (!apply->snapshot)
		return -1;
	plan_ask_huge_room(apply->profile, apply->snapshot, &apply->context.root);
	if (!apply->options.host_only) {
		status = attach_guests(apply->profile, apply->snapshot, ATTACH_ALL, err);
		apply->vm_count = apply->profile->vm_count;
	}
	if (status < 0)
		return status;
	apply->context.machine = apply->snapshot->machine;
	apply->plan = plan_make(apply->profile, apply->snapshot, &apply->context, err);
	if (!apply->plan)
		return -1;
	action_list_drop_done(&apply->context, &apply->plan->actions);
	return plan_check_files(apply->plan, apply->snapshot, err);
}

static int try_out(struct apply *apply, struct error *err)
{
	const struct trial_host host = {&apply->context, apply->journal, apply->profile,
		&apply->plan->actions, &apply->report};

	return trial_run(&apply->options.trial, &host, &apply->trial, &apply->trial_status, err);
}

static int carry_out(struct apply *apply, struct error *err)
{
	bool trial = apply->options.trial.seconds;
	int made;

	if (!apply->options.common.json && !apply->options.quiet)
		plan_print(apply->plan, apply->snapshot);
	if (trial && trial_check(&apply->plan->actions, err) < 0)
		return -ENOTSUP;
	if (apply->options.dry_run)
		return 0;
	interrupt_watch();
	if (trial)
		return try_out(apply, err);
	if (!apply->options.common.json && !apply->options.quiet && apply->plan->actions.count)
		puts("\napplying");
	if (state_stage(&apply->context.root, apply->profile, err) < 0)
		return -1;
	made = apply_run(&apply->context, apply->journal, &apply->plan->actions, &apply->report, err);
	if (made < 0)
		state_discard(&apply->context.root);
	else if (state_commit(&apply->context.root, err) < 0)
		return -1;
	return made;
}

static void finish(struct apply *apply, int made)
{
	unsigned int refused = apply->report.refused;

	if (apply->options.common.json) {
		command_print_json(json_pack("{s:b, s:o, s:o, s:o*}", "changed", made > 0,
			"plan", plan_to_json(apply->plan), "actions", apply->report.rows,
			"trial", apply->trial));
		return;
	}
	if (apply->options.dry_run || apply->trial_status)
		return;
	if (made)
		printf("%d change%s made; vmtune verify looks at them, vmtune revert takes them back\n",
			made, made == 1 ? "" : "s");
	else if (!refused && (apply->plan->actions.count || apply->options.quiet))
		puts("nothing to do");
	if (refused)
		printf("%u interrupt%s refused by the kernel, which keeps some for itself\n", refused,
			refused == 1 ? " was" : "s were");
}

/* Not done, and why, also where standard output is JSON. */
static void tell_taken_back(const struct apply *apply)
{
	if (apply->trial_status)
		warn("apply: the trial ended without the wanted verdict: the changes are taken back%s",
			apply->trial_status == EXIT_DRIFT ? " as far as that is possible now" : "");
}

static int check_options(const struct apply_options *options, struct error *err)
{
	const struct trial_options *trial = &options->trial;

	if (trial->command && !trial->seconds)
		return error_set(err, EINVAL, "--trial-command is for --trial DURATION");
	if (!trial->command != (trial->better == TRIAL_NEITHER))
		return error_set(err, EINVAL, "--trial-command CMD and --trial-better lower|higher go together");
	return 0;
}

int apply_command(int argc, char **argv)
{
	struct apply apply = {.options.trial.better = TRIAL_NEITHER};
	struct error err;
	int operands, made, status = command_begin(argc, argv, rows, &apply.options.common, &operands);

	if (status >= 0)
		return status;
	if (check_options(&apply.options, &err) < 0) {
		command_failed(argv[0], &err);
		return EXIT_USAGE;
	}
	context_init(&apply.context, &apply.options.common.root);
	apply.context.move.rate = apply.options.rate;
	if (apply.options.common.json)
		apply.report.rows = json_array();
	made = read_profile(&apply, argv[operands], &err);
	if (made >= 0)
		made = make_plan(&apply, &err);
	if (made >= 0)
		made = carry_out(&apply, &err);
	if (made >= 0) {
		finish(&apply, made);
		tell_taken_back(&apply);
	} else {
		status = command_failed(argv[0], &err);
	}
	apply_release(&apply);
	return made < 0 ? status : apply.trial_status;
}
