// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune ksm: whether the kernel may merge a running guest's pages. */
#include <errno.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/command.h"

int ksm_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_list list = {0};
	struct error err;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	if (strcmp(argv[operands + 1], "on") && strcmp(argv[operands + 1], "off")) {
		error_set(&err, EINVAL, "'%s' is neither on nor off", argv[operands + 1]);
		command_failed(argv[0], &err);
		return EXIT_USAGE;
	}
	action_add(&list, ACTION_GUEST_KSM, CLASS_REVERSIBLE, xstrdup(argv[operands]), NULL, NULL,
		xstrdup(argv[operands + 1]), xstrdup("vmtune ksm"), argv[operands]);
	return apply_actions(&common.root, argv[0], &list, common.json);
}
