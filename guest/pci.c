/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pci.h"

#include "guest/paging.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc

#define HEADER_MULTI  0x80
#define HEADER_BRIDGE 0x01
#define STATUS_CAPS   (1u << 20) /* of the dword at 04h */

void pci_init(struct pci *pci, const struct acpi *acpi)
{
	pci->ecam = acpi->ecam;
	pci->bus_start = acpi->ecam ? acpi->bus_start : 0;
	pci->bus_end = acpi->ecam ? acpi->bus_end : 255;
	if (pci->ecam)
		map_identity(pci->ecam, (uint64_t)(pci->bus_end - pci->bus_start + 1) << 20);
}

static uint64_t ecam_address(const struct pci *pci, pci_address at, unsigned int offset)
{
	return pci->ecam + ((uint64_t)(at - (pci->bus_start << 8)) << 12) + offset;
}

static void select(pci_address at, unsigned int offset)
{
	outl(CONFIG_ADDRESS, 1u << 31 | (uint32_t)at << 8 | (offset & 0xfc));
}

uint32_t pci_read32(const struct pci *pci, pci_address at, unsigned int offset)
{
	if (pci->ecam)
		return mmio_read32(ecam_address(pci, at, offset));
	select(at, offset);
	return inl(CONFIG_DATA);
}

uint8_t pci_read8(const struct pci *pci, pci_address at, unsigned int offset)
{
	return (uint8_t)(pci_read32(pci, at, offset & ~3u) >> 8 * (offset & 3));
}

void pci_write32(const struct pci *pci, pci_address at, unsigned int offset, uint32_t value)
{
	if (pci->ecam) {
		mmio_write32(ecam_address(pci, at, offset), value);
	} else {
		select(at, offset);
		outl(CONFIG_DATA, value);
	}
}

static bool wanted(uint32_t dword, const uint32_t *ids, unsigned int count)
{
	uint32_t id = dword << 16 | dword >> 16;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool find_on_bus(const struct pci *pci, uint8_t bus, const uint32_t *ids, unsigned int count,
	pci_address *found)
{
	unsigned int slot, function, functions;
	uint8_t header, behind;
	uint32_t id;
	pci_address at;

	for (slot = 0; slot < 32; slot++) {
		functions = 1;
		for (function = 0; function < functions; function++) {
			at = (pci_address)(bus << 8 | slot << 3 | function);
			id = pci_read32(pci, at, 0);
			if (id == UINT32_MAX)
				continue;
			if (wanted(id, ids, count)) {
				*found = at;
				return true;
			}
			header = pci_read8(pci, at, 0x0e);
			if (header & HEADER_MULTI)
				functions = 8;
			if ((header & 0x7f) != HEADER_BRIDGE)
				continue;
			behind = pci_read8(pci, at, 0x19); /* secondary bus: above this one, so it ends */
			if (behind > bus && behind <= pci->bus_end &&
				find_on_bus(pci, behind, ids, count, found))
				return true;
		}
	}
	return false;
}

bool pci_find(const struct pci *pci, const uint32_t *ids, unsigned int count, pci_address *at)
{
	return find_on_bus(pci, pci->bus_start, ids, count, at);
}

unsigned int pci_capability(const struct pci *pci, pci_address at, uint8_t id, unsigned int from)
{
	unsigned int offset, hops;

	if (!(pci_read32(pci, at, PCI_COMMAND) & STATUS_CAPS))
		return 0;
	offset = pci_read8(pci, at, from ? from + 1 : 0x34) & 0xfc;
	for (hops = 0; offset && hops < 48; hops++) { /* 48 fit into the space there is */
		if (pci_read8(pci, at, offset) == id)
			return offset;
		offset = pci_read8(pci, at, offset + 1) & 0xfc;
	}
	return 0;
}

uint64_t pci_bar(const struct pci *pci, pci_address at, unsigned int bar)
{
	uint32_t low = pci_read32(pci, at, 0x10 + 4 * bar);
	uint64_t high = 0;

	if (low & 1)
		return 0;
	if ((low & 6) == 4 && bar < 5)
		high = pci_read32(pci, at, 0x14 + 4 * bar);
	return high << 32 | (low & ~15u);
}
