// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The descriptor parser on arbitrary guest memory: the input is the queue's registers and the RAM. RAM
 * is a block on the heap, so ASan sees any byte outside of it.
 *
 * sources: vmm/virtio/queue.c vmm/memory.c vmm/memory_populate.c vmm/memory_ksm.c vmm/host_node.c
 * sources: vmm/thread.c lib/error.c lib/idset.c lib/size.c lib/xalloc.c
 */
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "vmm/virtio/virtio.h"

#define RAM 0x8000u

/* What comes before the RAM in the input. */
struct head {
	uint8_t size_bits, features, jump;
	uint16_t desc, avail, used;
} __attribute__((packed));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static bool is_ram(const struct guest_memory *memory, const struct iovec *iov)
{
	uint8_t *first = iov->iov_base;

	return first >= memory->base && iov->iov_len > 0 &&
		iov->iov_len <= (size_t)(memory->base + RAM - first);
}

static void use_chain(struct virtqueue *queue, const struct virtq_chain *chain)
{
	uint64_t out_bytes = 0, in_bytes = 0;
	uint8_t buffer[64] = {0};

	check(chain->out_count + chain->in_count <= VIRTIO_CHAIN_MAX);
	for (unsigned int i = 0; i < chain->out_count + chain->in_count; i++) {
		check(is_ram(&queue->device->vm->memory, &chain->iov[i]));
		*(i < chain->out_count ? &out_bytes : &in_bytes) += chain->iov[i].iov_len;
	}
	check(out_bytes == chain->out_bytes && in_bytes == chain->in_bytes);
	check(virtq_chain_read(chain, chain->head, buffer, sizeof(buffer)) <= sizeof(buffer));
	check(virtq_chain_write(chain, chain->head, buffer, sizeof(buffer)) <= sizeof(buffer));
	virtqueue_push(queue, chain->head, (uint32_t)in_bytes);
}

static void run(struct virtqueue *queue, uint8_t jump)
{
	struct virtq_chain chain;

	for (unsigned int i = 0; i < 32; i++) {
		virtqueue_want_kicks(queue, i & 1);
		if (virtqueue_pop(queue, &chain) > 0)
			use_chain(queue, &chain);
		virtqueue_notify(queue);
		queue->avail->idx = (uint16_t)(queue->avail->idx + (jump & 3));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct virtio_ops ops = {.name = "fuzz", .queue_size = VIRTIO_QUEUE_SIZE_MAX};
	struct virtio_device device = {.ops = &ops, .complained = true};
	struct virtqueue *queue = &device.queues[0];
	struct vm vm = {.memory = {.low_end = RAM, .base = calloc(1, RAM)}};
	struct head head;

	if (size < sizeof(head)) {
		free(vm.memory.base);
		return 0;
	}
	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);
	memcpy(vm.memory.base, data, size < RAM ? size : RAM);
	device.vm = &vm;
	device.acked = (head.features & 1 ? UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX : 0) |
		(head.features & 2 ? UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC : 0);
	queue->device = &device;
	queue->size = (uint16_t)(1u << head.size_bits % 10);
	/* Aligned, and near the start, so that short inputs reach the rings. */
	queue->desc_gpa = head.desc & 0x3f0;
	queue->avail_gpa = head.avail & 0x7fe;
	queue->used_gpa = head.used & 0x7ffc;
	if (virtqueue_enable(queue) == 0)
		run(queue, head.jump);
	free(vm.memory.base);
	return 0;
}
