// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio console with one port: queue 0 carries input to the guest, queue 1 its output.
 *
 * The backend is asked for input only while a buffer of the guest waits for it: room() takes the next
 * chain and holds it until receive() fills it. Output that the backend refuses stays in the ring;
 * tx_done remembers how much of its first chain is out already.
 */
#include "vmm/virtio/console.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "lib/xalloc.h"
#include "vmm/chardev.h"
#include "vmm/virtio/virtio.h"

#define CHAINS_TURN 64          /* a turn on the I/O thread */
#define BYTES_TURN  (64 * 1024u)

enum { QUEUE_RX, QUEUE_TX, QUEUES };

struct console {
	struct virtio_device device;
	struct chardev *chardev;
	bool live; /* between DRIVER_OK and reset */
	bool rx_held;
	struct virtq_chain rx;
	uint64_t tx_done;
};

/* ---- input ---------------------------------------------------------------------------------------- */

static size_t room(void *opaque)
{
	struct console *console = opaque;
	struct virtqueue *queue = &console->device.queues[QUEUE_RX];

	if (!console->live)
		return 0;
	while (!console->rx_held && virtqueue_pop(queue, &console->rx) > 0) {
		console->rx_held = console->rx.in_bytes > 0;
		if (!console->rx_held)
			virtio_broken(&console->device, "receive buffer without room");
	}
	return console->rx_held ? (size_t)console->rx.in_bytes : 0;
}

static void receive(void *opaque, const uint8_t *data, size_t length)
{
	struct console *console = opaque;
	struct virtqueue *queue = &console->device.queues[QUEUE_RX];
	size_t written;

	if (!console->rx_held)
		return; /* the guest was reset since room() */
	written = virtq_chain_write(&console->rx, 0, data, length);
	console->rx_held = false;
	virtqueue_push(queue, console->rx.head, (uint32_t)written);
	virtqueue_notify(queue);
}

/* ---- output --------------------------------------------------------------------------------------- */

/*
 * Writes what is left of @chain, at most *@budget bytes, which it counts down. False when some of it
 * has to wait.
 */
static bool write_out(struct console *console, const struct virtq_chain *chain, size_t *budget)
{
	uint64_t skip = console->tx_done;

	for (unsigned int i = 0; i < chain->out_count; i++) {
		const struct iovec *iov = &chain->iov[i];
		size_t left, piece, taken;

		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		left = iov->iov_len - (size_t)skip;
		piece = left < *budget ? left : *budget;
		taken = chardev_write(console->chardev, (uint8_t *)iov->iov_base + skip, piece);
		console->tx_done += taken;
		*budget -= taken;
		skip = 0;
		if (taken < left)
			return false;
	}
	return true;
}

static void transmit(struct console *console)
{
	struct virtqueue *queue = &console->device.queues[QUEUE_TX];
	size_t budget = BYTES_TURN;
	struct virtq_chain chain;
	unsigned int turn = 0;
	bool all = true;

	while (all && turn++ < CHAINS_TURN && virtqueue_pop(queue, &chain) > 0) {
		all = write_out(console, &chain, &budget);
		if (all) {
			console->tx_done = 0;
			virtqueue_push(queue, chain.head, 0);
		} else {
			virtqueue_unpop(queue);
		}
	}
	virtqueue_notify(queue);
	/* Budget left: the backend is full, and writable() goes on. */
	if (turn > CHAINS_TURN || !budget)
		virtqueue_continue(queue);
}

static void writable(void *opaque)
{
	struct console *console = opaque;

	if (console->live)
		transmit(console);
}

/* ---- device --------------------------------------------------------------------------------------- */

static struct console *console_of(struct virtio_device *device)
{
	return (struct console *)device; /* its first member */
}

static void kick(struct virtio_device *device, unsigned int index)
{
	struct console *console = console_of(device);

	if (index == QUEUE_TX)
		transmit(console);
	else
		chardev_resume(console->chardev);
}

static void ready(struct virtio_device *device)
{
	console_of(device)->live = true;
}

static void reset(struct virtio_device *device)
{
	struct console *console = console_of(device);

	console->live = false;
	console->rx_held = false;
	console->tx_done = 0;
}

static void free_device(struct virtio_device *device)
{
	struct console *console = console_of(device);

	chardev_close(console->chardev);
	free(console);
}

static const struct virtio_ops ops = {
	.name = "virtio-console",
	.device_id = VIRTIO_ID_CONSOLE,
	.pci_class = 0x078000, /* communication controller, other */
	.queue_count = QUEUES,
	.queue_size = 64,
	.config_size = sizeof(struct virtio_console_config), /* all zero: no feature uses it */
	.kick = kick,
	.ready = ready,
	.reset = reset,
	.free = free_device,
};

static const struct chardev_ops backend_ops = {room, receive, writable};

int console_add(struct vm *vm, const struct chardev_config *config, struct error *err)
{
	struct console *console;

	if (config->kind == CHARDEV_NONE)
		return error_set(err, EINVAL, "a console without a backend; leave it out");
	console = xcalloc(1, sizeof(*console));
	console->device.ops = &ops;
	console->device.vm = vm;
	console->chardev = chardev_open(vm, config, "console", &backend_ops, console, err);
	if (!console->chardev) {
		free(console);
		return -EINVAL;
	}
	return virtio_pci_add(vm, &console->device, err);
}
