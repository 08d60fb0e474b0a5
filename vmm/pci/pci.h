/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One PCI Express root bus: configuration space over ECAM and over ports 0xcf8/0xcfc, BARs in the
 * MMIO windows of vmm/layout.h, and root-complex integrated endpoints on it.
 *
 * There is no firmware, so the bus places every BAR itself and switches memory decode on; a guest may
 * size and move BARs afterwards, within the windows.
 *
 * Configuration space is bytes plus a mask of the bits that the guest may write. BAR sizing, read-only
 * fields and reserved bits all follow from the mask.
 *
 * The bus lock is held while a config access runs, with the callbacks of pci_device_ops; BAR handlers
 * run without it and must not call what takes it (pci_guest_read, pci_guest_write).
 */
#ifndef VMTUNE_VMM_PCI_PCI_H
#define VMTUNE_VMM_PCI_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/bus.h"
#include "vmm/vm.h"

#define PCI_CONFIG_SIZE 4096 /* PCI Express extended configuration space */
#define PCI_SLOTS       32   /* devices on one bus; function 0 only */
#define PCI_BARS        6

struct pci_device;
struct pci_msix; /* msix.h */

struct pci_bar {
	uint64_t size;             /* 0: none; a power of two */
	bool wide;                 /* 64 bits */
	const struct bus_ops *ops; /* called with the device's @opaque */
	uint64_t home;             /* where the bus put it; a reset moves it back */
	uint64_t base;             /* where it decodes now, while @mapped */
	bool mapped;
};

struct pci_device_ops {
	/* A BAR was mapped at bar->base, or unmapped (bar->mapped false). Under the bus lock. Optional. */
	void (*bar_moved)(struct pci_device *device, unsigned int bar);
	/* Before a read, and after a write, of config bytes [offset, offset + size). Optional. */
	void (*config_read)(struct pci_device *device, unsigned int offset, unsigned int size);
	void (*config_written)(struct pci_device *device, unsigned int offset, unsigned int size);
	/* Back to power-on; the bus restores config space and BARs. I/O thread, vCPUs stopped. Optional. */
	void (*reset)(struct pci_device *device);
	void (*free)(struct pci_device *device);
};

struct pci_device {
	const char *name;
	const struct pci_device_ops *ops;
	void *opaque;                            /* for BAR handlers */
	struct pci_bar bars[PCI_BARS];
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE];       /* bits the guest may change */
	uint8_t power_on[PCI_CONFIG_SIZE];       /* what a reset restores, taken by pci_add() */
	unsigned int capability_end;             /* next free byte for a capability */
	unsigned int capability_tail;            /* offset of the last one's next pointer */
	struct pci_msix *msix;                   /* NULL without */
	struct pci_bus *bus;                     /* set by pci_add() */
	unsigned int slot;
};

/* Puts ECAM, 0xcf8/0xcfc, the windows and the host bridge 00:00.0 on the VM's buses. */
struct pci_bus *pci_bus_new(struct vm *vm, struct error *err);
/* Frees the devices (ops->free) and the bus. vCPUs and loop have ended. NULL is fine. */
void pci_bus_free(struct pci_bus *bus);
/* Power-on state for every device; a VM reset does this. I/O thread, vCPUs stopped. */
void pci_bus_reset(struct pci_bus *bus);

/*
 * Building a device, in this order: pci_device_init() on zeroed memory, fields and capabilities,
 * pci_add(). The device stays the caller's until pci_add() succeeds; then the bus frees it.
 * @class_code: class, subclass, interface.
 */
void pci_device_init(struct pci_device *device, uint16_t vendor, uint16_t id, uint32_t class_code,
	uint8_t revision);
/*
 * Appends a capability of @size bytes (2 of them, id and next, are filled here); returns its offset.
 * Capabilities together fill 0x40-0xff; more is a bug of the caller.
 */
unsigned int pci_add_capability(struct pci_device *device, uint8_t id, unsigned int size);
/* The PCI Express capability of a root-complex integrated endpoint, which makes 4 KiB config space. */
void pci_add_express(struct pci_device *device);
/*
 * A memory BAR of @size bytes, a power of two of at least 4096; @wide: 64 bits, it takes the next
 * register as well and is placed in the high window.
 */
void pci_add_bar(struct pci_device *device, unsigned int bar, uint64_t size, bool wide,
	const struct bus_ops *ops);
/* Takes a slot, places the BARs, makes it visible. -ENOSPC when slots or window are full. */
int pci_add(struct pci_bus *bus, struct pci_device *device, struct error *err);

/* Little-endian access to config space, as the device sees it (no masks). @size 1, 2 or 4. */
uint32_t pci_config_get(const struct pci_device *device, unsigned int offset, unsigned int size);
void pci_config_set(struct pci_device *device, unsigned int offset, unsigned int size,
	uint32_t value);

/*
 * An access as from a vCPU: @bdf is bus << 8 | device << 3 | function. Absent functions read as all
 * ones. What ECAM and the ports call; also for tests.
 */
uint32_t pci_guest_read(struct pci_bus *bus, unsigned int bdf, unsigned int offset,
	unsigned int size);
void pci_guest_write(struct pci_bus *bus, unsigned int bdf, unsigned int offset, unsigned int size,
	uint32_t value);

#endif
