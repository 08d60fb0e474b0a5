// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which CPUs an interrupt may go to. The target is its identity ("NUMBER DEVICE NAME", host/irq.h);
 * which number it has is looked up each time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/irq.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"

/* The interrupt's own file as an action on a file. The caller frees ->target. -ENOENT: it is gone. */
static int as_file(const struct action_context *context, const struct action *action,
	struct action *file)
{
	int number = irq_find(&context->root, action->target);

	*file = *action;
	if (number < 0)
		return number;
	file->target = xasprintf("/proc/irq/%d/smp_affinity_list", number);
	return 0;
}

static char *read_list(const struct action_context *context, const struct action *action)
{
	struct action file;
	char *text;
	int status = as_file(context, action, &file), errnum;

	if (status < 0) {
		errno = ENOENT;
		return NULL;
	}
	text = action_read_file(context, &file);
	errnum = errno;
	free(file.target);
	errno = errnum;
	return text;
}

static int set(const struct action_context *context, const struct action *action, const char *list,
	struct error *err)
{
	struct action file;
	bool newline = !root_is_live(&context->root) && strchr(action->before, '\n');
	char *text;
	int status = as_file(context, action, &file);

	if (status < 0)
		return error_set(err, ENOENT, "interrupt %s is no longer there", action->target);
	/* The kernel shows a newline behind what is written; a captured file must be given one. */
	text = xasprintf("%.*s%s", (int)strcspn(list, "\n"), list, newline ? "\n" : "");
	status = action_write_file(context, &file, text, err);
	free(text);
	free(file.target);
	return status;
}

const struct action_verbs action_irq = {
	.name = "irq-affinity",
	.verb = "route IRQ",
	.read = read_list,
	.set = set,
	.same = action_same_set,
	.refusable = true,
};
