// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The CPUs that a running irqbalance keeps interrupts off. The target is that very process
 * ("PID:START irqbalance"): another one has forgotten what it was told.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "host/irqbalance.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"

/* The process of the target, or 0 when it has ended. */
static pid_t find(const struct action_context *context, const struct action *action)
{
	uint64_t start;
	int pid;

	if (sscanf(action->target, "%d:%" SCNu64, &pid, &start) != 2)
		return 0;
	return thread_start(&context->root, pid, pid) == start ? pid : 0;
}

static char *read_list(const struct action_context *context, const struct action *action)
{
	pid_t pid = find(context, action);
	char list[IDSET_MAX * 6];
	struct idset banned;
	int status;

	if (!pid) {
		errno = ESRCH;
		return NULL;
	}
	status = irqbalance_banned(&context->root, pid, &banned, NULL);
	if (status < 0) {
		errno = -status;
		return NULL;
	}
	return xstrdup(idset_format(&banned, list, sizeof(list)));
}

static int set(const struct action_context *context, const struct action *action, const char *list,
	struct error *err)
{
	pid_t pid = find(context, action);
	struct idset banned;
	int status = idset_parse(list, &banned, err);

	if (status < 0)
		return status;
	if (!pid)
		return error_set(err, ESRCH, "irqbalance %s has ended", action->target);
	return irqbalance_ban(&context->root, pid, &banned, err);
}

const struct action_verbs action_irqbalance = {
	.name = "irqbalance",
	.verb = "ban CPUs in",
	.read = read_list,
	.set = set,
	.same = action_same_set,
};
