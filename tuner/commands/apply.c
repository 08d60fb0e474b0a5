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
#include "tuner/plan.h"
#include "tuner/plan_files.h"
#include "tuner/state.h"

#define LOCK_WAIT_MS 5000

struct apply_options {
	struct command_common common;
	bool dry_run, host_only, quiet;
	uint64_t rate; /* of moving pages, bytes a second */
};

static int set_dry_run(void *target, const char *text, struct error *err)
{
	(void)text, (void)err;
	((struct apply_options *)target)->dry_run = true;
	return 0;
}

static int set_host_only(void *target, const char *text, struct error *err)
{
	(void)text, (void)err;
	((struct apply_options *)target)->host_only = true;
	return 0;
}

static int set_quiet(void *target, const char *text, struct error *err)
{
	(void)text, (void)err;
	((struct apply_options *)target)->quiet = true;
	return 0;
}

static int set_rate(void *target, const char *text, struct error *err)
{
	return move_parse_rate(text, &((struct apply_options *)target)->rate, err);
}

static const struct option_row rows[] = {
	{"dry-run", 'n', NULL, "print the plan and change nothing", set_dry_run},
	{"host-only", 0, NULL, "leave the vm sections out: host settings and pools only", set_host_only},
	{"max-rate", 0, "MIB", "move at most so many MiB a second of attached guests' memory", set_rate},
	{"quiet", 'q', NULL, "do not print the plan", set_quiet},
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
	if (!apply->options.host_only) {
		status = attach_guests(apply->profile, apply->snapshot, ATTACH_ALL, err);
		apply->vm_count = apply->profile->vm_count;
	}
	if (status < 0)
		return status;
	apply->plan = plan_make(apply->profile, apply->snapshot, &apply->context, err);
	if (!apply->plan)
		return -1;
	action_list_drop_done(&apply->context, &apply->plan->actions);
	return plan_check_files(apply->plan, apply->snapshot, err);
}

static int carry_out(struct apply *apply, struct error *err)
{
	int made;

	if (!apply->options.common.json && !apply->options.quiet)
		plan_print(apply->plan, apply->snapshot);
	if (apply->options.dry_run)
		return 0;
	interrupt_watch();
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
		command_print_json(json_pack("{s:b, s:o, s:o}", "changed", made > 0,
			"plan", plan_to_json(apply->plan), "actions", apply->report.rows));
		return;
	}
	if (apply->options.dry_run)
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

int apply_command(int argc, char **argv)
{
	struct apply apply = {0};
	struct error err;
	int operands, made, status = command_begin(argc, argv, rows, &apply.options.common, &operands);

	if (status >= 0)
		return status;
	context_init(&apply.context, &apply.options.common.root);
	apply.context.move.rate = apply.options.rate;
	if (apply.options.common.json)
		apply.report.rows = json_array();
	made = read_profile(&apply, argv[operands], &err);
	if (made >= 0)
		made = make_plan(&apply, &err);
	if (made >= 0)
		made = carry_out(&apply, &err);
	if (made >= 0)
		finish(&apply, made);
	else
		status = command_failed(argv[0], &err);
	apply_release(&apply);
	return made < 0 ? status : EXIT_SUCCESS;
}
