/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/virtio.h"

#include "guest/clock.h"
#include "guest/paging.h"

/* Common configuration (4.1.4.3). */
#define COMMON_FEATURE_SELECT  0x00
#define COMMON_FEATURE         0x04
#define COMMON_DRIVER_SELECT   0x08
#define COMMON_DRIVER_FEATURE  0x0c
#define COMMON_STATUS          0x14
#define COMMON_QUEUE_SELECT    0x16
#define COMMON_QUEUE_SIZE      0x18
#define COMMON_QUEUE_ENABLE    0x1c
#define COMMON_QUEUE_NOTIFY    0x1e
#define COMMON_QUEUE_DESC      0x20
#define COMMON_QUEUE_DRIVER    0x28
#define COMMON_QUEUE_DEVICE    0x30

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

/* Types of the vendor capability (4.1.4). */
#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_DEVICE 4

#define RESET_TIMEOUT_US 1000000

struct virtq_desc {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

#define DESC_WRITE 2

#define AVAIL_NO_INTERRUPT 1

struct virtq_avail {
	uint16_t flags, index, ring[VIRTQ_SIZE];
};

struct virtq_used {
	uint16_t flags, index;
	struct {
		uint32_t id, length;
	} ring[VIRTQ_SIZE];
};

static uint64_t map_capability(const struct virtio *virtio, unsigned int cap)
{
	uint64_t base = pci_bar(virtio->pci, virtio->at, pci_read8(virtio->pci, virtio->at, cap + 4));

	if (!base)
		return 0;
	base += pci_read32(virtio->pci, virtio->at, cap + 8);
	return (uint64_t)map_identity(base, pci_read32(virtio->pci, virtio->at, cap + 12));
}

bool virtio_open(struct virtio *virtio, const struct pci *pci, pci_address at)
{
	unsigned int cap = 0;
	uint32_t command;

	*virtio = (struct virtio){.pci = pci, .at = at};
	while ((cap = pci_capability(pci, at, PCI_CAP_VENDOR, cap))) {
		switch (pci_read8(pci, at, cap + 3)) {
		case CAP_COMMON:
			virtio->common = map_capability(virtio, cap);
			break;
		case CAP_NOTIFY:
			virtio->notify = map_capability(virtio, cap);
			virtio->notify_step = pci_read32(pci, at, cap + 16);
			break;
		case CAP_DEVICE:
			virtio->device = map_capability(virtio, cap);
			break;
		}
	}
	command = pci_read32(pci, at, PCI_COMMAND) & 0xffff;
	pci_write32(pci, at, PCI_COMMAND,
		command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
	return virtio->common && virtio->notify && virtio->device;
}

static void add_status(struct virtio *virtio, uint8_t bit)
{
	mmio_write8(virtio->common + COMMON_STATUS, mmio_read8(virtio->common + COMMON_STATUS) | bit);
}

static bool reset(struct virtio *virtio)
{
	uint64_t begin = rdtsc();

	mmio_write8(virtio->common + COMMON_STATUS, 0);
	while (mmio_read8(virtio->common + COMMON_STATUS))
		if (rdtsc() - begin > clock_ticks_of_us(RESET_TIMEOUT_US))
			return false;
	return true;
}

bool virtio_negotiate(struct virtio *virtio, uint64_t wanted)
{
	uint64_t offered = 0;
	unsigned int half;

	if (!reset(virtio))
		return false;
	add_status(virtio, STATUS_ACKNOWLEDGE);
	add_status(virtio, STATUS_DRIVER);
	for (half = 0; half < 2; half++) {
		mmio_write32(virtio->common + COMMON_FEATURE_SELECT, half);
		offered |= (uint64_t)mmio_read32(virtio->common + COMMON_FEATURE) << 32 * half;
	}
	if (!(offered & VIRTIO_F_VERSION_1))
		return false;
	virtio->features = offered & (wanted | VIRTIO_F_VERSION_1);
	for (half = 0; half < 2; half++) {
		mmio_write32(virtio->common + COMMON_DRIVER_SELECT, half);
		mmio_write32(virtio->common + COMMON_DRIVER_FEATURE,
			(uint32_t)(virtio->features >> 32 * half));
	}
	add_status(virtio, STATUS_FEATURES_OK);
	return mmio_read8(virtio->common + COMMON_STATUS) & STATUS_FEATURES_OK;
}

static void set_address(struct virtio *virtio, unsigned int field, const void *address)
{
	mmio_write32(virtio->common + field, (uint32_t)(uint64_t)address);
	mmio_write32(virtio->common + field + 4, (uint32_t)((uint64_t)address >> 32));
}

bool virtio_queue(struct virtio *virtio, struct virtq *queue, uint16_t index)
{
	uint64_t common = virtio->common;
	uint16_t size;

	mmio_write16(common + COMMON_QUEUE_SELECT, index);
	size = mmio_read16(common + COMMON_QUEUE_SIZE);
	if (!size)
		return false;
	*queue = (struct virtq){.index = index, .size = (uint16_t)min_u64(size, VIRTQ_SIZE)};
	queue->desc = boot_alloc(sizeof(*queue->desc) * VIRTQ_SIZE, 16);
	queue->avail = boot_alloc(sizeof(*queue->avail), 2);
	queue->used = boot_alloc(sizeof(*queue->used), 4);
	queue->avail->flags = AVAIL_NO_INTERRUPT;
	queue->notify = virtio->notify +
		(uint64_t)mmio_read16(common + COMMON_QUEUE_NOTIFY) * virtio->notify_step;
	mmio_write16(common + COMMON_QUEUE_SIZE, queue->size);
	set_address(virtio, COMMON_QUEUE_DESC, queue->desc);
	set_address(virtio, COMMON_QUEUE_DRIVER, queue->avail);
	set_address(virtio, COMMON_QUEUE_DEVICE, queue->used);
	mmio_write16(common + COMMON_QUEUE_ENABLE, 1);
	return true;
}

void virtio_start(struct virtio *virtio)
{
	add_status(virtio, STATUS_DRIVER_OK);
}

uint32_t virtio_config_read32(const struct virtio *virtio, unsigned int offset)
{
	return mmio_read32(virtio->device + offset);
}

void virtio_config_write32(const struct virtio *virtio, unsigned int offset, uint32_t value)
{
	mmio_write32(virtio->device + offset, value);
}

/* Callers let a queue run empty before they use it again, so descriptor n is free when it is n's turn. */
static void add(struct virtq *queue, uint64_t address, uint32_t length, uint16_t flags)
{
	uint16_t slot = queue->added % queue->size;

	queue->desc[slot] = (struct virtq_desc){.address = address, .length = length, .flags = flags};
	queue->avail->ring[slot] = slot;
	queue->added++;
	__atomic_store_n(&queue->avail->index, queue->added, __ATOMIC_RELEASE);
}

void virtq_add(struct virtq *queue, const void *buffer, uint32_t length)
{
	add(queue, (uint64_t)buffer, length, 0);
}

void virtq_lend(struct virtq *queue, uint64_t address, uint32_t length)
{
	add(queue, address, length, DESC_WRITE);
}

void virtq_kick(struct virtq *queue)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mmio_write16(queue->notify, queue->index);
}

unsigned int virtq_take(struct virtq *queue)
{
	uint16_t now = __atomic_load_n(&queue->used->index, __ATOMIC_ACQUIRE);
	unsigned int count = (uint16_t)(now - queue->taken);

	queue->taken = now;
	return count;
}
