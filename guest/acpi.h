/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few facts the guest wants from the ACPI tables. */
#ifndef VMTUNE_GUEST_ACPI_H
#define VMTUNE_GUEST_ACPI_H

#include "guest/layout.h"
#include "guest/pvh.h"
#include "guest/types.h"

#define ACPI_NODES_MAX  64
#define ACPI_MEMORY_MAX 128

/* A register: generic address structure (ACPI 6.5, 5.2.3.2); address 0: there is none. */
struct acpi_register {
	uint8_t space; /* 0 memory, 1 I/O */
	uint64_t address;
};

struct acpi {
	bool found;
	/* MADT */
	unsigned int cpu_count;
	uint8_t apic_id[CPUS_MAX];
	uint32_t ioapic;                 /* address of the one with GSI 0; 0: none */
	/* SRAT: the nodes of CPUs and memory, by proximity domain */
	uint32_t apic_node[256];         /* by APIC id */
	struct {
		struct range range;
		uint32_t node;
	} memory[ACPI_MEMORY_MAX];
	unsigned int memory_count;
	unsigned int node_count;         /* highest domain + 1; 1 without SRAT */
	/* MCFG */
	uint64_t ecam;                   /* of segment 0; 0: none */
	uint8_t bus_start, bus_end;
	/* FADT and the \_S5 package */
	bool hw_reduced;
	uint16_t pm1a_control, pm1b_control, pm_timer;
	struct acpi_register sleep_control, reset;
	uint8_t reset_value, s5_type;
	/* The power button: a bit of the PM1 event block, or the interrupt of a generic event device. */
	uint16_t pm1a_event;             /* 0: no such button */
	uint8_t pm1_event_length;
	bool ged;
	uint32_t ged_gsi;
	uint8_t ged_flags;               /* of the interrupt: bit 1 edge, bit 2 active low */
};

/* Reads the tables from @rsdp on; 0: looks for the RSDP where a BIOS puts it. */
void acpi_read(struct acpi *acpi, uint64_t rsdp);
/* The node of a physical address; 0 without SRAT. */
unsigned int acpi_memory_node(const struct acpi *acpi, uint64_t address);

#endif
