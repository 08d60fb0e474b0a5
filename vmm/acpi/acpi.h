/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's ACPI tables (ACPI 6.4): RSDP, XSDT, FADT of the hardware-reduced kind, MADT, MCFG, SRAT,
 * SLIT, and a DSDT with the platform's devices.
 */
#ifndef VMTUNE_VMM_ACPI_ACPI_H
#define VMTUNE_VMM_ACPI_ACPI_H

#include <stdint.h>

#include "lib/error.h"
#include "vmm/memory.h"
#include "vmm/options.h"

/*
 * Writes the tables for @config into guest memory from LAYOUT_ACPI_BASE on. @pci_node: the guest node
 * that the devices are near to, or -1. *@rsdp becomes the guest address of the RSDP. -ENOSPC when they do not fit (no configuration vmm accepts comes near).
 */
int acpi_write(struct guest_memory *memory, const struct vm_config *config, int pci_node,
	uint64_t *rsdp, struct error *err);

#endif
