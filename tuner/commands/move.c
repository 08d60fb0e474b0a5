// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune move: a running guest's pages to other nodes; the one change that cannot be taken back. */
#include <errno.h>

#include "lib/idset.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/command.h"

int move_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_list list = {0};
	struct idset nodes;
	struct error err;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	if (idset_parse(argv[operands + 1], &nodes, &err) < 0)
		return command_failed(argv[0], &err);
	if (!common.json)
		warn("moved pages stay where they are: revert does not move them back");
	action_add(&list, ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, xstrdup(argv[operands]), NULL, NULL,
		xstrdup(argv[operands + 1]), xstrdup("vmtune move"), argv[operands]);
	return apply_actions(&common.root, argv[0], &list, common.json);
}
