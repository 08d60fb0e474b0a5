// SPDX-License-Identifier: GPL-2.0-or-later
/* Groups at the top of cgroup v2 (kernel: admin-guide/cgroup-v2, "Cpuset"). */
#include "host/group.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/words.h"
#include "lib/xalloc.h"

#define LIST_TEXT (IDSET_MAX * 6)

/* Whether cgroup.controllers or cgroup.subtree_control of the tree's root names cpuset. */
static bool names_cpuset(const struct root *root, const char *mount, const char *file)
{
	char *text = root_read_all(root, NULL, "%s/%s", mount, file);
	bool found = text && words_have(text, "cpuset");

	free(text);
	return found;
}

int host_possible_cpus(const struct root *root, struct idset *cpus)
{
	return root_read_idset(root, cpus, "/sys/devices/system/cpu/possible");
}

int host_group_read_cpus(const struct root *root, const char *file, struct idset *cpus)
{
	int status = root_read_idset(root, cpus, "%s", file);
	struct idset all;

	if (status < 0)
		return status;
	if (host_possible_cpus(root, &all) == 0 && idset_within(&all, cpus))
		*cpus = (struct idset){ 0 };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct host_group *)a)->name, ((const struct host_group *)b)->name);
}

static struct host_group *add(struct host_group_list *list, const char *name)
{
	list->groups = xreallocarray(list->groups, list->count + 1, sizeof(*list->groups));
	list->groups[list->count] = (struct host_group){ .name = xstrdup(name) };
	return &list->groups[list->count++];
}

void host_groups_read(const struct root *root, const char *mount, struct host_group_list *list)
{
	DIR *dir = root_opendir(root, "%s", mount);
	struct dirent *entry;

	*list = (struct host_group_list){
		.offered = names_cpuset(root, mount, "cgroup.controllers"),
		.enabled = names_cpuset(root, mount, "cgroup.subtree_control"),
	};
	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX], *file;
		struct host_group *group;

		/* Only groups have this file; the folder's own files are not folders. */
		root_path(root, path, "%s/%s/cgroup.procs", mount, entry->d_name);
		if (*entry->d_name == '.' || access(path, F_OK) < 0)
			continue;
		group = add(list, entry->d_name);
		file = xasprintf("%s/%s/cpuset.cpus", mount, group->name);
		if (host_group_read_cpus(root, file, &group->cpus) < 0)
			group->cpus = (struct idset){ 0 };
		free(file);
		group->foreign = group->cpus;
	}
	if (dir)
		closedir(dir);
	if (list->count)
		qsort(list->groups, list->count, sizeof(*list->groups), by_name);
}

void host_groups_release(struct host_group_list *list)
{
	for (unsigned int i = 0; i < list->count; i++)
		free(list->groups[i].name);
	free(list->groups);
	*list = (struct host_group_list){ 0 };
}

struct host_group *host_group_of(const struct host_group_list *list, const char *name)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (!strcmp(list->groups[i].name, name))
			return &list->groups[i];
	return NULL;
}

/* ---- JSON ------------------------------------------------------------------------------------- */

json_t *host_groups_to_json(const struct host_group_list *list)
{
	json_t *rows = json_array();
	char cpus[LIST_TEXT], foreign[LIST_TEXT];

	for (unsigned int i = 0; i < list->count; i++)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "name", list->groups[i].name, "cpus",
			idset_format(&list->groups[i].cpus, cpus, sizeof(cpus)), "foreign",
			idset_format(&list->groups[i].foreign, foreign, sizeof(foreign))));
	return json_pack("{s:b, s:b, s:o}", "offered", list->offered, "enabled", list->enabled, "groups", rows);
}

void host_groups_from_json(const json_t *json, struct host_group_list *list)
{
	const json_t *row;
	size_t i;

	*list = (struct host_group_list){
		.offered = json_is_true(json_object_get(json, "offered")),
		.enabled = json_is_true(json_object_get(json, "enabled")),
	};
	json_array_foreach (json_object_get(json, "groups"), i, row) {
		const char *name, *cpus, *foreign;
		struct idset now, without;
		struct host_group *group;

		if (json_unpack((json_t *)(uintptr_t)row, "{s:s, s:s, s:s}", "name", &name, "cpus", &cpus, "foreign",
			    &foreign) < 0 ||
			idset_parse(cpus, &now, NULL) < 0 || idset_parse(foreign, &without, NULL) < 0)
			continue;
		group = add(list, name);
		group->cpus = now;
		group->foreign = without;
	}
}
