// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune balloon: how much memory a running guest keeps. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/command.h"
#include "tuner/state.h"

#define BALLOON_PAGE UINT64_C(4096) /* virtio 1.2, 5.5: the balloon counts pages of 4 KiB */

/* The balloon_floor of the profile that was applied binds this command as well. */
static int check_floor(const struct root *root, const char *name, uint64_t bytes, struct error *err)
{
	char saved[PATH_MAX], asked[SIZE_TEXT_MAX], floor[SIZE_TEXT_MAX];
	struct profile *profile;
	int status = 0;

	if (!state_profile(root, saved))
		return 0;
	profile = profile_read(saved, err);
	if (!profile)
		return -EINVAL;
	for (unsigned int i = 0; i < profile->vm_count; i++) {
		const struct profile_vm *vm = &profile->vms[i];

		if (!strcmp(vm->name, name) && bytes < vm->balloon_floor)
			status = error_set(err, EINVAL, "%s is below balloon_floor = %s of %s in the applied profile",
				size_format(asked, bytes), size_format(floor, vm->balloon_floor), name);
	}
	profile_free(profile);
	return status;
}

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
	if (check_floor(&common.root, argv[operands], bytes, &err) < 0)
		return command_failed(argv[0], &err);
	action_add(&list, ACTION_BALLOON, CLASS_REVERSIBLE, xstrdup(argv[operands]), NULL, NULL,
		xasprintf("%" PRIu64, bytes), xstrdup("vmtune balloon"), argv[operands]);
	return apply_actions(&common.root, argv[0], &list, common.json);
}
