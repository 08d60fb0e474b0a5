/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A balloon without a transport on real guest memory, and a driver for it, kind or hostile. */
#ifndef VMTUNE_TESTS_BALLOON_BENCH_H
#define VMTUNE_TESTS_BALLOON_BENCH_H

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>

#include "vmm/options.h"
#include "vmm/virtio/balloon_internal.h"
#include "vmm/virtio/virtio.h"

#define RAM    (UINT64_C(16) << 20)
#define PAGE   4096u
#define PAGES  ((uint32_t)(RAM / PAGE))
#define SIZE   16u
#define QUEUES 5u
#define RINGS  0x10000u                   /* of queue 0; the others follow */
#define RING(queue) (RINGS + (queue) * 0x3000u)
#define DATA   0x100000u                  /* page numbers and statistics of the driver */
#define FIRST  1024u                      /* pages from here on are for the balloon */

struct bench {
	struct vm_config config;
	struct vm vm;
	struct virtio_device *device;
	struct balloon *balloon;
	unsigned int interrupts[QUEUES], config_interrupts, events;
	char event[128];
};

static inline struct bench *bench_of(struct virtio_device *device)
{
	return device->transport;
}

static inline void on_queue_interrupt(struct virtqueue *queue)
{
	bench_of(queue->device)->interrupts[queue->index]++;
}

static inline void on_config_interrupt(struct virtio_device *device)
{
	bench_of(device)->config_interrupts++;
}

static const struct virtio_transport_ops transport_ops = {on_queue_interrupt, on_config_interrupt};

static inline void on_event(void *opaque, const char *name, const char *data_json)
{
	struct bench *bench = opaque;

	assert_string_equal(name, "BALLOON_CHANGE");
	bench->events++;
	strcpy(bench->event, data_json);
}

/* What the transport does from DRIVER_OK on, with @features acknowledged and the queues of @mask. */
static inline void start_queues(struct bench *bench, uint64_t features, unsigned int mask)
{
	struct virtio_device *device = bench->device;

	device->acked = features;
	device->status = VIRTIO_CONFIG_S_DRIVER_OK;
	for (unsigned int i = 0; i < QUEUES; i++) {
		struct virtqueue *queue = &device->queues[i];

		queue->device = device;
		queue->index = i;
		queue->enabled = false;
		queue->size = SIZE;
		queue->desc_gpa = RING(i);
		queue->avail_gpa = RING(i) + 0x1000;
		queue->used_gpa = RING(i) + 0x2000;
		memset(memory_at(&bench->vm.memory, RING(i), 0x3000), 0, 0x3000);
		if (mask >> i & 1)
			assert_int_equal(virtqueue_enable(queue), 0);
	}
}

/* As Linux does it: a queue for each feature that has one, without gaps. */
static inline void start(struct bench *bench, uint64_t features)
{
	unsigned int count = 2 + (features >> VIRTIO_BALLOON_F_STATS_VQ & 1) +
		(features >> VIRTIO_BALLOON_F_FREE_PAGE_HINT & 1) +
		(features >> VIRTIO_BALLOON_F_REPORTING & 1);

	start_queues(bench, features, (1u << count) - 1);
}

static inline bool create_on(struct bench *bench, enum memory_pages pages, bool shared)
{
	struct error err;

	bench->config.node_count = 1;
	bench->config.nodes[0].size = RAM;
	bench->config.nodes[0].shared = shared;
	bench->config.nodes[0].pages = pages;
	bench->config.balloon_config = (struct balloon_config){true, true, true, true};
	bench->vm.config = &bench->config;
	bench->vm.event = on_event;
	bench->vm.event_opaque = bench;
	if (memory_create(&bench->vm.memory, bench->config.nodes, 1, true, &err) < 0)
		return false;
	bench->vm.loop = loop_new(&err);
	bench->device = balloon_new(&bench->vm, &err);
	assert_non_null(bench->device);
	bench->device->transport = bench;
	bench->device->transport_ops = &transport_ops;
	bench->device->complained = true; /* keeps stderr quiet */
	pthread_mutex_init(&bench->device->config_lock, NULL);
	for (unsigned int i = 0; i < QUEUES; i++)
		bench->device->queues[i].kick_fd = eventfd(0, EFD_NONBLOCK);
	bench->balloon = balloon_of(bench->device);
	return true;
}

