// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune verify: what the machine looks like against what the profile wants. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/daemon/control.h"
#include "tuner/state.h"
#include "tuner/verify/verify.h"

/* "DRIFT" for what should be otherwise now; else the state itself: "PENDING REBOOT". */
static const char *label(const json_t *row)
{
	static const char *const labels[][2] = {
		{"drifted", "DRIFT"}, {"unsupported", "UNSUPPORTED"}, {"pending reboot", "PENDING REBOOT"},
		{"pending module reload", "PENDING MODULE RELOAD"}, {"conflict", "CONFLICT"},
	};
	const char *state = json_string_value(json_object_get(row, "state"));

	for (size_t i = 0; state && i < sizeof(labels) / sizeof(labels[0]); i++)
		if (!strcmp(labels[i][0], state))
			return labels[i][1];
	return "DRIFT";
}

static void print(const struct verify *verify)
{
	size_t i, count = json_array_size(verify->differences);
	json_t *row;

	json_array_foreach (verify->summary, i, row)
		puts(json_string_value(row));
	json_array_foreach (verify->differences, i, row) {
		const char *found = json_string_value(json_object_get(row, "found"));

		printf("%s %s: %s: wanted %s, found %s\n", label(row),
			json_string_value(json_object_get(row, "where")),
			json_string_value(json_object_get(row, "what")),
			json_string_value(json_object_get(row, "wanted")), found ? found : "nothing");
	}
	if (count)
		printf("%zu difference%s\n", count, count == 1 ? "" : "s");
	else
		puts("verified: the machine is as the profile wants it");
}

/* What a daemon that runs will not put right: someone else insists on it. */
static void print_conflicts(const json_t *daemon)
{
	size_t i;
	json_t *row;

	json_array_foreach (json_object_get(daemon, "objects"), i, row)
		if (json_is_true(json_object_get(row, "differs")) &&
		    !strcmp(json_string_value(json_object_get(row, "verdict")), "conflict"))
			printf("CONFLICT %s: changed again by someone else after the daemon had put it right; left "
				"until the next apply\n", json_string_value(json_object_get(row, "object")));
}

static int look(struct verify *verify, const char *file, struct error *err)
{
	struct profile *profile = profile_read(file, err);
	int status;

	if (!profile)
		return -EINVAL;
	verify->profile = profile;
	status = verify_run(verify, err);
	profile_free(profile);
	return status;
}

int verify_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_context context;
	struct verify verify = {.context = &context};
	char saved[PATH_MAX];
	const char *file;
	struct error err;
	json_t *daemon;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);
	bool drift;

	if (status >= 0)
		return status;
	context_init(&context, &common.root);
	file = operands < argc ? argv[operands] : state_profile(&common.root, saved);
	if (!file)
		status = error_set(&err, ENOENT, "no profile is applied on this machine; name one");
	else
		status = look(&verify, file, &err);
	drift = json_array_size(verify.differences) > 0;
	daemon = control_ask_status(&common.root, NULL);
	if (status >= 0 && common.json) {
		command_print_json(json_pack("{s:b, s:O, s:O, s:O?}", "ok", !drift, "summary", verify.summary,
			"differences", verify.differences, "daemon", daemon));
	} else if (status >= 0) {
		print(&verify);
		print_conflicts(daemon);
	}
	json_decref(daemon);
	json_decref(verify.summary);
	json_decref(verify.differences);
	if (status < 0)
		return command_failed(argv[0], &err);
	return drift ? EXIT_DRIFT : EXIT_SUCCESS;
}
