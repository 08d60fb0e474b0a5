// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host setting: one file of sysfs or procfs, a row of the knob table where it has one.
 *
 * "before" is the file's raw text, so that revert can compare the whole file afterwards. What is
 * written is not always what is read: of "always [madvise] never" only the word in brackets is written.
 * A captured machine has no kernel behind its files, so there the text is written as the kernel would
 * show it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"

/*
 * Settings of which the kernel silently clears another one when they are written: refused while that
 * other one is in use, since a change that nobody asked for could not be seen in the plan.
 */
static const struct {
	const char *path, *clears;
} pairs[] = {
	{"/proc/sys/vm/dirty_ratio", "/proc/sys/vm/dirty_bytes"},
	{"/proc/sys/vm/dirty_background_ratio", "/proc/sys/vm/dirty_background_bytes"},
	{"/proc/sys/vm/overcommit_ratio", "/proc/sys/vm/overcommit_kbytes"},
};

/* "always [madvise] never" -> "madvise"; other text without the blanks at its ends. */
static char *selected(const char *text)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
	const char *begin = close ? open + 1 : text + strspn(text, " \t\n");
	size_t length = close ? (size_t)(close - begin) : strlen(begin);
	char *word;

	while (!close && length && strchr(" \t\n", begin[length - 1]))
		length--;
	word = xmalloc(length + 1);
	memcpy(word, begin, length);
	word[length] = '\0';
	return word;
}

/* How the kernel would show @value in a file that read @shape: "always madvise [never]\n". */
static char *shown_as(const char *shape, const char *value)
{
	const char *newline = strchr(shape, '\n') ? "\n" : "";
	char *words, *word, *state, *text;

	if (!strchr(shape, '['))
		return xasprintf("%s%s", value, newline);
	words = xstrdup(shape);
	text = xstrdup("");
	for (word = strtok_r(words, " []\n", &state); word; word = strtok_r(NULL, " []\n", &state)) {
		bool chosen = !strcmp(word, value);
		char *longer = xasprintf("%s%s%s%s%s", text, *text ? " " : "", chosen ? "[" : "", word,
			chosen ? "]" : "");

		free(text);
		text = longer;
	}
	free(words);
	words = xasprintf("%s%s", text, newline);
	free(text);
	return words;
}

static bool same(const struct action *action, const char *a, const char *b)
{
	const struct knob *knob = knob_of_path(action->target);
	char *left, *right;
	bool equal;

	if (knob)
		return knob_same(knob, a, b);
	left = selected(a);
	right = selected(b);
	equal = !strcmp(left, right);
	free(left);
	free(right);
	return equal;
}

static int check_pairs(const struct action_context *context, const struct action *action,
	struct error *err)
{
	uint64_t other;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!strcmp(pairs[i].path, action->target) &&
		    !root_read_u64(&context->root, &other, "%s", pairs[i].clears) && other)
			return error_set(err, EBUSY,
				"writing %s would clear %s, which is %llu; set that to 0 first",
				action->target, pairs[i].clears, (unsigned long long)other);
	return 0;
}

/* Not every kernel reads back what it shows: "true" is shown, and 1 is what all of them take. */
static char *written_as(const struct knob *knob, const char *value)
{
	char spelled[KNOB_VALUE_MAX];

	if (!knob || knob->shape != KNOB_BOOL || strlen(value) >= sizeof(spelled))
		return xstrdup(value);
	return xstrdup(knob_spell(knob, value, spelled, sizeof(spelled)));
}

static int write_value(const struct action_context *context, const struct action *action,
	const char *value, struct error *err)
{
	const struct knob *knob = knob_of_path(action->target);
	char *text;
	int status;

	if (root_is_live(&context->root))
		text = written_as(knob, value);
	else
		text = shown_as(action->before, value);
	status = action_write_file(context, action, text, err);
	if (status < 0 && knob && knob->precondition)
		error_prefix(err, "%s needs this first: %s", knob->name, knob->precondition);
	free(text);
	return status;
}

static int apply(const struct action_context *context, const struct action *action, struct error *err)
{
	char *value;
	int status = check_pairs(context, action, err);

	if (status < 0)
		return status;
	value = selected(action->after);
	status = write_value(context, action, value, err);
	free(value);
	return status;
}

static int undo(const struct action_context *context, const struct action *action, struct error *err)
{
	char *value = selected(action->before), *now;
	int status = write_value(context, action, value, err);

	free(value);
	if (status < 0)
		return status;
	now = action_read_file(context, action);
	if (!now)
		return error_errno(err, errno, "reading %s back", action->target);
	if (strcmp(now, action->before))
		status = error_set(err, EIO, "%s reads '%.*s' after writing back what was '%.*s'",
			action->target, (int)strcspn(now, "\n"), now,
			(int)strcspn(action->before, "\n"), action->before);
	free(now);
	return status;
}

const struct action_verbs action_setting = {
	.name = "setting",
	.verb = "set",
	.read = action_read_file,
	.apply = apply,
	.undo = undo,
	.same = same,
};
