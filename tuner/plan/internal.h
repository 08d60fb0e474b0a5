/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the planner: the parts of a plan that plan.c puts in order. All pure. */
#ifndef VMTUNE_TUNER_PLAN_INTERNAL_H
#define VMTUNE_TUNER_PLAN_INTERNAL_H

#include "lib/size.h"
#include "tuner/plan/plan.h"

/* Less than this on other nodes is not worth stopping a guest's page accesses for; verify names it. */
#define MOVE_WORTH MIB

/* plan/settings.c: the host section's settings, in the order the kernel accepts them. */
int plan_settings(struct action_list *list, struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot, struct error *err);

/* plan/pools.c: whether the profile's hugepage pools can be made at all; before anything is placed. */
int plan_pools_check(const struct profile *profile, const struct snapshot *snapshot, struct error *err);
/* The pools as the profile wants them, and what guests need beyond that; shrinking ones first. */
int plan_pools(struct action_list *list, const struct profile *profile, const struct snapshot *snapshot,
	const struct placed_vm *vms, struct error *err);

/* plan/order.c: fills @order with the indices of the running VMs as they are to be changed; how many. */
unsigned int plan_order(const struct plan *plan, const struct snapshot *snapshot, unsigned int *order);

/*
 * plan/attach.c: the rest of what a guest that vmtune did not start needs: its weights and limits in the
 * group it has, and its memory moved to the nodes it was given.
 */
int plan_attached_limits(struct action_list *list, const struct profile_vm *vm,
	const struct snapshot *snapshot, const struct guest *guest, struct error *err);
void plan_attached_memory(struct action_list *list, const struct placed_vm *placed,
	const struct snapshot *snapshot, const struct guest *guest);
/* The same where the group is a scope of systemd's: properties of its unit. */
void plan_scope_values(struct action_list *list, const struct profile_vm *vm, const char *unit);
/* Whether @group of some tree holds this guest and nothing else, as far as names and other guests tell. */
bool plan_own_group(const char *group, const struct snapshot *snapshot, const struct guest *guest);

/*
 * plan/cpuset.c: a guest whose control group, or libvirt's numatune, allows other nodes than the placed
 * ones. To be called before and after its memory is moved. 0, or negative with @err.
 */
int plan_widen(struct action_list *list, const struct placed_vm *placed, const struct snapshot *snapshot,
	const struct guest *guest, struct error *err);
void plan_narrow(struct action_list *list, const struct placed_vm *placed, const struct guest *guest);
/* Whether some node's memory is out of the guest's reach; @allowed gets those that are not. */
bool plan_fenced(const struct guest *guest, const struct machine *machine, struct idset *allowed);

/* plan/libvirt.c: what libvirt says about the guest, or NULL when no libvirt answers for it. */
const struct guest_domain *plan_domain(const struct guest *guest);
/* Appends the change of one property; takes ownership of @reason only. */
void plan_libvirt_value(struct action_list *list, const char *vm, const struct guest *guest, const char *word,
	const char *before, const char *after, char *reason);
/* Whether a thread's CPUs are libvirt's to set; if so, and they differ, appends the change. */
bool plan_libvirt_pin(struct action_list *list, const char *vm, const struct guest *guest,
	const struct guest_thread *thread, const struct idset *wanted);
/* Weights and limits of a guest with plan_domain(). 0, or negative with @err. */
int plan_libvirt_limits(struct action_list *list, const struct profile_vm *vm, const struct snapshot *snapshot,
	const struct guest *guest, struct error *err);
/* Says so when a guest of libvirt must be changed past it. */
void plan_libvirt_note(struct plan_notes *notes, const struct profile_vm *vm, const struct guest *guest);
/* Whether each of the guest's own nodes has one place of its own, so that its memory moves node by node. */
bool plan_by_guest_node(const struct placed_vm *placed, const struct guest *guest);
/* How actions name a guest: by its identity when it is attached. The caller frees. */
char *plan_target(const struct profile_vm *vm);

#endif
