/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmtune plan: what apply would do, here or on another machine. Changes nothing. */
#include <errno.h>
#include <string.h>

#include "host/snapshot.h"
#include "lib/xalloc.h"
#include "tuner/attach.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/picture/picture.h"
#include "tuner/plan/plan.h"
#include "tuner/plan/files.h"
#include "tuner/what_if.h"

struct plan_options {
	struct command_common common;
	const char *host, *picture;
	struct what_if what_if;
	bool compare;
};

static int set_what_if(void *target, const char *text, struct error *err)
{
	struct plan_options *options = target;

	options->compare = true;
	return what_if_parse(&options->what_if, text, err);
}

static int set_picture(void *target, const char *text, struct error *err)
{
	((struct plan_options *)target)->picture = text;
	return strcmp(text, "-") ? picture_check_name(text, err) : 0;
}

static const struct option_row rows[] = {
	{ "host", 0, "SOURCE", "plan for a snapshot, an hwloc XML file or \"node:2 core:4 pu:2\"",
		.at = offsetof(struct plan_options, host) },
	{ "what-if", 0, "CHANGE", "compare: profile=FILE, host=SOURCE, more=VM (how many fit) or more=VM:N",
		.set = set_what_if },
	{ "picture", 0, "FILE", "draw the machine with the VMs in it: .svg, .png, .pdf; - draws here",
		.set = set_picture },
	{ 0 },
};

static int compare(const struct plan_options *options, const struct profile *profile, struct snapshot *snapshot)
{
	struct error err;

	return what_if_run(&options->what_if, profile, snapshot, options->common.json, &err) < 0
		? command_failed("plan", &err) : EXIT_SUCCESS;
}

/* Plans for this machine are checked against its files, and leave out what it has already. */
static struct plan *plan_here(const struct profile *profile, const struct snapshot *snapshot,
	const struct action_context *context, struct error *err)
{
	struct plan *plan = plan_make(profile, snapshot, context, err);

	if (!plan)
		return NULL;
	action_list_drop_done(context, &plan->actions);
	if (!root_is_live(&context->root) || plan_check_files(plan, snapshot, err) == 0)
		return plan;
	plan_free(plan);
	return NULL;
}

static int draw(const struct plan_options *options, const struct plan *plan, const struct snapshot *snapshot,
	const char *profile)
{
	struct picture_options style;
	struct error err;
	char *title;
	int rc;

	if (!strcmp(options->picture, "-")) {
		style = picture_options_for(stdout);
		putchar('\n');
		picture_print(plan, snapshot->machine, &style, stdout);
		return EXIT_SUCCESS;
	}
	title = xasprintf("plan of %s for %s", profile, snapshot->machine->source);
	rc = picture_write(plan, snapshot->machine, title, options->picture, &err);
	free(title);
	return rc < 0 ? command_failed("plan", &err) : EXIT_SUCCESS;
}

static int print(const struct plan_options *options, const struct plan *plan,
	const struct snapshot *snapshot)
{
	if (options->common.json)
		return command_print_json(plan_to_json(plan));
	plan_print(plan, snapshot);
	return EXIT_SUCCESS;
}

static int check_options(const struct plan_options *options, struct error *err)
{
	if (options->picture && options->compare)
		return error_set(err, EINVAL, "--picture shows one plan; --what-if compares two");
	if (options->picture && !strcmp(options->picture, "-") && options->common.json)
		return error_set(err, EINVAL, "--picture - and --json both want standard output");
	return 0;
}

int plan_command(int argc, char **argv)
{
	struct plan_options options = { 0 };
	struct action_context context;
	struct profile *profile = NULL;
	struct snapshot *snapshot = NULL;
	struct plan *plan = NULL;
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	if (check_options(&options, &err) < 0) {
		command_failed(argv[0], &err);
		return EXIT_USAGE;
	}
	context_init(&context, &options.common.root);
	profile = profile_read(argv[operands], &err);
	if (profile)
		snapshot = options.host ? snapshot_load(options.host, &err)
					: plan_read_machine(profile, &options.common.root, &err);
	if (snapshot && !options.host)
		plan_ask_huge_room(profile, snapshot, &options.common.root);
	if (snapshot && attach_guests(profile, snapshot, ATTACH_ALL, &err) < 0) {
		snapshot_free(snapshot);
		snapshot = NULL;
	}
	if (snapshot && options.compare) {
		status = compare(&options, profile, snapshot);
		goto out;
	}
	if (snapshot)
		plan = options.host ? plan_make(profile, snapshot, &context, &err)
				    : plan_here(profile, snapshot, &context, &err);
	status = plan ? print(&options, plan, snapshot) : command_failed(argv[0], &err);
	if (plan && options.picture)
		status = draw(&options, plan, snapshot, argv[operands]);
out:
	plan_free(plan);
	what_if_release(&options.what_if);
	snapshot_free(snapshot);
	profile_free(profile);
	return status;
}
