/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts that have a handler: where they may go, and whose they are. A number is no identity (a
 * driver that is loaded again gets others): device and handler are, with the number as a hint.
 */
#ifndef VMTUNE_HOST_IRQ_H
#define VMTUNE_HOST_IRQ_H

#include <jansson.h>

#include "host/root.h"
#include "lib/error.h"
#include "lib/idset.h"

#define IRQ_NO_DEVICE "-"
#define IRQ_NO_NODE   (-1)

struct irq {
	unsigned int number;
	char device[32];      /* PCI address "0000:00:04.0", or IRQ_NO_DEVICE */
	char name[128];       /* handlers, with commas: "nvme0q1", "PCIe PME,aerdrv" */
	int node;             /* the device's, IRQ_NO_NODE when unknown */
	struct idset allowed; /* smp_affinity_list */
};

struct irq_list {
	struct irq *irqs;     /* by number */
	unsigned int count;
};

void irqs_read(const struct root *root, struct irq_list *list);
void irqs_release(struct irq_list *list);
json_t *irqs_to_json(const struct irq_list *list);
/* What is no interrupt in @json is skipped. */
void irqs_from_json(const json_t *json, struct irq_list *list);

/* "NUMBER DEVICE NAME". The caller frees. */
char *irq_identity(const struct irq *irq);
/*
 * The number that the interrupt with this identity has now: its old one when that is still its own,
 * else that of the only one with the same device and handler. -ENOENT when there is none, or several.
 */
int irq_find(const struct root *root, const char *identity);

#endif
