// SPDX-License-Identifier: GPL-2.0-or-later
/* Verify: where interrupts may go, against where the plan would send them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/journal.h"
#include "tuner/plan/irq.h"
#include "tuner/verify/verify.h"

#define LIST_TEXT (IDSET_MAX * 6)

static void differs(struct verify *verify, const struct irq *irq, const char *identity,
	const struct idset *wanted)
{
	char want[LIST_TEXT], found[LIST_TEXT], *what = xasprintf("CPUs of IRQ %s", identity);

	verify_difference(verify, "host", what, idset_format(wanted, want, sizeof(want)),
		idset_format(&irq->allowed, found, sizeof(found)));
	free(what);
}

static void verify_default(struct verify *verify, const struct idset *reserved)
{
	char want[LIST_TEXT], found[LIST_TEXT];
	struct idset now, wanted;

	if (irq_default_wanted(verify->profile, verify->snapshot, reserved, &now, &wanted) &&
	    !idset_equal(&now, &wanted))
		verify_difference(verify, "host", "CPUs of interrupts that are set up later",
			idset_format(&wanted, want, sizeof(want)),
			idset_format(&now, found, sizeof(found)));
}

/* An irqbalance that answers moves the interrupts: it must know which CPUs are not for them. */
static void verify_ban(struct verify *verify, const struct idset *reserved)
{
	const struct idset *banned = &verify->snapshot->irqbalance.banned;
	char want[LIST_TEXT], found[LIST_TEXT];

	if (idset_within(reserved, banned))
		verify_summary(verify, "host: irqbalance keeps interrupts off CPUs %s",
			idset_format(banned, found, sizeof(found)));
	else
		verify_difference(verify, "host", "CPUs that irqbalance keeps interrupts off",
			idset_format(reserved, want, sizeof(want)),
			idset_format(banned, found, sizeof(found)));
}

/* Where another daemon moves interrupts, that is the finding, not each of them. */
static bool held(struct verify *verify, const struct idset *reserved)
{
	static const char *const words[] = {
		[IRQ_KEEP] = "keep", [IRQ_HOUSEKEEPING] = "housekeeping", [IRQ_NODE] = "node",
	};
	const struct service_found *holder = services_holder(&verify->snapshot->services, "irq_affinity");
	char *found;

	if (!holder)
		return false;
	if (verify->snapshot->irqbalance.pid) {
		verify_ban(verify, reserved);
		return true;
	}
	found = xasprintf("%s (PID %d), which moves interrupts", holder->service->name, (int)holder->pid);
	verify_state(verify, "host", "irq_affinity", words[verify->profile->irq_policy], found, "conflict");
	free(found);
	return true;
}

static void verify_each(struct verify *verify, const struct idset *reserved)
{
	const struct snapshot *snapshot = verify->snapshot;
	struct journal *journal = journal_open(&verify->context->root, false, 0, NULL);
	unsigned int good = 0, refused = 0;

	for (unsigned int i = 0; i < snapshot->irqs.count; i++) {
		const struct irq *irq = &snapshot->irqs.irqs[i];
		struct idset wanted = irq_wanted(verify->profile->irq_policy, irq, snapshot->machine, reserved);
		char *identity = irq_identity(irq);

		if (idset_equal(&wanted, &irq->allowed))
			good++;
		else if (journal_was_refused(journal, snapshot->boot_id, ACTION_IRQ, identity))
			refused++;
		else
			differs(verify, irq, identity, &wanted);
		free(identity);
	}
	verify_summary(verify, "host: %u of %u interrupts as wanted, %u refused by the kernel", good,
		snapshot->irqs.count, refused);
	journal_close(journal);
}

void verify_irqs(struct verify *verify, const struct placed_vm *placed, unsigned int count)
{
	struct idset reserved;

	if (verify->profile->irq_policy == IRQ_KEEP)
		return;
	irq_reserved(placed, count, verify->snapshot->machine, &reserved);
	verify_default(verify, &reserved);
	if (!held(verify, &reserved))
		verify_each(verify, &reserved);
}
