/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's other work kept off the CPUs of dedicated vCPUs: the groups at the top of cgroup v2 are confined to
 * the other CPUs, but for those that guests live in. All pure.
 */
#ifndef VMTUNE_TUNER_PLAN_ISOLATE_H
#define VMTUNE_TUNER_PLAN_ISOLATE_H

#include "host/snapshot.h"
#include "tuner/plan/plan.h"

/* What isolate is about: the plan's VMs on this host. */
struct isolate {
	const struct profile *profile;
	const struct snapshot *snapshot;
	const struct placed_vm *vms;
	unsigned int vm_count;
	struct idset dedicated;
};

/* False when there is nothing to isolate: not asked for, no CPU dedicated, or a host of which no more is known. */
bool isolate_begin(struct isolate *isolate, const struct profile *profile, const struct snapshot *snapshot,
	const struct placed_vm *vms, unsigned int vm_count);
/* Whether such work is in this group that shall be confined. */
bool isolate_confines(const struct isolate *isolate, const struct host_group *group);
/*
 * The CPUs it shall have: what it has when that is right. Empty when all that someone else has allowed it are
 * dedicated.
 */
struct idset isolate_wanted(const struct isolate *isolate, const struct host_group *group);

/*
 * An action for each group that is not confined yet, and notes of what stays on those CPUs. 0, or negative with
 * @err when this host cannot do it or no CPU would be left.
 */
int plan_isolate(struct action_list *list, struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot, const struct placed_vm *vms, struct error *err);

#endif
