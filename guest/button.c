/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two kinds of power button: a bit in the PM1 event block (ACPI 6.5, 4.8.3.1), or, on machines
 * without that block, an event of the generic event device, which is known here by its interrupt
 * only. The interrupt waits in the local APIC while ring 3 runs, and is looked for there; in a sleep
 * it arrives (traps.S).
 */
#include "guest/button.h"

#include "guest/apic.h"
#include "guest/paging.h"

#define PM1_POWER_BUTTON (1 << 8)

/* I/O APIC: index and data register, two registers a pin from 10h on. */
#define IOAPIC_INDEX 0x00
#define IOAPIC_DATA  0x10
#define IOAPIC_PIN   0x10
#define PIN_LOW      (1 << 13)
#define PIN_LEVEL    (1 << 15)

#define GED_EDGE (1 << 1)
#define GED_LOW  (1 << 2)

extern volatile bool button_interrupt;
volatile bool button_interrupt; /* set by traps.S */

static bool have_interrupt;
static uint16_t pm1_status;

static void ioapic_write(uint64_t ioapic, uint32_t index, uint32_t value)
{
	mmio_write32(ioapic + IOAPIC_INDEX, index);
	mmio_write32(ioapic + IOAPIC_DATA, value);
}

static void route_ged(const struct acpi *acpi)
{
	uint64_t ioapic = (uint64_t)map_identity(acpi->ioapic, PAGE_SIZE);
	uint32_t pin = VECTOR_BUTTON;

	if (!(acpi->ged_flags & GED_EDGE))
		pin |= PIN_LEVEL;
	if (acpi->ged_flags & GED_LOW)
		pin |= PIN_LOW;
	ioapic_write(ioapic, IOAPIC_PIN + 2 * acpi->ged_gsi + 1, this_cpu()->apic_id << 24);
	ioapic_write(ioapic, IOAPIC_PIN + 2 * acpi->ged_gsi, pin);
	have_interrupt = true;
}

void button_init(const struct acpi *acpi)
{
	if (acpi->pm1a_event) {
		pm1_status = acpi->pm1a_event;
		outw((uint16_t)(pm1_status + acpi->pm1_event_length / 2), PM1_POWER_BUTTON);
	} else if (acpi->ged && acpi->ioapic) {
		route_ged(acpi);
	}
}

static bool pressed(void)
{
	if (pm1_status)
		return inw(pm1_status) & PM1_POWER_BUTTON;
	return have_interrupt && (button_interrupt || apic_is_pending(VECTOR_BUTTON));
}

void button_poll(struct guest *guest)
{
	if (pressed())
		guest_end(guest, "power button");
}
