/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio 1.x device on PCI, driven without interrupts: the transport's registers (virtio 1.2, 4.1)
 * and split virtqueues (2.7) that are looked at when there is time.
 */
#ifndef VMTUNE_GUEST_VIRTIO_H
#define VMTUNE_GUEST_VIRTIO_H

#include "guest/pci.h"
#include "guest/types.h"

#define VIRTQ_SIZE 32 /* descriptors of a queue, fewer if the device wants fewer */

#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)

struct virtio {
	const struct pci *pci;
	pci_address at;
	/* addresses of the register blocks */
	uint64_t common, notify, device;
	uint32_t notify_step;
	uint64_t features; /* negotiated */
};

struct virtq {
	uint16_t index, size;
	uint64_t notify;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t added, taken; /* free-running indices: buffers given to the device, and got back */
};

/* Finds the register blocks of the device at @at. False: not a usable virtio 1.x device. */
bool virtio_open(struct virtio *virtio, const struct pci *pci, pci_address at);
/* Resets and negotiates the features of @wanted that the device has; needs VERSION_1. */
bool virtio_negotiate(struct virtio *virtio, uint64_t wanted);
/* Makes queue @index ready; between negotiation and virtio_start(). */
bool virtio_queue(struct virtio *virtio, struct virtq *queue, uint16_t index);
void virtio_start(struct virtio *virtio);

uint32_t virtio_config_read32(const struct virtio *virtio, unsigned int offset);
void virtio_config_write32(const struct virtio *virtio, unsigned int offset, uint32_t value);

/* Buffers the device has not given back yet. */
static inline unsigned int virtq_pending(const struct virtq *queue)
{
	return (uint16_t)(queue->added - queue->taken);
}

/* Gives the device a buffer to read; at most size pending ones. The device hears of it by virtq_kick. */
void virtq_add(struct virtq *queue, const void *buffer, uint32_t length);
/* The same with memory at physical address @address for the device to write to. */
void virtq_lend(struct virtq *queue, uint64_t address, uint32_t length);
void virtq_kick(struct virtq *queue);
/* Takes back what the device is done with, in whatever order; returns how many buffers. No exit. */
unsigned int virtq_take(struct virtq *queue);

#endif
