// SPDX-License-Identifier: GPL-2.0-or-later
/* The CPUs that a control group at the top of the tree, and all below it, may use: its cpuset.cpus (cgroup v2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/group.h"
#include "lib/xalloc.h"
#include "tuner/actions/keep_pins.h"
#include "tuner/actions/kinds.h"

#define LIST_TEXT (IDSET_MAX * 6)

static int write_list(const struct root *root, const char *file, const struct idset *cpus)
{
	char buffer[LIST_TEXT];
	const char *text = idset_empty(cpus) ? "\n" : idset_format(cpus, buffer, sizeof(buffer));

	/* A newline for none: the kernel does not see a write of nothing. */
	return root_write(root, file, text, strlen(text));
}

/* Linux 6.1 takes no list away from a group with tasks: all CPUs there can ever be is the same to it. */
int group_write_cpus(const struct root *root, const char *file, const struct idset *cpus, struct error *err)
{
	int status = write_list(root, file, cpus);
	struct idset all;

	if (status == -ENOSPC && idset_empty(cpus) && host_possible_cpus(root, &all) == 0)
		status = write_list(root, file, &all);
	return status < 0 ? error_errno(err, -status, "writing to %s", file) : 0;
}

static char *read_cpus(const struct action_context *context, const struct action *action)
{
	char text[LIST_TEXT];
	struct idset cpus;
	int status = host_group_read_cpus(&context->root, action->target, &cpus);

	if (status < 0) {
		errno = -status;
		return NULL;
	}
	return xstrdup(idset_format(&cpus, text, sizeof(text)));
}

static int set(const struct action_context *context, const struct action *action, const char *text, struct error *err)
{
	struct idset cpus;
	struct pins *pins;
	int status = idset_parse(text, &cpus, err);

	if (status < 0)
		return status;
	pins = pins_remember_beside(&context->root, action->target);
	status = group_write_cpus(&context->root, action->target, &cpus, err);
	pins_put_back(&context->root, pins);
	return status;
}

const struct action_verbs action_group_cpus = {
	.name = "group-cpus",
	.verb = "set",
	.read = read_cpus,
	.set = set,
	.same = action_same_set,
	.others_matter = true,
};
