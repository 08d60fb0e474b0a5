// SPDX-License-Identifier: GPL-2.0-or-later
/* Verify: where interrupts may go, against where the plan would send them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/journal.h"
#include "tuner/plan_irq.h"
#include "tuner/verify.h"

#define LIST_TEXT (IDSET_MAX * 6)

/* Whether an apply of this boot tried to move the interrupt and the kernel would not. */
static bool was_refused(const struct journal *journal, const char *boot_id, const char *identity)
{
	unsigned int count = 0;
	const struct journal_entry *entries = journal ? journal_entries(journal, &count) : NULL;

	for (unsigned int i = 0; i < count; i++)
		if (entries[i].refused && entries[i].action.kind == ACTION_IRQ &&
		    !strcmp(entries[i].boot_id, boot_id) && !strcmp(entries[i].action.target, identity))
			return true;
	return false;
}

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

/* Where another daemon moves interrupts, that is the finding, not each of them. */
static bool held(struct verify *verify)
{
	static const char *const words[] = {
		[IRQ_KEEP] = "keep", [IRQ_HOUSEKEEPING] = "housekeeping", [IRQ_NODE] = "node",
	};
	const struct service_found *holder = services_holder(&verify->snapshot->services, "irq_affinity");
	char *found;

	if (!holder)
		return false;
	found = xasprintf("%s (PID %d), which moves interrupts", holder->service->name, (int)holder->pid);
	verify_state(verify, "host", "irq_affinity", words[verify->profile->irq_policy], found, "conflict");
	free(found);
	return true;
}

void verify_irqs(struct verify *verify, const struct placed_vm *placed, unsigned int count)
{
	const struct snapshot *snapshot = verify->snapshot;
	enum irq_policy policy = verify->profile->irq_policy;
	unsigned int good = 0, refused = 0;
	struct journal *journal;
	struct idset reserved;

	if (policy == IRQ_KEEP || held(verify))
		return;
	journal = journal_open(&verify->context->root, false, 0, NULL);
	irq_reserved(placed, count, snapshot->machine, &reserved);
	verify_default(verify, &reserved);
	for (unsigned int i = 0; i < snapshot->irqs.count; i++) {
		const struct irq *irq = &snapshot->irqs.irqs[i];
		struct idset wanted = irq_wanted(policy, irq, snapshot->machine, &reserved);
		char *identity = irq_identity(irq);

		if (idset_equal(&wanted, &irq->allowed))
			good++;
		else if (was_refused(journal, snapshot->boot_id, identity))
			refused++;
		else
			differs(verify, irq, identity, &wanted);
		free(identity);
	}
	verify_summary(verify, "host: %u of %u interrupts as wanted, %u refused by the kernel", good,
		snapshot->irqs.count, refused);
	journal_close(journal);
}
