// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune's own parts, found from where its program lies. */
#include "tuner/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool try(char out[PATH_MAX], const char *directory, const char *file)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	return access(path, R_OK) == 0 && realpath(path, out);
}

const char *context_find(char out[PATH_MAX], const char *name, const char *relative)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (length <= 0)
		return NULL;
	self[length] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return try(out, self, name) || try(out, self, relative) ? out : NULL;
}

void context_init(struct action_context *context, const struct root *root)
{
	static char vmm[PATH_MAX]; /* lives as long as the program, like argv */
	const char *given = getenv("VMTUNE_VMM");

	*context = (struct action_context){
		.root = *root,
		.run_dir = RUN_DIR,
		.vmm = given ? given : context_find(vmm, "vmm", "../bin/vmm"),
		.stop_ms = STOP_MS,
	};
	if (!context->vmm)
		context->vmm = "vmm"; /* PATH decides */
}

int context_make_run_dir(const struct root *root, struct error *err)
{
	static const char *const parts[] = {"/run", RUN_DIR};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (mkdir(root_path(root, path, "%s", parts[i]), 0755) < 0 && errno != EEXIST)
			return error_errno(err, errno, "making %s", path);
	return 0;
}
