/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/power.h"

#include "guest/clock.h"
#include "guest/cpu.h"
#include "guest/paging.h"

static const struct acpi *tables;

void power_init(const struct acpi *acpi)
{
	tables = acpi;
}

static void write_register(const struct acpi_register *reg, uint8_t value)
{
	if (!reg->address)
		return;
	if (reg->space == 1)
		outb((uint16_t)reg->address, value);
	else if (reg->space == 0)
		mmio_write8((uint64_t)map_identity(reg->address, 1), value);
}

/* A write that worked may take the VMM a moment. */
static void settle(void)
{
	clock_spin_us(20000);
}

static void acpi_off(const struct acpi *acpi)
{
	if (acpi->hw_reduced) { /* sleep control: SLP_TYP in bits 2-4, SLP_EN bit 5 (4.8.3.7) */
		write_register(&acpi->sleep_control, (uint8_t)(acpi->s5_type << 2 | 1 << 5));
	} else { /* PM1 control: SLP_TYP in bits 10-12, SLP_EN bit 13 (4.8.3.2.1) */
		if (acpi->pm1a_control)
			outw(acpi->pm1a_control, (uint16_t)(acpi->s5_type << 10 | 1 << 13));
		if (acpi->pm1b_control)
			outw(acpi->pm1b_control, (uint16_t)(acpi->s5_type << 10 | 1 << 13));
	}
	settle();
	write_register(&acpi->reset, acpi->reset_value);
	settle();
}

void power_off(void)
{
	if (tables && tables->found)
		acpi_off(tables);
	outw(0x604, 0x2000); /* QEMU's PM1a control where no table says so */
	outb(0x64, 0xfe);    /* keyboard controller: pulse the reset line */
	settle();
	cpu_gate(GATE_FAULT);
	for (;;)
		cpu_gate(GATE_HALT);
}
