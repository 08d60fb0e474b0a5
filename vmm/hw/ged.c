// SPDX-License-Identifier: GPL-2.0-or-later
/* Generic event device: a 32-bit register of pending events that reading clears. */
#include "vmm/hw/ged.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "vmm/layout.h"

struct ged {
	struct vm *vm;
	atomic_uint pending;
};

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ged *ged = opaque;

	if (offset || size != 4)
		return 0;
	return atomic_exchange(&ged->pending, 0);
}

static const struct bus_ops port_ops = {.read = port_read};

static void reset(void *opaque)
{
	struct ged *ged = opaque;

	atomic_store(&ged->pending, 0);
}

struct ged *ged_new(struct vm *vm, struct error *err)
{
	struct ged *ged = xcalloc(1, sizeof(*ged));

	ged->vm = vm;
	if (bus_add(&vm->pio, LAYOUT_GED_PORT, LAYOUT_GED_SIZE, &port_ops, ged, "event device", err) <
		0) {
		ged_free(ged);
		return NULL;
	}
	vm_on_reset(vm, reset, ged);
	return ged;
}

void ged_free(struct ged *ged)
{
	free(ged);
}

void ged_press_power(struct ged *ged)
{
	atomic_fetch_or(&ged->pending, GED_POWER_BUTTON);
	/* The pin is edge triggered, as the DSDT says. */
	irq_set_level(&ged->vm->irq, LAYOUT_GED_IRQ, 1);
	irq_set_level(&ged->vm->irq, LAYOUT_GED_IRQ, 0);
}
