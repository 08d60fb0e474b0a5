/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's files made up by a test, in a directory of its own. */
#ifndef VMTUNE_TESTS_TREE_H
#define VMTUNE_TESTS_TREE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/root.h"

/* Makes @root an empty tree. Returns 0, as a setup of cmocka does. */
static inline int tree_open(struct root *root)
{
	char dir[] = "/tmp/vmtune-test-XXXXXX";

	return !mkdtemp(dir) || root_init(root, dir, NULL) < 0;
}

/* Writes the file, and makes the directories it is in. */
static inline void tree_put(const struct root *root, const char *file, const char *text)
{
	char path[PATH_MAX];
	FILE *out;

	root_path(root, path, "%s", file);
	for (char *slash = path + strlen(root->dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static inline int tree_remove(const struct root *root)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", root->dir);
	return system(command);
}

#endif
