// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtio function as a hostile guest pokes it: the input is a list of accesses to config space, the
 * BAR and RAM. The event loop is replaced by one that runs what was posted after each access.
 *
 * sources: vmm/virtio/queue.c vmm/virtio/pci.c vmm/virtio/pci_common.c vmm/pci/pci.c vmm/pci/msix.c
 * sources: vmm/bus.c vmm/irq.c vmm/memory.c vmm/memory_populate.c vmm/memory_ksm.c vmm/host_node.c
 * sources: vmm/thread.c lib/error.c lib/idset.c lib/size.c lib/xalloc.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/pci/pci.h"
#include "vmm/virtio/virtio.h"

#define RAM   0x10000u
#define POSTS 16

enum target { CONFIG, BAR, RAM_WRITE, CONFIG_PORTS, TARGETS };

struct access {
	uint8_t target, size_bits, write;
	uint16_t offset;
	uint64_t value;
} __attribute__((packed));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the loop ------------------------------------------------------------------------------------ */

static struct {
	loop_fn *fn;
	void *opaque;
} posts[POSTS];
static unsigned int post_count;

void loop_post(struct loop *loop, loop_fn *fn, void *opaque)
{
	(void)loop;
	/* One reset and one start can wait, each once. */
	if (post_count == POSTS)
		abort();
	posts[post_count].fn = fn;
	posts[post_count++].opaque = opaque;
}

struct loop_source *loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *opaque,
	struct error *err)
{
	(void)loop;
	(void)fd;
	(void)events;
	(void)fn;
	(void)err;
	return opaque; /* a source is only ever handed back */
}

void loop_remove(struct loop_source *source)
{
	(void)source;
}

void vm_on_reset(struct vm *vm, void (*fn)(void *opaque), void *opaque)
{
	(void)vm;
	(void)fn;
	(void)opaque;
}

void vm_reset(struct vm *vm, enum shutdown_cause cause)
{
	(void)vm;
	(void)cause;
}

static void run_posts(void)
{
	for (unsigned int i = 0; i < post_count; i++)
		posts[i].fn(posts[i].opaque, 0);
	post_count = 0;
}

/* ---- a device that takes everything -------------------------------------------------------------- */

static void on_kick(struct virtio_device *device, unsigned int index)
{
	struct virtqueue *queue = &device->queues[index];
	struct virtq_chain chain;

	for (unsigned int i = 0; i < 64 && virtqueue_pop(queue, &chain) > 0; i++)
		virtqueue_push(queue, chain.head, 0);
	virtqueue_notify(queue);
	virtqueue_want_kicks(queue, true);
}

static void on_free(struct virtio_device *device)
{
	free(device);
}

static void on_config(struct virtio_device *device, uint32_t offset, uint32_t size)
{
	if (offset + size > device->ops->config_size)
		abort();
	virtio_config_changed(device);
}

static const struct virtio_ops ops = {
	.name = "fuzz",
	.device_id = 63,
	.queue_count = 3,
	.queue_size = 64,
	.config_size = 20,
	.kick = on_kick,
	.config_written = on_config,
	.free = on_free,
};

/* ---- accesses ------------------------------------------------------------------------------------ */

static void poke(struct vm *vm, uint64_t bar, const struct access *access)
{
	unsigned int size = 1u << access->size_bits % 4;
	uint64_t value = access->value, address = bar + access->offset % 0x8000;

	switch (access->target % TARGETS) {
	case CONFIG:
		if (access->write & 1)
			pci_guest_write(vm->pci, 1 << 3, access->offset % 0x1000, size, (uint32_t)value);
		else
			pci_guest_read(vm->pci, 1 << 3, access->offset % 0x1000, size);
		break;
	case BAR:
		if (access->write & 1)
			bus_write(&vm->mmio, address, &value, size);
		else
			bus_read(&vm->mmio, address, &value, size);
		break;
	case RAM_WRITE:
		memcpy(vm->memory.base + access->offset % (RAM - 8), &value, size);
		break;
	case CONFIG_PORTS:
		bus_write(&vm->pio, 0xcf8 + access->offset % 8, &value, size);
		bus_read(&vm->pio, 0xcf8 + access->offset % 8, &value, size);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_device *device = calloc(1, sizeof(*device));
	struct vm vm = {.vm_fd = -1, .memory = {.low_end = RAM}};
	struct access access;
	uint64_t bar;

	vm.memory.base = calloc(1, RAM);
	bus_init(&vm.pio);
	bus_init(&vm.mmio);
	irq_init(&vm.irq, -1, NULL);
	vm.pci = pci_bus_new(&vm, NULL);
	device->ops = &ops;
	device->complained = true;
	if (virtio_pci_add(&vm, device, NULL) < 0)
		abort();
	bar = pci_guest_read(vm.pci, 1 << 3, 0x10, 4) & ~0xfu;
	for (; size >= sizeof(access); data += sizeof(access), size -= sizeof(access)) {
		memcpy(&access, data, sizeof(access));
		poke(&vm, bar, &access);
		run_posts();
	}
	pci_bus_free(vm.pci);
	irq_release(&vm.irq);
	bus_release(&vm.mmio);
	bus_release(&vm.pio);
	free(vm.memory.base);
	return 0;
}
