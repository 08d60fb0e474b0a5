// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio entropy device: one queue, whose buffers are filled from getrandom(2). */
#include "vmm/virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <linux/virtio_ids.h>

#include "lib/xalloc.h"
#include "vmm/virtio/virtio.h"

#define BYTES_MAX   4096 /* a buffer; 5.4.6.1 lets the device use less than all of a larger one */
#define CHAINS_TURN 64  /* a turn on the I/O thread */

/* Random bytes for one chain. Returns how many; at least one unless there is no room at all. */
static size_t fill(const struct virtq_chain *chain)
{
	uint8_t bytes[BYTES_MAX];
	size_t wanted = chain->in_bytes < BYTES_MAX ? (size_t)chain->in_bytes : BYTES_MAX;
	ssize_t got;

	do
		got = getrandom(bytes, wanted, 0);
	while (got < 0 && errno == EINTR);
	return got > 0 ? virtq_chain_write(chain, 0, bytes, (size_t)got) : 0;
}

static void kick(struct virtio_device *device, unsigned int index)
{
	struct virtqueue *queue = &device->queues[index];
	struct virtq_chain chain;
	unsigned int turn = 0;

	while (turn++ < CHAINS_TURN && virtqueue_pop(queue, &chain) > 0) {
		if (!chain.in_bytes) {
			virtio_broken(device, "request for entropy without room for it");
			return;
		}
		virtqueue_push(queue, chain.head, (uint32_t)fill(&chain));
	}
	virtqueue_notify(queue);
	if (turn > CHAINS_TURN)
		virtqueue_continue(queue);
}

static void free_device(struct virtio_device *device)
{
	free(device);
}

static const struct virtio_ops ops = {
	.name = "virtio-rng",
	.device_id = VIRTIO_ID_RNG,
	.pci_class = 0x00ff00, /* a device that fits no class */
	.queue_count = 1,
	.queue_size = 64,
	.kick = kick,
	.free = free_device,
};

int rng_add(struct vm *vm, struct error *err)
{
	struct virtio_device *device = xcalloc(1, sizeof(*device));

	device->ops = &ops;
	device->vm = vm;
	return virtio_pci_add(vm, device, err);
}
