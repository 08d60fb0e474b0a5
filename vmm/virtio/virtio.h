/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device seen from its transport, and the transport seen from a device (virtio 1.2).
 *
 * A device fills a `struct virtio_device` and hands it to virtio_pci_add(). Queue handlers run on the
 * I/O thread. virtqueue_pop() is the only parser of descriptor chains: it checks every address,
 * length, flag and index against guest RAM and the queue size and copies the chain out, so that a
 * device never reads a descriptor twice. A chain that breaks the rules puts the device into
 * DEVICE_NEEDS_RESET (virtio_broken), never the VMM into a crash.
 */
#ifndef VMTUNE_VMM_VIRTIO_VIRTIO_H
#define VMTUNE_VMM_VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/virtio_ring.h>

#include "lib/error.h"
#include "vmm/vm.h"

#define VIRTIO_QUEUES_MAX     8
#define VIRTIO_QUEUE_SIZE_MAX 256
#define VIRTIO_CHAIN_MAX      (VIRTIO_QUEUE_SIZE_MAX) /* segments in one chain */

struct virtio_device;

struct virtqueue {
	struct virtio_device *device;
	unsigned int index;
	/* as the driver programmed them, checked when the queue is enabled */
	uint16_t size;
	bool enabled;
	uint64_t desc_gpa, avail_gpa, used_gpa;
	/* the same as host pointers, set by virtqueue_enable() */
	const struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t last_avail, used_index;
	bool event_idx;
	bool kicks_off;          /* virtqueue_want_kicks(false) */
	uint16_t signalled_used; /* used index at the last interrupt, for EVENT_IDX */
	uint16_t vector;         /* MSI-X vector, 0xffff none */
	int kick_fd;             /* ioeventfd */
	struct loop_source *kick_source;
};

/* One request, copied out of the ring. Readable segments come first (2.7.4.2). */
struct virtq_chain {
	uint16_t head;
	struct iovec iov[VIRTIO_CHAIN_MAX];
	unsigned int out_count;  /* device-readable segments: iov[0 .. out_count) */
	unsigned int in_count;   /* device-writable: iov[out_count .. out_count + in_count) */
	uint64_t out_bytes, in_bytes;
};

struct virtio_ops {
	const char *name;
	uint16_t device_id;       /* VIRTIO_ID_* */
	uint32_t pci_class;       /* class, subclass, interface: 0x018000 for storage, ... */
	unsigned int queue_count;
	uint16_t queue_size;      /* a power of two up to VIRTIO_QUEUE_SIZE_MAX */
	uint32_t config_size;     /* bytes of device-specific config space, up to 256 */
	/* The driver kicked queue @index. On the I/O thread. */
	void (*kick)(struct virtio_device *device, unsigned int index);
	/* DRIVER_OK was set with the features that were negotiated. On the I/O thread. Optional. */
	void (*ready)(struct virtio_device *device);
	/*
	 * Back to the state after power-on; no callback of the old life may follow, and no guest memory
	 * of the old life may be written any more. On the I/O thread. Optional.
	 */
	void (*reset)(struct virtio_device *device);
	/*
	 * The driver wrote config space, @offset and @size within config_size: config[] has the new
	 * bytes. Without this callback config space is read-only. Under config_lock, vCPU thread.
	 */
	void (*config_written)(struct virtio_device *device, uint32_t offset, uint32_t size);
	/* Before a read of config space, to refresh it. Under config_lock. Optional. */
	void (*config_read)(struct virtio_device *device);
	void (*free)(struct virtio_device *device);
};

struct virtio_device {
	const struct virtio_ops *ops;
	struct vm *vm;
	uint64_t features;            /* offered; the transport adds VERSION_1, EVENT_IDX, INDIRECT */
	uint64_t acked;               /* negotiated, valid from FEATURES_OK on */
	uint8_t config[256];          /* little endian, as the guest reads it */
	pthread_mutex_t config_lock;
	uint8_t status;               /* atomic */
	uint8_t config_generation;    /* atomic */
	bool complained;              /* about the driver, on stderr: once a life */
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	const struct virtio_transport_ops *transport_ops; /* NULL: interrupts go nowhere (tests) */
	void *transport;              /* virtio-pci's own */
};

/* What the transport does for the device-independent half (queue.c). From any thread. */
struct virtio_transport_ops {
	void (*queue_interrupt)(struct virtqueue *queue);
	void (*config_interrupt)(struct virtio_device *device);
};

/*
 * Puts the device on the PCI bus; fills vm, queues and transport, makes config_lock. Takes ownership,
 * also when it fails: the device is freed through ops->free, with the VM or before this returns.
 */
int virtio_pci_add(struct vm *vm, struct virtio_device *device, struct error *err);

/*
 * Checks size, alignment and place in RAM of the queue as programmed in @queue (size, *_gpa) and
 * switches it on, or marks the device broken and returns -EINVAL. For transports (and tests).
 */
int virtqueue_enable(struct virtqueue *queue);

/*
 * Takes the next available chain into *@chain. Returns 1, 0 when the ring is empty, or -EINVAL after
 * marking the device broken.
 */
int virtqueue_pop(struct virtqueue *queue, struct virtq_chain *chain);
/* Puts the chain back without using it: the next pop returns it again. */
void virtqueue_unpop(struct virtqueue *queue);
/* Returns the chain as used with @written bytes in its writable part. No interrupt yet. */
void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written);
/*
 * The two halves of a push, for a device that returns several chains at once (a frame in merged
 * receive buffers): the driver sees all chains that were put, or none, when they are published.
 */
void virtqueue_put(struct virtqueue *queue, uint16_t head, uint32_t written);
void virtqueue_publish(struct virtqueue *queue);
/* Interrupts the driver if it wants to know about what was pushed since the last time. */
void virtqueue_notify(struct virtqueue *queue);
/*
 * Switches the driver's kicks on or off (used.flags or avail_event); true when work came meanwhile.
 * Only a saving: a pop that finds the ring empty re-arms the kick by itself, unless it is off.
 */
bool virtqueue_want_kicks(struct virtqueue *queue, bool want);
/*
 * For a kick handler that took its fill: calls it again after the I/O thread's other work, so that no
 * guest can keep the thread to itself by offering chains without end.
 */
void virtqueue_continue(struct virtqueue *queue);

/*
 * Calls the kick handler again after other sources of the loop had their turn. For a handler that
 * bounds its work: a driver that never stops offering chains must not starve the control socket.
 */
void virtqueue_kick_again(struct virtqueue *queue);

/* Copies between the chain's readable / writable part and a buffer; returns the bytes copied. */
size_t virtq_chain_read(const struct virtq_chain *chain, size_t offset, void *into, size_t length);
size_t virtq_chain_write(const struct virtq_chain *chain, size_t offset, const void *from,
	size_t length);

/* Config space changed: bumps config_generation and raises the configuration interrupt. Any thread. */
void virtio_config_changed(struct virtio_device *device);
/* The driver broke the protocol: DEVICE_NEEDS_RESET, said once on stderr with @why. */
void virtio_broken(struct virtio_device *device, const char *why);

static inline bool virtio_has(const struct virtio_device *device, unsigned int feature)
{
	return device->acked >> feature & 1;
}

#endif
