/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X (PCI 3.0, 6.8.2): the capability, the vector table and the pending bits of one device.
 *
 * Each vector that the guest uses gets a GSI route and an irqfd of its own, made when it is unmasked
 * for the first time: raising it is one write to an eventfd. While a vector, or the whole function, is
 * masked, its interrupt is kept as a pending bit and sent at unmasking.
 */
#ifndef VMTUNE_VMM_PCI_MSIX_H
#define VMTUNE_VMM_PCI_MSIX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/irq.h"
#include "vmm/pci/pci.h"

#define MSIX_ENTRY_SIZE 16 /* bytes of one table entry */

struct msix_vector {
	uint32_t entry[4]; /* address low, address high, data, vector control */
	bool pending;
	int gsi, event_fd; /* -1 until the vector is first used */
	uint64_t routed_address; /* what the GSI's route holds */
	uint32_t routed_data;
	bool routed;
};

struct pci_msix {
	pthread_mutex_t lock;
	struct irq_router *irq;
	const char *name;
	unsigned int capability; /* offset in config space */
	bool enabled, masked;
	unsigned int count;
	struct msix_vector *vectors;
};

/* Adds the capability to a device that is being built; table and PBA lie in @bar. */
void msix_init(struct pci_device *device, struct irq_router *irq, unsigned int count,
	unsigned int bar, uint32_t table_offset, uint32_t pba_offset);
/* Disconnects the vectors and frees them; the device has none afterwards. */
void msix_free(struct pci_device *device);
/* Disabled, all vectors masked, nothing pending. */
void msix_reset(struct pci_msix *msix);
/* The guest wrote message control; called by the bus. */
void msix_control_written(struct pci_device *device);

/* Guest accesses to the table and the PBA; @offset is relative to each. @size 4 or 8, else ignored. */
uint64_t msix_table_read(struct pci_msix *msix, uint64_t offset, unsigned int size);
void msix_table_write(struct pci_msix *msix, uint64_t offset, unsigned int size, uint64_t value);
uint64_t msix_pba_read(struct pci_msix *msix, uint64_t offset, unsigned int size);

/* Raises @vector; from any thread. Nothing happens for a vector out of range or with MSI-X off. */
void msix_notify(struct pci_msix *msix, unsigned int vector);

#endif
