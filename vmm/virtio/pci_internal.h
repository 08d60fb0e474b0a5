/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the two halves of the virtio-pci transport: pci.c (the function) and pci_common.c. */
#ifndef VMTUNE_VMM_VIRTIO_PCI_INTERNAL_H
#define VMTUNE_VMM_VIRTIO_PCI_INTERNAL_H

#include "vmm/pci/pci.h"
#include "vmm/virtio/virtio.h"

/*
 * Life of a device: off -> (DRIVER_OK, the I/O thread notices) live -> (status 0) resetting -> off.
 * Only the I/O thread moves it to live and back to off, so a device's callbacks never run beside its
 * reset; the driver, as 4.1.4.3.2 asks, waits until status reads 0.
 */
struct virtio_pci {
	struct pci_device pci;
	struct virtio_device *device;
	pthread_mutex_t lock; /* guards what follows, up to the line */
	uint32_t device_feature_select, driver_feature_select;
	uint64_t driver_features;
	uint16_t queue_select;
	uint16_t config_vector;
	bool resetting;
	uint64_t notify_base;   /* of the notify structure, 0 while the BAR decodes nothing */
	bool kick_bound[VIRTIO_QUEUES_MAX]; /* an ioeventfd is at its doorbell */
	unsigned int config_offset; /* of the configuration access capability in config space */
	/* ---- */
	uint8_t isr;            /* atomic */
	bool live;              /* I/O thread only */
};

#define VIRTIO_PCI_NOTIFY_STRIDE 4 /* bytes between the doorbells of two queues */

/* Accesses to the common configuration structure (4.1.4.3). Natural sizes, else nothing happens. */
uint64_t virtio_pci_common_read(struct virtio_pci *transport, uint64_t offset, unsigned int size);
void virtio_pci_common_write(struct virtio_pci *transport, uint64_t offset, unsigned int size,
	uint64_t value);

/* The I/O thread's part of DRIVER_OK and of a reset. */
void virtio_pci_go_live(void *opaque, uint32_t events);
void virtio_pci_reset(void *opaque, uint32_t events);
/* Puts an ioeventfd at the doorbell of each enabled queue. Under the lock. */
void virtio_pci_bind_kicks(struct virtio_pci *transport);

#endif
