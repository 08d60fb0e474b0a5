/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI configuration space: through ECAM where ACPI has an MCFG, else through ports cf8h/cfch. */
#ifndef VMTUNE_GUEST_PCI_H
#define VMTUNE_GUEST_PCI_H

#include "guest/acpi.h"

#define PCI_COMMAND        0x04
#define PCI_COMMAND_MEMORY 0x0002
#define PCI_COMMAND_MASTER 0x0004
#define PCI_COMMAND_NO_INTX 0x0400
#define PCI_CAP_VENDOR     0x09

struct pci {
	uint64_t ecam; /* 0: ports */
	uint8_t bus_start, bus_end;
};

/* Bus << 8 | device << 3 | function. */
typedef uint16_t pci_address;

void pci_init(struct pci *pci, const struct acpi *acpi);
/* @offset is aligned to the size. */
uint32_t pci_read32(const struct pci *pci, pci_address at, unsigned int offset);
uint8_t pci_read8(const struct pci *pci, pci_address at, unsigned int offset);
void pci_write32(const struct pci *pci, pci_address at, unsigned int offset, uint32_t value);

/* The first function, bridges followed, whose vendor << 16 | device is one of @ids. */
bool pci_find(const struct pci *pci, const uint32_t *ids, unsigned int count, pci_address *at);
/* The next capability with @id after offset @from (0: the first); 0: none. */
unsigned int pci_capability(const struct pci *pci, pci_address at, uint8_t id, unsigned int from);
/* The address in a memory BAR; 0: not a memory BAR, or no firmware placed it. */
uint64_t pci_bar(const struct pci *pci, pci_address at, unsigned int bar);

#endif
