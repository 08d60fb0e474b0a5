// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The common configuration structure of virtio-pci (virtio 1.2, 4.1.4.3): feature negotiation, device
 * status and queue setup, as registers.
 *
 * Registers are written by vCPU threads under the transport's lock. What starts or stops a device is
 * passed on to the I/O thread.
 */
#include <stddef.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "vmm/virtio/pci_internal.h"

#define STATUS_BITS                                                                         \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK | \
		VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

static uint8_t status_of(struct virtio_pci *transport)
{
	return __atomic_load_n(&transport->device->status, __ATOMIC_SEQ_CST);
}

static struct virtqueue *selected(struct virtio_pci *transport)
{
	if (transport->queue_select >= transport->device->ops->queue_count)
		return NULL;
	return &transport->device->queues[transport->queue_select];
}

/* Half @select of a 64-bit feature set; there is nothing above bit 63. */
static uint32_t feature_half(uint64_t features, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(features >> (32 * select));
}

/* ---- status (2.1, 3.1) --------------------------------------------------------------------------- */

/* FEATURES_OK stays clear when the driver asks for what was not offered or leaves VERSION_1 out. */
static bool accept_features(struct virtio_pci *transport)
{
	uint64_t wanted = transport->driver_features;

	if (wanted & ~transport->device->features || !(wanted >> VIRTIO_F_VERSION_1 & 1))
		return false;
	transport->device->acked = wanted;
	return true;
}

static void start_reset(struct virtio_pci *transport)
{
	if (transport->resetting || !status_of(transport))
		return;
	transport->resetting = true;
	loop_post(transport->device->vm->loop, virtio_pci_reset, transport);
}

static void write_status(struct virtio_pci *transport, uint8_t value)
{
	struct virtio_device *device = transport->device;
	uint8_t old = status_of(transport), added = value & STATUS_BITS & ~old;

	if (!value) {
		start_reset(transport);
		return;
	}
	if (added & VIRTIO_CONFIG_S_FEATURES_OK && !accept_features(transport))
		added &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK && !((old | added) & VIRTIO_CONFIG_S_FEATURES_OK)) {
		virtio_broken(device, "DRIVER_OK without FEATURES_OK");
		return;
	}
	__atomic_fetch_or(&device->status, added, __ATOMIC_SEQ_CST);
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		loop_post(device->vm->loop, virtio_pci_go_live, transport);
}

/* ---- queues -------------------------------------------------------------------------------------- */

static void enable_queue(struct virtio_pci *transport, struct virtqueue *queue)
{
	uint8_t status = status_of(transport);

	/* 3.1.1: queues are set up in step 7, after FEATURES_OK and before DRIVER_OK. */
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK) || status & VIRTIO_CONFIG_S_DRIVER_OK) {
		virtio_broken(transport->device, "queue enabled before FEATURES_OK or after DRIVER_OK");
		return;
	}
	if (virtqueue_enable(queue) == 0)
		virtio_pci_bind_kicks(transport);
}

