// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The balloon as a hostile driver uses it: the input says which features and queues there are, then what
 * is written to config space, into the rings, and which queue is kicked. Guest memory is real, so that
 * discarding is too.
 *
 * sources: vmm/virtio/balloon.c vmm/virtio/balloon_stats.c vmm/virtio/balloon_huge.c
 * sources: vmm/virtio/balloon_report.c vmm/virtio/balloon_hint.c vmm/virtio/queue.c vmm/memory.c
 * sources: vmm/memory_populate.c vmm/memory_ksm.c vmm/host_node.c vmm/thread.c vmm/loop.c
 * sources: lib/error.c lib/idset.c lib/size.c lib/xalloc.c
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <linux/virtio_config.h>

#include "vmm/options.h"
#include "vmm/virtio/balloon_internal.h"

#define RAM    (UINT64_C(4) << 20)
#define RING   0x1000u /* of queue 0; 16 KiB each */
#define SIZE   16u
#define QUEUES BALLOON_ROLES

/* What comes first in the input. */
struct head {
	uint8_t features, queues;
} __attribute__((packed));

enum step_kind { STEP_CONFIG, STEP_CHAIN, STEP_DATA, STEP_HINT, STEP_RESET, STEPS };

struct step {
	uint8_t kind, queue, flags;
	uint32_t a, b;
} __attribute__((packed));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vm_config config = {.node_count = 1,
	.nodes[0].size = RAM,
	.balloon_config = {true, true, true, true}};
static struct vm machine;
static struct virtio_device *balloon;

static void check(bool right)
{
	if (!right)
		abort();
}

/* Not reached: the device stands alone. */
int virtio_pci_add(struct vm *vm, struct virtio_device *device, struct error *err)
{
	(void)vm;
	(void)device;
	(void)err;
	abort();
}

void vm_event(struct vm *vm, const char *name, const char *data_json)
{
	(void)vm;
	check(name && strlen(data_json) < 64);
}

static void create(void)
{
	machine.config = &config;
	check(memory_create(&machine.memory, config.nodes, 1, false, NULL) == 0);
	machine.loop = loop_new(NULL);
	balloon = balloon_new(&machine, NULL);
	balloon->complained = true;
	pthread_mutex_init(&balloon->config_lock, NULL);
	for (unsigned int i = 0; i < QUEUES; i++)
		balloon->queues[i].kick_fd = eventfd(0, EFD_NONBLOCK);
}

static uint64_t ring(unsigned int queue)
{
	return RING + queue * UINT64_C(0x4000);
}

static void start(const struct head *head)
{
	balloon->ops->reset(balloon);
	balloon->acked = head->features & balloon->features;
	balloon->status = VIRTIO_CONFIG_S_DRIVER_OK;
	memset(memory_at(&machine.memory, RING, QUEUES * 0x4000), 0, QUEUES * 0x4000);
	for (unsigned int i = 0; i < QUEUES; i++) {
		struct virtqueue *queue = &balloon->queues[i];

		*queue = (struct virtqueue){.device = balloon,
			.index = i,
			.size = SIZE,
			.kick_fd = queue->kick_fd,
			.desc_gpa = ring(i),
			.avail_gpa = ring(i) + 0x1000,
			.used_gpa = ring(i) + 0x2000};
		if (head->queues >> i & 1)
			check(virtqueue_enable(queue) == 0);
	}
}

static void kick(unsigned int queue)
{
	if (balloon->queues[queue].enabled)
		balloon->ops->kick(balloon, queue);
}

/* A chain of up to eight equal buffers. */
static void offer(const struct step *step, unsigned int queue)
{
	struct vring_desc *desc = memory_at(&machine.memory, ring(queue), 16 * SIZE);
	struct vring_avail *avail = memory_at(&machine.memory, ring(queue) + 0x1000, 0x1000);
	uint16_t count = 1 + (step->flags >> 4 & 7);

	for (uint16_t i = 0; i < count; i++)
		desc[i] = (struct vring_desc){step->a + (uint64_t)i * step->b * (step->flags & 1), step->b,
			(uint16_t)((step->flags & VRING_DESC_F_WRITE) | (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			(uint16_t)(i + 1)};
	avail->ring[avail->idx % SIZE] = 0;
	avail->idx++;
	kick(queue);
}

static void write_config(uint32_t offset, uint32_t value)
{
	pthread_mutex_lock(&balloon->config_lock);
	memcpy(balloon->config + offset % 13, &value, sizeof(value));
	balloon->ops->config_written(balloon, offset % 13, sizeof(value));
	pthread_mutex_unlock(&balloon->config_lock);
}

static void run_step(const struct head *head, const struct step *step)
{
	unsigned int queue = step->queue % QUEUES;

	switch (step->kind % STEPS) {
	case STEP_CONFIG:
		write_config(step->a, step->b);
		break;
	case STEP_CHAIN:
		offer(step, queue);
		break;
	case STEP_DATA:
		memcpy(memory_at(&machine.memory, 0x100000 + step->a % 0x10000, 8), &step->a, 8);
		break;
	case STEP_HINT:
		balloon_hint_start(balloon_of(balloon), NULL);
		break;
	case STEP_RESET:
		start(head);
		break;
	}
}

/* What the guest says must never get out of bounds. */
static void check_bounds(void)
{
	struct balloon_info info;
	struct balloon_stats stats;

	balloon_get_info(balloon_of(balloon), &info);
	balloon_get_stats(balloon_of(balloon), &stats);
	check(info.actual <= RAM && info.target == RAM && info.hinted <= RAM && info.hinted_resident <= RAM);
	check(info.report.discarded <= info.report.reported);
	for (unsigned int i = 0; i < BALLOON_STATS; i++)
		check(stats.value[i] <= INT64_MAX);
	check(stats.value[VIRTIO_BALLOON_S_MEMFREE] <= RAM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head head;
	struct step step;

	if (!balloon)
		create();
	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);
	start(&head);
	for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		run_step(&head, &step);
	}
	check_bounds();
	return 0;
}
