/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The AML of the DSDT. Private to vmm/acpi. */
#ifndef VMTUNE_VMM_ACPI_DSDT_H
#define VMTUNE_VMM_ACPI_DSDT_H

#include "vmm/acpi/bytes.h"
#include "vmm/memory.h"
#include "vmm/options.h"

/* Appends the DSDT's terms to @aml. @pci_node: the guest node that PCI is near to, or -1. */
void dsdt_write(struct bytes *aml, const struct guest_memory *memory,
	const struct vm_config *config, int pci_node);

#endif
