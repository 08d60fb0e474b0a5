/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the planner: the parts of a plan that plan.c puts in order. All pure. */
#ifndef VMTUNE_TUNER_PLAN_INTERNAL_H
#define VMTUNE_TUNER_PLAN_INTERNAL_H

#include "lib/size.h"
#include "tuner/plan.h"

/* Less than this on other nodes is not worth stopping a guest's page accesses for; verify names it. */
#define MOVE_WORTH MIB

/* plan_settings.c: the host section's settings, in the order the kernel accepts them. */
int plan_settings(struct action_list *list, struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot, struct error *err);

/* plan_pools.c: whether the profile's hugepage pools can be made at all; before anything is placed. */
int plan_pools_check(const struct profile *profile, const struct snapshot *snapshot, struct error *err);
/* The pools as the profile wants them, and what guests need beyond that; shrinking ones first. */
int plan_pools(struct action_list *list, const struct profile *profile, const struct snapshot *snapshot,
	const struct placed_vm *vms, struct error *err);

/* plan_order.c: fills @order with the indices of the running VMs as they are to be changed; how many. */
unsigned int plan_order(const struct plan *plan, const struct snapshot *snapshot, unsigned int *order);

/*
 * plan_attach.c: the rest of what a guest that vmtune did not start needs: its weights and limits in the
 * group it has, and its memory moved to the nodes it was given.
 */
int plan_attached_limits(struct action_list *list, const struct profile_vm *vm,
	const struct snapshot *snapshot, const struct guest *guest, struct error *err);
void plan_attached_memory(struct action_list *list, const struct placed_vm *placed,
	const struct snapshot *snapshot, const struct guest *guest);
/* The same where the group is a scope of systemd's: properties of its unit. */
void plan_scope_values(struct action_list *list, const struct profile_vm *vm, const char *unit);
/* How actions name a guest: by its identity when it is attached. The caller frees. */
char *plan_target(const struct profile_vm *vm);

#endif
