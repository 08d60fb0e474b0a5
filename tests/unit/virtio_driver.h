/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio driver for tests: finds its device on the PCI bus as a guest would, negotiates, sets up
 * queues and polls for its answers, all through the MMIO bus. The event loop runs in a thread. No
 * KVM: doorbells go through the BAR and interrupts nowhere.
 */
#ifndef VMTUNE_TESTS_VIRTIO_DRIVER_H
#define VMTUNE_TESTS_VIRTIO_DRIVER_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "vmm/options.h"
#include "vmm/pci/pci.h"
#include "vmm/virtio/virtio.h"

#define DRIVER_RAM      0x200000u
#define DRIVER_QUEUES   0x10000u /* 64 KiB for the rings of each queue */
#define DRIVER_DATA     0x100000u
#define DRIVER_PATIENCE 30000    /* milliseconds until a missing answer is a failure */

#define DRIVER_BDF (1u << 3)

struct driver {
	struct vm vm;
	struct vm_config config;
	pthread_t thread;
	uint64_t common, notify, device_config;
	uint16_t queue_size;
	uint16_t next_avail[VIRTIO_QUEUES_MAX], seen_used[VIRTIO_QUEUES_MAX];
};

struct driver_segment {
	uint64_t gpa;
	uint32_t length;
	bool writable;
};

static inline void *driver_ram(struct driver *driver, uint64_t gpa)
{
	return memory_at(&driver->vm.memory, gpa, 1);
}

/* Before the device is added. */
static inline void driver_init(struct driver *driver)
{
	struct vm *vm = &driver->vm;
	struct error err;

	memset(driver, 0, sizeof(*driver));
	driver->config.name = (char *)"test";
	driver->config.node_count = 1;
	driver->config.nodes[0].size = DRIVER_RAM;
	vm->config = &driver->config;
	vm->vm_fd = -1;
	vm_state_init(vm);
	if (memory_create(&vm->memory, driver->config.nodes, 1, false, &err) < 0)
		fail_msg("%s", err.text);
	bus_init(&vm->pio);
	bus_init(&vm->mmio);
	irq_init(&vm->irq, -1, NULL);
	vm->loop = loop_new(NULL);
	vm->pci = pci_bus_new(vm, NULL);
	assert_non_null(vm->pci);
}

static inline void *driver_loop(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

/* The device has been added, in slot 1: finds its structures and starts the loop's thread. */
static inline void driver_start(struct driver *driver)
{
	struct pci_bus *bus = driver->vm.pci;
	uint64_t bar = pci_guest_read(bus, DRIVER_BDF, PCI_BASE_ADDRESS_0, 4) & ~0xfu;
	unsigned int at = pci_guest_read(bus, DRIVER_BDF, PCI_CAPABILITY_LIST, 1);

	for (; at; at = pci_guest_read(bus, DRIVER_BDF, at + PCI_CAP_LIST_NEXT, 1)) {
		uint64_t where = bar + pci_guest_read(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_OFFSET, 4);

		if (pci_guest_read(bus, DRIVER_BDF, at, 1) != PCI_CAP_ID_VNDR)
			continue;
		switch (pci_guest_read(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_CFG_TYPE, 1)) {
		case VIRTIO_PCI_CAP_COMMON_CFG:
			driver->common = where;
			break;
		case VIRTIO_PCI_CAP_NOTIFY_CFG:
			driver->notify = where;
			break;
		case VIRTIO_PCI_CAP_DEVICE_CFG:
			driver->device_config = where;
			break;
		}
	}
	assert_true(driver->common && driver->notify);
	assert_int_equal(pthread_create(&driver->thread, NULL, driver_loop, driver->vm.loop), 0);
}

static inline void driver_release(struct driver *driver)
{
	loop_stop(driver->vm.loop);
	pthread_join(driver->thread, NULL);
	pci_bus_free(driver->vm.pci);
	loop_free(driver->vm.loop);
	irq_release(&driver->vm.irq);
	bus_release(&driver->vm.mmio);
	bus_release(&driver->vm.pio);
	memory_release(&driver->vm.memory);
	vm_state_release(&driver->vm);
}

static inline uint32_t driver_get(struct driver *driver, uint64_t address, unsigned int size)
{
	uint32_t value = 0;

	bus_read(&driver->vm.mmio, address, &value, size);
	return value;
}

static inline void driver_put(struct driver *driver, uint64_t address, unsigned int size,
	uint32_t value)
{
	bus_write(&driver->vm.mmio, address, &value, size);
}

static inline uint8_t driver_status(struct driver *driver)
{
	return (uint8_t)driver_get(driver, driver->common + VIRTIO_PCI_COMMON_STATUS, 1);
}

static inline void driver_set_status(struct driver *driver, uint8_t bits)
{
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_STATUS, 1, driver_status(driver) | bits);
}

