// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Under systemd the groups are its units', and are limited through it; elsewhere they are whoever's has made
 * them, and are written to. On a host that was booted with isolated CPUs it is refused: there every task has been
 * given a list without them, which a cpuset that comes or goes would widen.
 */
#include "tuner/plan/isolate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/cgroup.h"
#include "tuner/placement/placement.h"
#include "tuner/scope.h"

#define LIST_TEXT (IDSET_MAX * 6)

/* systemd.special(7): where all work is that is not a guest's. */
static const char *const host_units[] = { "init.scope", "system.slice", "user.slice" };
/* Guests of vmtune's and of libvirt's, whether the profile has them or not. */
static const char *const guest_groups[] = { SCOPE_SLICE, "machine.slice", CGROUP_PARENT, "machine" };

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static bool one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* ---- which ---------------------------------------------------------------------------------- */

bool isolate_begin(struct isolate *isolate, const struct profile *profile, const struct snapshot *snapshot,
	const struct placed_vm *vms, unsigned int vm_count)
{
	bool drawing = snapshot->cgroup == CGROUP_NONE && !*snapshot->kernel;

	*isolate = (struct isolate){ profile, snapshot, vms, vm_count, placed_dedicated(vms, vm_count) };
	return profile->isolate && !drawing && !idset_empty(&isolate->dedicated);
}

static bool is_in(const char *path, const char *group)
{
	size_t length = strlen(group);

	return path && *path == '/' && !strncmp(path + 1, group, length) && strchr("/", path[1 + length]);
}

/* The profile's guest that lives in that group, or NULL. One that does not run yet will be in a group of ours. */
static const struct profile_vm *resident(const struct isolate *isolate, const char *group)
{
	for (unsigned int i = 0; i < isolate->vm_count; i++) {
		const struct guest *guest = placement_guest(&isolate->snapshot->guests, isolate->vms[i].vm);

		if (guest && is_in(guest->cgroup, group))
			return isolate->vms[i].vm;
	}
	return NULL;
}

bool isolate_confines(const struct isolate *isolate, const struct host_group *group)
{
	if (one_of(group->name, guest_groups, ROWS(guest_groups)) || resident(isolate, group->name))
		return false;
	return !isolate->snapshot->systemd || one_of(group->name, host_units, ROWS(host_units));
}

struct idset isolate_wanted(const struct isolate *isolate, const struct host_group *group)
{
	const struct idset *online = &isolate->snapshot->machine->online;
	struct idset wanted = *online, now = group->cpus, given = group->cpus;

	if (!idset_empty(&group->foreign))
		idset_intersect(&wanted, &group->foreign);
	idset_subtract(&wanted, &isolate->dedicated);
	/* A CPU that is off line for the moment does not make it another list. */
	idset_intersect(&now, online);
	idset_intersect(&given, &isolate->dedicated);
	return idset_equal(&now, &wanted) && idset_empty(&given) ? group->cpus : wanted;
}

/* ---- whether -------------------------------------------------------------------------------- */

static int fault(const struct isolate *isolate, struct error *err, const char *text)
{
	const struct profile_at *at = &isolate->profile->at_isolate;

	return profile_fault(at, at, err, "%s", text);
}

/* "db, app": whose CPUs they are. The caller frees. */
static char *owners(const struct isolate *isolate)
{
	char *text = xstrdup("");

	for (unsigned int i = 0; i < isolate->vm_count; i++) {
		char *longer;

		if (!isolate->vms[i].vm->dedicated)
			continue;
		longer = xasprintf("%s%s%s", text, *text ? ", " : "", isolate->vms[i].vm->name);
		free(text);
		text = longer;
	}
	return text;
}

static int check_host(const struct isolate *isolate, struct error *err)
{
	const struct snapshot *snapshot = isolate->snapshot;
	struct idset left = snapshot->machine->online;

	if (snapshot->cgroup != CGROUP_V2)
		return fault(isolate, err, "isolate needs control groups of version 2, and this host has others; boot "
			"it with systemd.unified_cgroup_hierarchy=1, or leave isolate out");
	if (!snapshot->groups.offered)
		return fault(isolate, err, "isolate needs the cpuset controller, which cgroup v2 of this host does not "
			"have (is it taken by v1, or off by cgroup_disable?); leave isolate out");
	if (!idset_empty(&snapshot->machine->isolated))
		return fault(isolate, err, "isolate does not go with CPUs that were isolated at boot (isolcpus): a cpuset "
			"would let every task run there; boot without, or leave isolate out");
	idset_subtract(&left, &isolate->dedicated);
	if (idset_empty(&left))
		return fault(isolate, err, "isolate leaves no CPU for the host: all are dedicated to guests; dedicate "
			"fewer, or leave isolate out");
	return 0;
}

static int check_group(const struct isolate *isolate, const struct host_group *group, const struct idset *wanted,
	struct error *err)
{
	char list[LIST_TEXT], *who;

	if (!idset_empty(wanted))
		return 0;
	who = owners(isolate);
	profile_fault(&isolate->profile->at_isolate, &isolate->profile->at_isolate, err, "isolate leaves %s no CPU: "
		"its %s is %s, and all of these are dedicated to guests (%s); widen that, or give the guests "
		"others", group->name, isolate->snapshot->systemd ? "AllowedCPUs" : "cpuset.cpus",
		idset_format(&group->foreign, list, sizeof(list)), who);
	free(who);
	return -EINVAL;
}

