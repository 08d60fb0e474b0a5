/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where interrupts belong: off the CPUs of dedicated vCPUs, and near their device. All pure. */
#ifndef VMTUNE_TUNER_PLAN_IRQ_H
#define VMTUNE_TUNER_PLAN_IRQ_H

#include "host/irq.h"
#include "tuner/plan/plan.h"

/* CPUs that no interrupt shall go to: those of dedicated vCPUs, and those isolated at boot. */
void irq_reserved(const struct placed_vm *vms, unsigned int vm_count, const struct machine *machine,
	struct idset *reserved);
/*
 * Where @irq shall go; its present CPUs when they are right already, or when no CPU is left that is not
 * @reserved.
 */
struct idset irq_wanted(enum irq_policy policy, const struct irq *irq, const struct machine *machine,
	const struct idset *reserved);

/*
 * The same for interrupts that are set up later. False when nothing is wanted: the mask is unknown, or
 * the profile says itself what it shall be.
 */
bool irq_default_wanted(const struct profile *profile, const struct snapshot *snapshot,
	const struct idset *reserved, struct idset *now, struct idset *wanted);

/* An action for each interrupt that is not where it belongs, and the CPUs of those to come. */
void plan_irqs(struct action_list *list, const struct profile *profile, const struct snapshot *snapshot,
	const struct placed_vm *vms);

#endif
