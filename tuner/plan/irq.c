/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts are moved no further than needed: one that may go to many CPUs loses the reserved ones and
 * keeps the others, so that a driver's own spreading of its queues survives.
 */
#include "tuner/plan/irq.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "lib/xalloc.h"

#define LIST_TEXT    (IDSET_MAX * 6)
#define DEFAULT_KNOB "irq_default_smp_affinity"

void irq_reserved(const struct placed_vm *vms, unsigned int vm_count, const struct machine *machine,
	struct idset *reserved)
{
	*reserved = placed_dedicated(vms, vm_count);
	idset_union(reserved, &machine->isolated);
}

/* The CPUs of @home on the nearest node to @node that has any. */
static void near_node(const struct machine *machine, int node, struct idset *home)
{
	struct idset best = *home;
	unsigned int nearest = UINT_MAX;

	for (unsigned int i = 0; i < machine->node_count; i++) {
		struct idset cpus = machine->nodes[i].cpus;
		unsigned int distance = machine_distance(machine, node, (int)machine->nodes[i].os);

		idset_intersect(&cpus, home);
		if (!idset_empty(&cpus) && distance < nearest) {
			nearest = distance;
			best = cpus;
		}
	}
	*home = best;
}

struct idset irq_wanted(enum irq_policy policy, const struct irq *irq, const struct machine *machine,
	const struct idset *reserved)
{
	struct idset home = machine->online, now = irq->allowed, keep;

	idset_subtract(&home, reserved);
	if (policy == IRQ_KEEP || idset_empty(&home))
		return irq->allowed;
	if (policy == IRQ_NODE && machine_node_of(machine, irq->node))
		near_node(machine, irq->node, &home);
	idset_intersect(&now, &machine->online);
	keep = now;
	idset_intersect(&keep, &home);
	if (idset_empty(&keep))
		return home;
	return idset_equal(&keep, &now) ? irq->allowed : keep;
}

static void plan_one(struct action_list *list, const struct profile *profile,
	const struct snapshot *snapshot, const struct irq *irq, const struct idset *reserved)
{
	struct idset wanted = irq_wanted(profile->irq_policy, irq, snapshot->machine, reserved);
	char before[LIST_TEXT], after[LIST_TEXT], *whose;

	if (idset_equal(&wanted, &irq->allowed))
		return;
	whose = irq->node >= 0 ? xasprintf("; its device is on node %d", irq->node) : xstrdup("");
	action_add(list, ACTION_IRQ, CLASS_REVERSIBLE, irq_identity(irq), NULL,
		xstrdup(idset_format(&irq->allowed, before, sizeof(before))),
		xstrdup(idset_format(&wanted, after, sizeof(after))),
		xasprintf("%s:%d%s", profile->at_irq.file, profile->at_irq.line, whose), NULL);
	free(whose);
}

bool irq_default_wanted(const struct profile *profile, const struct snapshot *snapshot,
	const struct idset *reserved, struct idset *now, struct idset *wanted)
{
	const struct knob *knob = knob_find(DEFAULT_KNOB);
	const char *mask = snapshot_knob(snapshot, DEFAULT_KNOB);
	struct irq any = {.node = IRQ_NO_NODE};

	for (unsigned int i = 0; i < profile->setting_count; i++)
		if (profile->settings[i].knob == knob)
			return false;
	if (!mask || idset_parse_mask(mask, &any.allowed) < 0)
		return false;
	*now = any.allowed;
	*wanted = irq_wanted(profile->irq_policy, &any, snapshot->machine, reserved);
	return true;
}

static void plan_default(struct action_list *list, const struct profile *profile,
	const struct snapshot *snapshot, const struct idset *reserved)
{
	const struct knob *knob = knob_find(DEFAULT_KNOB);
	char mask[IDSET_MAX / 4 + IDSET_MAX / 32 + 1];
	struct idset now, wanted;

	if (irq_default_wanted(profile, snapshot, reserved, &now, &wanted) && !idset_equal(&now, &wanted))
		action_add(list, ACTION_SETTING, knob->undo, xstrdup(knob->path), NULL,
			xstrdup(snapshot_knob(snapshot, DEFAULT_KNOB)),
			xstrdup(idset_format_mask(&wanted, mask, sizeof(mask))),
			xasprintf("%s:%d; interrupts that are set up later", profile->at_irq.file,
				profile->at_irq.line), NULL);
}

/* What irqbalance shall keep interrupts off: the reserved CPUs, and those that it does already. */
static void plan_ban(struct action_list *list, const struct profile *profile,
	const struct snapshot *snapshot, const struct idset *reserved)
{
	const struct irqbalance *irqbalance = &snapshot->irqbalance;
	struct idset wanted = irqbalance->banned;
	char before[LIST_TEXT], after[LIST_TEXT];

	if (!irqbalance->pid || idset_within(reserved, &irqbalance->banned))
		return;
	idset_union(&wanted, reserved);
	action_add(list, ACTION_IRQBALANCE, CLASS_REVERSIBLE, xasprintf("%d:%" PRIu64 " irqbalance",
		(int)irqbalance->pid, irqbalance->start), NULL,
		xstrdup(idset_format(&irqbalance->banned, before, sizeof(before))),
		xstrdup(idset_format(&wanted, after, sizeof(after))),
		xasprintf("%s:%d; it moves the interrupts", profile->at_irq.file, profile->at_irq.line), NULL);
}

void plan_irqs(struct action_list *list, const struct profile *profile, const struct snapshot *snapshot,
	const struct placed_vm *vms)
{
	struct idset reserved;

	if (profile->irq_policy == IRQ_KEEP)
		return;
	irq_reserved(vms, profile->vm_count, snapshot->machine, &reserved);
	plan_default(list, profile, snapshot, &reserved);
	if (services_holder(&snapshot->services, "irq_affinity")) {
		/* It would move them back; when told so, it moves them itself. */
		plan_ban(list, profile, snapshot, &reserved);
		return;
	}
	for (unsigned int i = 0; i < snapshot->irqs.count; i++)
		plan_one(list, profile, snapshot, &snapshot->irqs.irqs[i], &reserved);
}
