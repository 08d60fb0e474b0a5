// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GSI routing. KVM takes the whole table at each change; ours starts as a copy of what
 * KVM_CREATE_IRQCHIP installs, so that nothing need be told to KVM (a grace period, milliseconds)
 * before the first MSI is routed.
 */
#include "vmm/irq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/xalloc.h"
#include "vmm/layout.h"

#define PIC_PINS      16
#define TABLE_ENTRIES (PIC_PINS + IRQ_MAX)
#define PIN_MASKED    0x10000u /* redirection entry, 82093AA data sheet, 3.2.4 */

static void add_pin(struct kvm_irq_routing *table, unsigned int gsi, unsigned int chip,
	unsigned int pin)
{
	struct kvm_irq_routing_entry *entry = &table->entries[table->nr++];

	entry->gsi = gsi;
	entry->type = KVM_IRQ_ROUTING_IRQCHIP;
	entry->u.irqchip.irqchip = chip;
	entry->u.irqchip.pin = pin;
}

int irq_init(struct irq_router *irq, int vm_fd, struct error *err)
{
	(void)err;
	*irq = (struct irq_router){.vm_fd = vm_fd};
	pthread_mutex_init(&irq->lock, NULL);
	irq->table = xcalloc(1, sizeof(*irq->table) + TABLE_ENTRIES * sizeof(irq->table->entries[0]));
	for (unsigned int pin = 0; pin < LAYOUT_IOAPIC_PINS; pin++)
		add_pin(irq->table, pin, KVM_IRQCHIP_IOAPIC, pin);
	for (unsigned int pin = 0; pin < PIC_PINS; pin++)
		add_pin(irq->table, pin, pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, pin % 8);
	return 0;
}

void irq_release(struct irq_router *irq)
{
	if (!irq->table)
		return;
	free(irq->table);
	irq->table = NULL;
	pthread_mutex_destroy(&irq->lock);
}

static void reset_ioapic(struct irq_router *irq)
{
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

	if (ioctl(irq->vm_fd, KVM_GET_IRQCHIP, &chip) < 0)
		return;
	chip.chip.ioapic.ioregsel = chip.chip.ioapic.id = chip.chip.ioapic.irr = 0;
	for (unsigned int pin = 0; pin < LAYOUT_IOAPIC_PINS; pin++)
		chip.chip.ioapic.redirtbl[pin].bits = PIN_MASKED;
	ioctl(irq->vm_fd, KVM_SET_IRQCHIP, &chip);
}

static void reset_pic(struct irq_router *irq, unsigned int id)
{
	struct kvm_irqchip chip = {.chip_id = id};
	__u8 elcr_mask;

	if (ioctl(irq->vm_fd, KVM_GET_IRQCHIP, &chip) < 0)
		return;
	elcr_mask = chip.chip.pic.elcr_mask;
	chip.chip.pic = (struct kvm_pic_state){.elcr_mask = elcr_mask};
	ioctl(irq->vm_fd, KVM_SET_IRQCHIP, &chip);
}

void irq_reset(struct irq_router *irq)
{
	reset_pic(irq, KVM_IRQCHIP_PIC_MASTER);
	reset_pic(irq, KVM_IRQCHIP_PIC_SLAVE);
	reset_ioapic(irq);
}

void irq_set_level(struct irq_router *irq, unsigned int gsi, int level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = (__u32)level};

	ioctl(irq->vm_fd, KVM_IRQ_LINE, &line);
}

int irq_msi_alloc(struct irq_router *irq)
{
	int found = -ENOSPC;

	pthread_mutex_lock(&irq->lock);
	for (unsigned int gsi = IRQ_MSI_BASE; gsi < IRQ_MAX; gsi++) {
		if (irq->used[gsi / 64] >> (gsi % 64) & 1)
			continue;
		irq->used[gsi / 64] |= UINT64_C(1) << (gsi % 64);
		found = (int)gsi;
		break;
	}
	pthread_mutex_unlock(&irq->lock);
	return found;
}

static struct kvm_irq_routing_entry *find_msi(struct kvm_irq_routing *table, unsigned int gsi)
{
	for (unsigned int i = 0; i < table->nr; i++)
		if (table->entries[i].gsi == gsi && table->entries[i].type == KVM_IRQ_ROUTING_MSI)
			return &table->entries[i];
	return NULL;
}

static int commit(struct irq_router *irq)
{
	return ioctl(irq->vm_fd, KVM_SET_GSI_ROUTING, irq->table) < 0 ? -errno : 0;
}

void irq_msi_free(struct irq_router *irq, int gsi)
{
	struct kvm_irq_routing_entry *entry;

	if (gsi < IRQ_MSI_BASE || gsi >= IRQ_MAX)
		return;
	pthread_mutex_lock(&irq->lock);
	entry = find_msi(irq->table, (unsigned int)gsi);
	if (entry) {
		*entry = irq->table->entries[--irq->table->nr];
		commit(irq);
	}
	irq->used[gsi / 64] &= ~(UINT64_C(1) << (gsi % 64));
	pthread_mutex_unlock(&irq->lock);
}

int irq_msi_route(struct irq_router *irq, int gsi, uint64_t address, uint32_t data)
{
	struct kvm_irq_routing_entry *entry;
	int ret;

	if (gsi < IRQ_MSI_BASE || gsi >= IRQ_MAX)
		return -EINVAL;
	pthread_mutex_lock(&irq->lock);
	entry = find_msi(irq->table, (unsigned int)gsi);
	if (!entry)
		entry = &irq->table->entries[irq->table->nr++];
	memset(entry, 0, sizeof(*entry));
	entry->gsi = (__u32)gsi;
	entry->type = KVM_IRQ_ROUTING_MSI;
	entry->u.msi.address_lo = (__u32)address;
	entry->u.msi.address_hi = (__u32)(address >> 32);
	entry->u.msi.data = data;
	ret = commit(irq);
	pthread_mutex_unlock(&irq->lock);
	return ret;
}

int irq_fd(struct irq_router *irq, int gsi, int event_fd, int on)
{
	struct kvm_irqfd request = {
		.fd = (__u32)event_fd,
		.gsi = (__u32)gsi,
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(irq->vm_fd, KVM_IRQFD, &request) < 0 ? -errno : 0;
}