static void set_half(uint64_t *address, unsigned int high, uint32_t value)
{
	unsigned int shift = high ? 32 : 0;

	*address = (*address & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

/* A vector that does not exist reads back as "none" (4.1.5.1.2). */
static uint16_t checked_vector(const struct virtio_pci *transport, uint16_t vector)
{
	return vector <= transport->device->ops->queue_count ? vector : VIRTIO_MSI_NO_VECTOR;
}

/* ---- registers ----------------------------------------------------------------------------------- */

/* Width of the register at @offset; 0 between registers. Queue addresses are two words each. */
static unsigned int register_size(uint64_t offset)
{
	static const uint8_t sizes[] = {
		[VIRTIO_PCI_COMMON_DFSELECT] = 4,
		[VIRTIO_PCI_COMMON_DF] = 4,
		[VIRTIO_PCI_COMMON_GFSELECT] = 4,
		[VIRTIO_PCI_COMMON_GF] = 4,
		[VIRTIO_PCI_COMMON_MSIX] = 2,
		[VIRTIO_PCI_COMMON_NUMQ] = 2,
		[VIRTIO_PCI_COMMON_STATUS] = 1,
		[VIRTIO_PCI_COMMON_CFGGENERATION] = 1,
		[VIRTIO_PCI_COMMON_Q_SELECT] = 2,
		[VIRTIO_PCI_COMMON_Q_SIZE] = 2,
		[VIRTIO_PCI_COMMON_Q_MSIX] = 2,
		[VIRTIO_PCI_COMMON_Q_ENABLE] = 2,
		[VIRTIO_PCI_COMMON_Q_NOFF] = 2,
		[VIRTIO_PCI_COMMON_Q_DESCLO] = 4,
		[VIRTIO_PCI_COMMON_Q_DESCHI] = 4,
		[VIRTIO_PCI_COMMON_Q_AVAILLO] = 4,
		[VIRTIO_PCI_COMMON_Q_AVAILHI] = 4,
		[VIRTIO_PCI_COMMON_Q_USEDLO] = 4,
		[VIRTIO_PCI_COMMON_Q_USEDHI] = 4,
	};

	return offset < sizeof(sizes) ? sizes[offset] : 0;
}

static uint32_t read_queue(struct virtio_pci *transport, uint64_t offset)
{
	struct virtqueue *queue = selected(transport);

	if (!queue)
		return 0; /* size 0 says that there is no such queue (4.1.4.3.1) */
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return queue->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return queue->vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return queue->enabled;
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return queue->index;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return feature_half(queue->desc_gpa, offset != VIRTIO_PCI_COMMON_Q_DESCLO);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return feature_half(queue->avail_gpa, offset != VIRTIO_PCI_COMMON_Q_AVAILLO);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return feature_half(queue->used_gpa, offset != VIRTIO_PCI_COMMON_Q_USEDLO);
	}
	return 0;
}

static uint32_t read_register(struct virtio_pci *transport, uint64_t offset)
{
	struct virtio_device *device = transport->device;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return transport->device_feature_select;
	case VIRTIO_PCI_COMMON_DF:
		return feature_half(device->features, transport->device_feature_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return transport->driver_feature_select;
	case VIRTIO_PCI_COMMON_GF:
		return feature_half(transport->driver_features, transport->driver_feature_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return transport->config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		return device->ops->queue_count;
	case VIRTIO_PCI_COMMON_STATUS:
		return status_of(transport);
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return __atomic_load_n(&device->config_generation, __ATOMIC_SEQ_CST);
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return transport->queue_select;
	}
	return read_queue(transport, offset);
}

static void write_queue(struct virtio_pci *transport, uint64_t offset, uint32_t value)
{
	struct virtqueue *queue = selected(transport);

	if (!queue)
		return;
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX) {
		__atomic_store_n(&queue->vector, checked_vector(transport, (uint16_t)value),
			__ATOMIC_RELAXED);
		return;
	}
	if (queue->enabled)
		return; /* an enabled queue is the I/O thread's until the next reset */
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		queue->size = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			enable_queue(transport, queue);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&queue->desc_gpa, offset != VIRTIO_PCI_COMMON_Q_DESCLO, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&queue->avail_gpa, offset != VIRTIO_PCI_COMMON_Q_AVAILLO, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&queue->used_gpa, offset != VIRTIO_PCI_COMMON_Q_USEDLO, value);
		break;
	}
}

static void write_register(struct virtio_pci *transport, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		transport->device_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		transport->driver_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (transport->driver_feature_select < 2 &&
			!(status_of(transport) & VIRTIO_CONFIG_S_FEATURES_OK))
			set_half(&transport->driver_features, transport->driver_feature_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		__atomic_store_n(&transport->config_vector, checked_vector(transport, (uint16_t)value),
			__ATOMIC_RELAXED);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		write_status(transport, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		transport->queue_select = (uint16_t)value;
		break;
	default:
		write_queue(transport, offset, value);
	}
}

uint64_t virtio_pci_common_read(struct virtio_pci *transport, uint64_t offset, unsigned int size)
{
	uint64_t value;

	if (size == 8) /* a 64-bit field is two words (4.1.3.1) */
		return virtio_pci_common_read(transport, offset, 4) |
			virtio_pci_common_read(transport, offset + 4, 4) << 32;
	if (register_size(offset) != size)
		return 0;
	pthread_mutex_lock(&transport->lock);
	value = read_register(transport, offset);
	pthread_mutex_unlock(&transport->lock);
	return value;
}

void virtio_pci_common_write(struct virtio_pci *transport, uint64_t offset, unsigned int size,
	uint64_t value)
{
	if (size == 8) {
		virtio_pci_common_write(transport, offset, 4, (uint32_t)value);
		virtio_pci_common_write(transport, offset + 4, 4, value >> 32);
		return;
	}
	if (register_size(offset) != size)
		return;
	pthread_mutex_lock(&transport->lock);
	if (!transport->resetting)
		write_register(transport, offset, (uint32_t)value);
	pthread_mutex_unlock(&transport->lock);
}