static inline bool driver_wait_status(struct driver *driver, uint8_t mask, uint8_t value)
{
	for (unsigned int i = 0; i < DRIVER_PATIENCE; i++) {
		if ((driver_status(driver) & mask) == value)
			return true;
		usleep(1000);
	}
	return false;
}

static inline uint64_t driver_features(struct driver *driver)
{
	uint64_t features;

	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
	features = driver_get(driver, driver->common + VIRTIO_PCI_COMMON_DF, 4);
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	return features |
		(uint64_t)driver_get(driver, driver->common + VIRTIO_PCI_COMMON_DF, 4) << 32;
}

static inline void driver_set_features(struct driver *driver, uint64_t features)
{
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> 32));
}

static inline struct vring_desc *driver_desc(struct driver *driver, unsigned int queue)
{
	return driver_ram(driver, (queue + 1) * DRIVER_QUEUES);
}

static inline struct vring_avail *driver_avail(struct driver *driver, unsigned int queue)
{
	return driver_ram(driver, (queue + 1) * DRIVER_QUEUES + 0x4000);
}

static inline struct vring_used *driver_used(struct driver *driver, unsigned int queue)
{
	return driver_ram(driver, (queue + 1) * DRIVER_QUEUES + 0x8000);
}

static inline void driver_set_queue(struct driver *driver, unsigned int queue, uint64_t gpa)
{
	uint64_t common = driver->common;

	driver_put(driver, common + VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	driver->queue_size = (uint16_t)driver_get(driver, common + VIRTIO_PCI_COMMON_Q_SIZE, 2);
	driver_put(driver, common + VIRTIO_PCI_COMMON_Q_DESCLO, 4, (uint32_t)gpa);
	driver_put(driver, common + VIRTIO_PCI_COMMON_Q_AVAILLO, 4, (uint32_t)gpa + 0x4000);
	driver_put(driver, common + VIRTIO_PCI_COMMON_Q_USEDLO, 4, (uint32_t)gpa + 0x8000);
	driver_put(driver, common + VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

/* Reset, features, queues, DRIVER_OK (3.1.1). @features must be among those offered. */
static inline void driver_probe(struct driver *driver, uint64_t features, unsigned int queues)
{
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_true(driver_wait_status(driver, 0xff, 0));
	driver_set_status(driver, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	driver_set_status(driver, VIRTIO_CONFIG_S_DRIVER);
	driver_set_features(driver, features | UINT64_C(1) << VIRTIO_F_VERSION_1);
	driver_set_status(driver, VIRTIO_CONFIG_S_FEATURES_OK);
	assert_true(driver_status(driver) & VIRTIO_CONFIG_S_FEATURES_OK);
	for (unsigned int i = 0; i < queues; i++) {
		memset(driver_desc(driver, i), 0, DRIVER_QUEUES);
		driver->next_avail[i] = driver->seen_used[i] = 0;
		driver_set_queue(driver, i, (i + 1) * DRIVER_QUEUES);
	}
	driver_set_status(driver, VIRTIO_CONFIG_S_DRIVER_OK);
}

static inline void driver_kick(struct driver *driver, unsigned int queue)
{
	driver_put(driver, driver->notify + queue * 4, 2, queue);
}

/* Offers a chain that starts at descriptor @head and takes the next ones in order. */
static inline void driver_offer(struct driver *driver, unsigned int queue, unsigned int head,
	const struct driver_segment *segments, unsigned int count)
{
	struct vring_avail *avail = driver_avail(driver, queue);
	struct vring_desc *desc = driver_desc(driver, queue);

	for (unsigned int i = 0; i < count; i++)
		desc[head + i] = (struct vring_desc){
			.addr = segments[i].gpa,
			.len = segments[i].length,
			.flags = (segments[i].writable ? VRING_DESC_F_WRITE : 0) |
				(i + 1 < count ? VRING_DESC_F_NEXT : 0),
			.next = (uint16_t)(head + i + 1),
		};
	avail->ring[driver->next_avail[queue]++ % driver->queue_size] = (uint16_t)head;
	__atomic_store_n(&avail->idx, driver->next_avail[queue], __ATOMIC_RELEASE);
}

/* Waits for the next used element; false when the device stays silent. */
static inline bool driver_poll(struct driver *driver, unsigned int queue,
	struct vring_used_elem *element)
{
	struct vring_used *used = driver_used(driver, queue);

	for (unsigned int i = 0; i < DRIVER_PATIENCE; i++) {
		if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) != driver->seen_used[queue]) {
			*element = used->ring[driver->seen_used[queue]++ % driver->queue_size];
			return true;
		}
		usleep(1000);
	}
	return false;
}

#endif
