// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The three kinds of control-group changes: which controllers a v2 group hands to its children, a
 * group, and a value in a group.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/words.h"
#include "lib/xalloc.h"
#include "tuner/actions/keep_pins.h"
#include "tuner/actions/kinds.h"
#include "tuner/cgroup.h"
#include "tuner/cgroup_group.h"

/* ---- controllers: the file takes "+cpu -memory" and shows "cpu memory" ---------------------- */

/* Calls for each word of @words that is not in @but; returns "+cpu +memory" or "" with @sign. */
static char *signed_words(const char *words, const char *but, char sign)
{
	char *copy = xstrdup(words), *text = xstrdup(""), *state;

	for (char *word = strtok_r(copy, " \n", &state); word; word = strtok_r(NULL, " \n", &state)) {
		char *longer;

		if (words_have(but, word))
			continue;
		longer = xasprintf("%s%s%c%s", text, *text ? " " : "", sign, word);
		free(text);
		text = longer;
	}
	free(copy);
	return text;
}

/* Equal when every wanted controller is there: other guests and other people want theirs. */
static bool controllers_same(const struct action *action, const char *now, const char *wanted)
{
	char *missing;
	bool same;

	if (action->before && !strcmp(wanted, action->before))
		return action_text_same(now, wanted);
	missing = signed_words(wanted, now, '+');
	same = !*missing;
	free(missing);
	return same;
}

/* A cpuset that comes or goes does not take the pins of the threads in it along. */
static int controllers_write(const struct action_context *context, const struct action *action, const char *text,
	struct error *err)
{
	struct pins *pins = strstr(text, "cpuset") ? pins_remember_beside(&context->root, action->target) : NULL;
	int status = action_write_file(context, action, text, err);

	if (pins)
		pins_put_back(&context->root, pins);
	return status;
}

static int controllers_apply(const struct action_context *context, const struct action *action,
	struct error *err)
{
	char *text = signed_words(action->after, "", '+');
	int status = controllers_write(context, action, text, err);

	free(text);
	return status;
}

static int controllers_undo(const struct action_context *context, const struct action *action,
	struct error *err)
{
	char *text = signed_words(action->after, action->before, '-');
	int status = *text ? controllers_write(context, action, text, err) : 0;

	free(text);
	return status;
}

const struct action_verbs action_cgroup_controllers = {
	.name = "cgroup-controllers",
	.verb = "enable controllers",
	.read = action_read_file,
	.apply = controllers_apply,
	.undo = controllers_undo,
	.same = controllers_same,
};

/* ---- groups --------------------------------------------------------------------------------- */

#define REMOVE_TRIES 40
#define REMOVE_STEP_MS 50

static char *group_read(const struct action_context *context, const struct action *action)
{
	if (!root_is_live(&context->root)) {
		errno = ENOTSUP;
		return NULL;
	}
	return xstrdup(cgroup_exists(action->target) ? "present" : "absent");
}

static int group_apply(const struct action_context *context, const struct action *action,
	struct error *err)
{
	(void)context;
	return cgroup_make(action->target, err);
}

/*
 * A process that has just ended keeps its group busy for a moment. libcgroup reports success also when
 * it removed nothing, so what counts is whether the group is there.
 */
static int group_undo(const struct action_context *context, const struct action *action,
	struct error *err)
{
	const struct timespec step = {.tv_nsec = REMOVE_STEP_MS * 1000000L};

	(void)context;
	for (int i = 0; i < REMOVE_TRIES; i++) {
		int status = cgroup_remove(action->target, err);

		if (!cgroup_exists(action->target))
			return 0;
		if (status >= 0)
			break;
		nanosleep(&step, NULL);
	}
	return error_set(err, EBUSY, "groups or processes are in it");
}

static char *group_busy(const struct action_context *context, const struct action *action)
{
	unsigned int count = cgroup_population(action->target);

	(void)context;
	return count ? xasprintf("%u process%s in it", count, count == 1 ? " is" : "es are") : NULL;
}

const struct action_verbs action_cgroup = {
	.name = "cgroup",
	.verb = "make group",
	.read = group_read,
	.apply = group_apply,
	.undo = group_undo,
	.busy = group_busy,
};

/* ---- values --------------------------------------------------------------------------------- */

static int value_write(const struct action_context *context, const struct action *action,
	const char *value, struct error *err)
{
	char *text = xasprintf("%.*s", (int)strcspn(value, "\n"), value);
	int status = action_write_file(context, action, text, err);

	free(text);
	return status;
}

static int value_apply(const struct action_context *context, const struct action *action,
	struct error *err)
{
	return value_write(context, action, action->after, err);
}

static int value_undo(const struct action_context *context, const struct action *action,
	struct error *err)
{
	return value_write(context, action, action->before, err);
}

const struct action_verbs action_cgroup_value = {
	.name = "cgroup-value",
	.verb = "set",
	.read = action_read_file,
	.apply = value_apply,
	.undo = value_undo,
};