static inline void create(struct bench *bench, bool shared)
{
	assert_true(create_on(bench, MEMORY_PAGES_4K, shared));
}

static inline int teardown(void **state)
{
	struct bench *bench = *state;

	for (unsigned int i = 0; i < QUEUES; i++)
		close(bench->device->queues[i].kick_fd);
	bench->device->ops->free(bench->device);
	loop_free(bench->vm.loop);
	memory_release(&bench->vm.memory);
	free(bench);
	return 0;
}

/* ---- the driver ----------------------------------------------------------------------------------- */

static inline struct vring_used *used_of(struct bench *bench, unsigned int queue)
{
	return memory_at(&bench->vm.memory, RING(queue) + 0x2000, 0x1000);
}

/* Offers one buffer of guest memory and kicks. */
static inline void offer_at(struct bench *bench, unsigned int queue, uint64_t gpa, size_t length, uint16_t flags)
{
	struct vring_desc *desc = memory_at(&bench->vm.memory, RING(queue), 16 * SIZE);
	struct vring_avail *avail = memory_at(&bench->vm.memory, RING(queue) + 0x1000, 0x1000);
	uint16_t slot = avail->idx % SIZE;

	desc[slot] = (struct vring_desc){gpa, (uint32_t)length, flags, 0};
	avail->ring[slot] = slot;
	avail->idx++;
	bench->device->ops->kick(bench->device, queue);
}

/* Offers @length bytes at DATA as one readable buffer and kicks. */
static inline void offer(struct bench *bench, unsigned int queue, const void *data, size_t length)
{
	memcpy(memory_at(&bench->vm.memory, DATA, length), data, length);
	offer_at(bench, queue, DATA, length, 0);
}

/* Lends free pages as one writable buffer and kicks. */
static inline void lend(struct bench *bench, unsigned int queue, uint32_t pfn, uint32_t count)
{
	offer_at(bench, queue, (uint64_t)pfn * PAGE, (size_t)count * PAGE, VRING_DESC_F_WRITE);
}

static inline void inflate(struct bench *bench, const uint32_t *pfns, size_t count)
{
	offer(bench, 0, pfns, count * sizeof(*pfns));
}

static inline bool is_broken(const struct bench *bench)
{
	return bench->device->status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* Whether the host holds memory for the guest's page. */
static inline bool resident(struct bench *bench, uint32_t pfn)
{
	unsigned char state;

	assert_int_equal(mincore(memory_at(&bench->vm.memory, (uint64_t)pfn * PAGE, PAGE), PAGE, &state), 0);
	return state & 1;
}

static inline void fill(struct bench *bench)
{
	memset(memory_at(&bench->vm.memory, (uint64_t)FIRST * PAGE, RAM - (uint64_t)FIRST * PAGE), 0xa5,
		RAM - (uint64_t)FIRST * PAGE);
}

static inline uint8_t byte_of(struct bench *bench, uint32_t pfn)
{
	return *(uint8_t *)memory_at(&bench->vm.memory, (uint64_t)pfn * PAGE, 1);
}

/* Of the balloon's pages exactly @pfns (sorted) went back to the host. */
static inline void expect_gone(struct bench *bench, const uint32_t *pfns, size_t count)
{
	size_t at = 0;

	for (uint32_t pfn = FIRST; pfn < PAGES; pfn++) {
		bool gone = at < count && pfns[at] == pfn;

		at += gone;
		if (resident(bench, pfn) == gone)
			fail_msg("page %u is %s", pfn, gone ? "still there" : "gone");
	}
}

static inline void say_actual(struct bench *bench, uint32_t pages)
{
	pthread_mutex_lock(&bench->device->config_lock);
	pages = htole32(pages);
	memcpy(bench->device->config + 4, &pages, 4);
	bench->device->ops->config_written(bench->device, 4, 4);
	pthread_mutex_unlock(&bench->device->config_lock);
}

#endif
