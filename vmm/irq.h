/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts into the in-kernel irqchip: legacy GSIs of the platform devices, and MSI messages,
 * each with a GSI route of its own so that an irqfd can raise it without the VMM.
 */
#ifndef VMTUNE_VMM_IRQ_H
#define VMTUNE_VMM_IRQ_H

#include <pthread.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "lib/error.h"

#define IRQ_MSI_BASE 24 /* GSIs 0-23 are the IOAPIC's pins */
#define IRQ_MAX      1024

struct irq_router {
	int vm_fd;
	pthread_mutex_t lock;
	struct kvm_irq_routing *table;
	uint64_t used[IRQ_MAX / 64];
};

/* Sets up the routes of the IOAPIC and PIC pins. KVM_CREATE_IRQCHIP comes first. */
int irq_init(struct irq_router *irq, int vm_fd, struct error *err);
void irq_release(struct irq_router *irq);

/* Back to power-on: nothing pending, every pin masked. MSI routes are their devices' to undo. */
void irq_reset(struct irq_router *irq);

/* Sets the level of IOAPIC pin @gsi (edge devices: 1 then 0). */
void irq_set_level(struct irq_router *irq, unsigned int gsi, int level);

/* A GSI for one MSI message, or -ENOSPC. Free with irq_msi_free(). */
int irq_msi_alloc(struct irq_router *irq);
void irq_msi_free(struct irq_router *irq, int gsi);
/* Points the GSI's route at a message (address and data as the guest wrote them). */
int irq_msi_route(struct irq_router *irq, int gsi, uint64_t address, uint32_t data);
/* Connects (@on) or disconnects an eventfd that raises @gsi. Returns 0 or -errno. */
int irq_fd(struct irq_router *irq, int gsi, int event_fd, int on);

#endif
