// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nodes that a control group allows the memory of its processes. Where nodes are taken out, cgroup v2
 * moves what lies there by itself, all at once; so the guest's pages are moved first, at our pace, and
 * both ways: when a plan narrows the group, and when revert takes back that it was widened.
 */
#include <string.h>

#include "lib/idset.h"
#include "tuner/actions/kinds.h"

static int set(const struct action_context *context, const struct action *action, const char *value,
	struct error *err)
{
	struct idset nodes;
	int status = idset_parse(value, &nodes, err);
	char list[ACTION_TEXT_MAX];

	if (status == 0 && action->detail)
		status = action_move_off(context, action->detail, &nodes, err);
	return status < 0 ? status
			  : action_write_file(context, action, idset_format(&nodes, list, sizeof(list)), err);
}

const struct action_verbs action_cpuset_mems = {
	.name = "cpuset-mems",
	.verb = "set",
	.read = action_read_file,
	.set = set,
	.same = action_same_set,
};
