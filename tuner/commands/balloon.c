// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune balloon: how much memory a running guest keeps. */
#include <errno.h>
#include <inttypes.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/command.h"

#define BALLOON_PAGE UINT64_C(4096) /* virtio 1.2, 5.5: the balloon counts pages of 4 KiB */

int balloon_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_list list = {0};
	struct error err;
	uint64_t bytes;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	if (size_parse(argv[operands + 1], &bytes, &err) < 0)
		return command_failed(argv[0], &err);
	if (!bytes || bytes % BALLOON_PAGE) {
		error_set(&err, EINVAL, "%s is no size a guest can keep: a multiple of 4K is",
			argv[operands + 1]);
		return command_failed(argv[0], &err);
	}
	action_add(&list, ACTION_BALLOON, CLASS_REVERSIBLE, xstrdup(argv[operands]), NULL, NULL,
		xasprintf("%" PRIu64, bytes), xstrdup("vmtune balloon"), argv[operands]);
	return apply_actions(&common.root, argv[0], &list, common.json);
}
