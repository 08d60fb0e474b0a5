// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/own_limits.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/journal.h"

/* ---- groups --------------------------------------------------------------------------------- */

/* Whether the entry has set the CPUs of that group, as systemd's unit or as a file. */
static bool is_about(const struct journal_entry *entry, const struct snapshot *snapshot, const char *group)
{
	char *file;
	bool is;

	if (entry->undone || strcmp(entry->boot_id, snapshot->boot_id) != 0)
		return false;
	if (entry->action.kind == ACTION_UNIT_CPUS)
		return !strcmp(entry->action.target, group);
	file = xasprintf("%s/%s/cpuset.cpus", snapshot->cgroup_mount, group);
	is = entry->action.kind == ACTION_GROUP_CPUS && !strcmp(entry->action.target, file);
	free(file);
	return is;
}

static bool same_cpus(const char *a, const char *b)
{
	struct idset left, right;

	return a && b && !idset_parse(a, &left, NULL) && !idset_parse(b, &right, NULL) && idset_equal(&left, &right);
}

/*
 * Before the first of the changes that followed each other, as long as the last one still holds: where someone else
 * has had a say in between or since, that is the limit.
 */
static void lift_group(struct host_group *group, const struct snapshot *snapshot, const struct journal *journal)
{
	const struct journal_entry *entries, *first = NULL, *last = NULL;
	struct idset before, after;
	unsigned int count;

	entries = journal_entries(journal, &count);
	for (unsigned int i = 0; i < count; i++)
		if (is_about(&entries[i], snapshot, group->name)) {
			if (!last || !same_cpus(last->action.after, entries[i].action.before))
				first = &entries[i];
			last = &entries[i];
		}
	if (first && first->action.before && idset_parse(first->action.before, &before, NULL) == 0 &&
	    idset_parse(last->action.after, &after, NULL) == 0 && idset_equal(&after, &group->cpus))
		group->foreign = before;
}

/* ---- this process --------------------------------------------------------------------------- */

static void narrow(struct idset *cpus, const struct idset *limit)
{
	if (!idset_empty(limit))
		idset_intersect(cpus, limit);
}

/*
 * What the groups on @path ("/system.slice/vmtune.service") leave of the machine's CPUs: @now, and @without our
 * limit on the first of them.
 */
static void walk(const struct snapshot *snapshot, const struct root *root, char *path, struct idset *now,
	struct idset *without)
{
	char *rest = NULL, *at = xstrdup("");

	*now = *without = snapshot->machine->online;
	for (char *name = strtok_r(path, "/\n", &rest); name; name = strtok_r(NULL, "/\n", &rest)) {
		const struct host_group *top = *at ? NULL : host_group_of(&snapshot->groups, name);
		char *longer = xasprintf("%s/%s", at, name);
		struct idset cpus;

		free(at);
		at = longer;
		if (root_read_idset(root, &cpus, "%s%s/cpuset.cpus", snapshot->cgroup_mount, at) < 0)
			continue;
		narrow(now, &cpus);
		narrow(without, top ? &top->foreign : &cpus);
	}
	free(at);
}

/* A process that was given fewer CPUs than its groups have (taskset) keeps to those. */
static void lift_own(struct snapshot *snapshot, const struct root *root)
{
	char *text = root_read_all(root, NULL, "/proc/self/cgroup"), *path = text ? strstr(text, "0::/") : NULL;
	struct idset now, without;

	if (path) {
		path += strlen("0::");
		path[strcspn(path, "\n")] = '\0';
		walk(snapshot, root, path, &now, &without);
		if (idset_equal(&now, &snapshot->machine->allowed))
			snapshot->machine->allowed = without;
	}
	free(text);
}

void own_limits_lift(struct snapshot *snapshot, const struct root *root)
{
	struct journal *journal = snapshot->groups.count ? journal_open(root, false, 0, NULL) : NULL;

	if (!journal)
		return;
	for (unsigned int i = 0; i < snapshot->groups.count; i++)
		lift_group(&snapshot->groups.groups[i], snapshot, journal);
	journal_close(journal);
	lift_own(snapshot, root);
}
