// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune's own parts, found from where its program lies. */
#include "tuner/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
