/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control groups of guests: "vmtune/NAME", one each, below the mount(s) of cgroup v1 or v2. The group
 * is made, entered and removed through libcgroup; its values are plain files.
 */
#ifndef VMTUNE_TUNER_CGROUP_H
#define VMTUNE_TUNER_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/action.h"
#include "tuner/profile/profile.h"

#define CGROUP_PARENT "vmtune"

/*
 * Appends what gives a guest its group, in the order it must happen: the controllers (v2), the parent
 * group, the group, then a value for each weight and limit the profile names. Pure; nothing is
 * appended on a machine without cgroups. Call it before the action that starts the guest.
 */
void cgroup_plan(struct action_list *list, const struct profile_vm *vm, const struct snapshot *snapshot);

/*
 * The weights and limits alone, for the group at @group ("/vmtune/db") of every controller's tree.
 * Returns how many the profile names.
 */
unsigned int cgroup_plan_values(struct action_list *list, const struct profile_vm *vm,
	const struct snapshot *snapshot, const char *group);

/* The profile's cpu_weight on the scale of @version: v1's shares or v2's weight; 0: none given. */
uint64_t cgroup_cpu_shares(const struct profile_vm *vm, enum cgroup_version version);

/* The name of a guest's group, "vmtune/NAME"; the caller frees. */
char *cgroup_name(const char *guest);
bool cgroup_exists(const char *name);
/* Puts a process into the group, in every controller's tree. */
int cgroup_enter(const char *name, pid_t pid, struct error *err);

#endif
