// SPDX-License-Identifier: GPL-2.0-or-later
/* Starting a guest of our own VMM; undoing it stops the guest, which revert does only when told to. */
#include <errno.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"
#include "tuner/launch.h"

static char *read_state(const struct action_context *context, const struct action *action)
{
	return xstrdup(guest_pid(context, action->target) ? "running" : "stopped");
}

/* The argument list from its JSON; the strings stay the JSON's. */
static char **arguments(const json_t *json)
{
	size_t count = json_array_size(json);
	char **argv = xcalloc(count + 1, sizeof(*argv));

	for (size_t i = 0; i < count; i++) {
		argv[i] = (char *)(uintptr_t)json_string_value(json_array_get(json, i));
		if (!argv[i]) {
			free(argv);
			return NULL;
		}
	}
	return argv;
}

static int apply(const struct action_context *context, const struct action *action, struct error *err)
{
	json_t *json = action->detail ? json_loads(action->detail, 0, NULL) : NULL;
	char **argv = json_array_size(json) ? arguments(json) : NULL;
	int status;

	if (!root_is_live(&context->root))
		status = error_set(err, ENOTSUP, "guests cannot be started on a captured machine");
	else if (!argv)
		status = error_set(err, EINVAL, "guest %s has no command line", action->target);
	else
		status = launch_guest(context, action->target, argv, err);
	free(argv);
	json_decref(json);
	return status;
}

static int undo(const struct action_context *context, const struct action *action, struct error *err)
{
	return launch_stop(context, action->target, err);
}

static char *busy(const struct action_context *context, const struct action *action)
{
	pid_t pid = guest_pid(context, action->target);

	return pid ? xasprintf("it runs (PID %d); --stop ends it", (int)pid) : NULL;
}

const struct action_verbs action_start_guest = {
	.name = "start-guest",
	.verb = "start guest",
	.read = read_state,
	.apply = apply,
	.undo = undo,
	.busy = busy,
};
