/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of guests that will be started, and the machine they are planned for. */
#include "tuner/plan/files.h"

#include <errno.h>

#include "tuner/own_limits.h"

int plan_check_files(const struct plan *plan, const struct snapshot *snapshot, struct error *err)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < plan->vm_count; i++) {
		const struct profile_vm *vm = plan->vms[i].vm;

		if (plan->vms[i].running)
			continue;
		if (!snapshot->has_kvm)
			return profile_fault(&vm->at, &vm->at, err, "%s cannot be started: this host has no "
				"/dev/kvm (is the kvm_intel or kvm_amd module loaded?)", vm->name);
		rc = profile_check_files(vm, err);
	}
	return rc;
}

struct snapshot *plan_read_machine(const struct profile *profile, const struct root *root,
	struct error *err)
{
	struct snapshot *snapshot = snapshot_read(root, err);

	if (snapshot)
		own_limits_lift(snapshot, root);
	if (snapshot && profile->irq_policy != IRQ_KEEP)
		snapshot_ask_irqbalance(snapshot, root);
	return snapshot;
}

void plan_ask_huge_room(const struct profile *profile, struct snapshot *snapshot, const struct root *root)
{
	bool huge = profile->pool_count > 0;

	for (unsigned int i = 0; i < profile->vm_count; i++)
		huge = huge || profile->vms[i].pages == PAGES_2M;
	if (huge)
		machine_ask_huge_room(snapshot->machine, root);
}