/* ---- notes ---------------------------------------------------------------------------------- */

static void note(const struct isolate *isolate, struct plan_notes *notes, char *what, char *todo)
{
	plan_note_add(notes, NOTE_RESIDUAL, what, todo, xasprintf("%s:%d", isolate->profile->at_isolate.file,
		isolate->profile->at_isolate.line));
}

static void note_rest(const struct isolate *isolate, struct plan_notes *notes)
{
	char list[LIST_TEXT];

	idset_format(&isolate->dedicated, list, sizeof(list));
	note(isolate, notes, xasprintf("kernel threads of CPUs %s%s stay there", list, isolate->snapshot->systemd ? ""
			: ", and tasks of the root control group"),
		xasprintf("a cpuset cannot confine them; irq_affinity = housekeeping, workqueue_cpumask and "
			"kernel_cmdline = { \"nohz_full=%s\", \"rcu_nocbs=%s\" } leave them little to do", list, list));
	note(isolate, notes, xstrdup("no cpuset partition for the guests"), xasprintf("its parent would have to be one "
		"(before Linux 6.7), and it would take the CPUs of the guests' I/O threads from the host; %s keep the "
		"rest away instead", isolate->snapshot->systemd ? "AllowedCPUs of systemd's slices" : "cpusets of the "
		"other groups"));
}

static void note_group(const struct isolate *isolate, struct plan_notes *notes, const struct host_group *group)
{
	const struct profile_vm *vm = resident(isolate, group->name);
	const char *tail = strrchr(group->name, '.');

	if (one_of(group->name, guest_groups, ROWS(guest_groups)))
		return;
	if (vm)
		note(isolate, notes, xasprintf("%s is not confined", group->name), xasprintf("%s lives in it; what "
			"else does may run on the dedicated CPUs, so give guests a group of their own", vm->name));
	else if (isolate->snapshot->systemd && tail && !strcmp(tail, ".slice"))
		note(isolate, notes, xasprintf("%s is not confined", group->name), xasprintf("whoever made it manages "
			"it; if that is only you: systemctl set-property --runtime %s AllowedCPUs=...", group->name));
}

/* ---- actions -------------------------------------------------------------------------------- */

static void confine(struct action_list *list, const struct isolate *isolate, const struct host_group *group,
	const struct idset *wanted)
{
	const struct snapshot *snapshot = isolate->snapshot;
	char before[LIST_TEXT], after[LIST_TEXT], given[LIST_TEXT], *who = owners(isolate);
	char *reason = xasprintf("%s:%d; CPUs %s are dedicated to %s", isolate->profile->at_isolate.file,
		isolate->profile->at_isolate.line, idset_format(&isolate->dedicated, given, sizeof(given)), who);

	idset_format(&group->cpus, before, sizeof(before));
	idset_format(wanted, after, sizeof(after));
	if (snapshot->systemd)
		action_add(list, ACTION_UNIT_CPUS, CLASS_REVERSIBLE, xstrdup(group->name), NULL, xstrdup(before),
			xstrdup(after), reason, NULL);
	else
		action_add(list, ACTION_GROUP_CPUS, CLASS_REVERSIBLE, xasprintf("%s/%s/cpuset.cpus",
			snapshot->cgroup_mount, group->name), NULL, snapshot->groups.enabled ? xstrdup(before) : NULL,
			xstrdup(after), reason, NULL);
	free(who);
}

/* Without it the groups have no cpuset.cpus. systemd does this for its own. */
static void enable(struct action_list *list, const struct isolate *isolate)
{
	const struct snapshot *snapshot = isolate->snapshot;

	if (!snapshot->systemd && !snapshot->groups.enabled)
		action_add(list, ACTION_CGROUP_CONTROLLERS, CLASS_REVERSIBLE,
			xasprintf("%s/cgroup.subtree_control", snapshot->cgroup_mount), NULL, NULL, xstrdup("cpuset"),
			xasprintf("%s:%d; groups get CPUs of their own", isolate->profile->at_isolate.file,
				isolate->profile->at_isolate.line), NULL);
}

int plan_isolate(struct action_list *list, struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot, const struct placed_vm *vms, struct error *err)
{
	struct isolate isolate;
	bool first = true;
	int rc;

	if (!isolate_begin(&isolate, profile, snapshot, vms, profile->vm_count))
		return 0;
	rc = check_host(&isolate, err);
	for (unsigned int i = 0; i < snapshot->groups.count && rc == 0; i++) {
		const struct host_group *group = &snapshot->groups.groups[i];
		struct idset wanted = isolate_wanted(&isolate, group);

		if (!isolate_confines(&isolate, group)) {
			note_group(&isolate, notes, group);
			continue;
		}
		rc = check_group(&isolate, group, &wanted, err);
		if (rc < 0 || idset_equal(&wanted, &group->cpus))
			continue;
		if (first)
			enable(list, &isolate);
		first = false;
		confine(list, &isolate, group, &wanted);
	}
	if (rc == 0)
		note_rest(&isolate, notes);
	return rc;
}
