/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of the settings table that stand for several files: "/sys/.../cpu[0-9]*" + "/power/...". Also
 * which module a row is a parameter of.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/knob.h"
#include "lib/xalloc.h"

#define PATTERN "*[?"
#define NUMBER  "[0-9]*"
#define MODULES "/sys/module/"

bool knob_many(const struct knob *knob)
{
	return strpbrk(knob->path, PATTERN) != NULL;
}

const struct knob *knob_of_path(const char *path)
{
	for (size_t i = 0; i < knob_count; i++)
		if (knob_many(&knobs[i]) ? !fnmatch(knobs[i].path, path, FNM_PATHNAME)
					 : !strcmp(knobs[i].path, path))
			return &knobs[i];
	return NULL;
}

bool knob_numbered(const struct knob *knob)
{
	return strstr(knob->path, NUMBER) != NULL;
}

int knob_file_number(const struct knob *knob, const char *path)
{
	const char *pattern = strstr(knob->path, NUMBER);
	size_t before = pattern ? (size_t)(pattern - knob->path) : 0;

	/* up to the number both are the same text */
	if (!pattern || strncmp(knob->path, path, before) != 0 || !isdigit((unsigned char)path[before]))
		return -1;
	return atoi(path + before);
}

/* A path in three: the folder, the part with the pattern, and what follows it (maybe nothing). */
struct split {
	char *folder, *pattern, *rest;
};

static struct split split_path(const char *path)
{
	const char *begin = strpbrk(path, PATTERN), *end;

	while (*begin != '/')
		begin--;
	end = begin + 1 + strcspn(begin + 1, "/");
	return (struct split){
		.folder = xasprintf("%.*s", (int)(begin - path), path),
		.pattern = xasprintf("%.*s", (int)(end - begin - 1), begin + 1),
		.rest = xstrdup(end),
	};
}

/* cpu2 comes before cpu10. */
static int by_number(const void *a, const void *b)
{
	const struct knob_file *left = a, *right = b;

	return strverscmp(left->path, right->path);
}

/* Adds the file of one folder's entry where there is one that can be read. */
static void add_file(const struct root *root, const struct knob *knob, char *path,
	struct knob_file **files, unsigned int *count)
{
	struct knob_file file = {.path = path};
	char text[KNOB_VALUE_MAX];

	if (root_read(root, text, sizeof(text), "%s", path) < 0) {
		free(path);
		return;
	}
	knob_spell(knob, text, file.value, sizeof(file.value));
	*files = xreallocarray(*files, *count + 1, sizeof(**files));
	(*files)[(*count)++] = file;
}

unsigned int knob_read_files(const struct root *root, const struct knob *knob, struct knob_file **files)
{
	struct split split = split_path(knob->path);
	DIR *dir = root_opendir(root, "%s", split.folder);
	unsigned int count = 0;
	struct dirent *entry;

	*files = NULL;
	while (dir && (entry = readdir(dir)))
		if (!fnmatch(split.pattern, entry->d_name, FNM_PERIOD))
			add_file(root, knob, xasprintf("%s/%s%s", split.folder, entry->d_name, split.rest),
				files, &count);
	if (dir)
		closedir(dir);
	if (count)
		qsort(*files, count, sizeof(**files), by_number);
	free(split.folder);
	free(split.pattern);
	free(split.rest);
	return count;
}

void knob_files_free(struct knob_file *files, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		free(files[i].path);
	free(files);
}

const char *knob_module(const struct knob *knob, char module[64], const char **parameter)
{
	const char *name = knob->path + strlen(MODULES);

	if (strncmp(knob->path, MODULES, strlen(MODULES)) != 0)
		return NULL;
	snprintf(module, 64, "%.*s", (int)strcspn(name, "/"), name);
	if (parameter)
		*parameter = strrchr(knob->path, '/') + 1;
	return module;
}

/* A module that was loaded says how far its loading is; one of the image has no such file. */
bool knob_built_in(const struct root *root, const struct knob *knob)
{
	char module[64], state[32];

	return knob->undo == CLASS_MODULE_RELOAD && knob_module(knob, module, NULL) &&
		root_read(root, state, sizeof(state), MODULES "%s/initstate", module) == -ENOENT;
}
