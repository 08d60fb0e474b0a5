// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio-net (virtio 1.2, 5.1): frames between two rings and a backend. */
#include "vmm/virtio/net.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>

#include "lib/xalloc.h"
#include "vmm/virtio/net_peer.h"
#include "vmm/virtio/virtio.h"

#define QUEUE_SIZE VIRTIO_QUEUE_SIZE_MAX

enum { RECEIVE, TRANSMIT, QUEUES };

struct net {
	struct virtio_device device;
	struct net_peer *peer;
	bool up; /* between ready and reset */
};

static struct net *net_of(struct virtio_device *device)
{
	return (struct net *)device; /* its first member */
}

/* ---- to the guest -------------------------------------------------------------------------------- */

/* Chains that were taken for one frame, until all of it has found room. */
struct delivery {
	struct virtq_chain first, next;
	unsigned int count;
	struct {
		uint16_t head;
		uint32_t written;
	} parts[QUEUE_SIZE];
};

static void give_back(struct virtqueue *queue, const struct delivery *delivery)
{
	for (unsigned int i = 0; i < delivery->count; i++)
		virtqueue_unpop(queue);
}

/* Fills chain after chain. Returns the bytes placed, or -1 when the driver broke the protocol. */
static ssize_t fill(struct net *net, struct delivery *delivery, const void *frame, size_t length)
{
	struct virtqueue *queue = &net->device.queues[RECEIVE];
	unsigned int most = virtio_has(&net->device, VIRTIO_NET_F_MRG_RXBUF) ? QUEUE_SIZE : 1;
	size_t done = 0;

	while (done < length && delivery->count < most) {
		struct virtq_chain *chain = delivery->count ? &delivery->next : &delivery->first;
		int popped = virtqueue_pop(queue, chain);
		size_t part;

		if (popped < 0)
			return -1;
		if (popped == 0)
			break;
		if (chain->in_bytes < (delivery->count ? 1 : NET_HEADER_SIZE)) {
			virtio_broken(&net->device, "receive buffer without room for the header");
			return -1;
		}
		part = virtq_chain_write(chain, 0, (const char *)frame + done, length - done);
		delivery->parts[delivery->count].head = chain->head;
		delivery->parts[delivery->count++].written = (uint32_t)part;
		done += part;
	}
	return (ssize_t)done;
}

static void deliver(struct virtqueue *queue, const struct delivery *delivery)
{
	uint16_t buffers = htole16((uint16_t)delivery->count);

	virtq_chain_write(&delivery->first, offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers),
		&buffers, sizeof(buffers));
	for (unsigned int i = 0; i < delivery->count; i++)
		virtqueue_put(queue, delivery->parts[i].head, delivery->parts[i].written);
	virtqueue_publish(queue);
}

bool net_receive(struct net *net, const void *frame, size_t length)
{
	struct virtqueue *queue = &net->device.queues[RECEIVE];
	bool merge = virtio_has(&net->device, VIRTIO_NET_F_MRG_RXBUF);
	struct delivery delivery;
	ssize_t done;

	if (!net->up || !queue->enabled)
		return false;
	delivery.count = 0;
	done = fill(net, &delivery, frame, length);
	if (done < 0)
		return true; /* nobody will take it */
	if ((size_t)done == length) {
		deliver(queue, &delivery);
		return true;
	}
	give_back(queue, &delivery);
	/* Too big for the one buffer, or for all that the ring can hold: waiting would not help. */
	return delivery.count == (merge ? queue->size : 1);
}

void net_received(struct net *net)
{
	if (net->up)
		virtqueue_notify(&net->device.queues[RECEIVE]);
}

void net_link_down(struct net *net)
{
	struct virtio_device *device = &net->device;

	pthread_mutex_lock(&device->config_lock);
	device->config[offsetof(struct virtio_net_config, status)] &= (uint8_t)~VIRTIO_NET_S_LINK_UP;
	pthread_mutex_unlock(&device->config_lock);
	virtio_config_changed(device);
}

/* ---- from the guest ------------------------------------------------------------------------------ */

static void transmit(struct net *net)
{
	struct virtqueue *queue = &net->device.queues[TRANSMIT];
	struct virtq_chain chain;

	virtqueue_want_kicks(queue, false);
	for (unsigned int i = 0; i < QUEUE_SIZE && virtqueue_pop(queue, &chain) > 0; i++) {
		if (chain.out_bytes < NET_HEADER_SIZE) {
			virtio_broken(&net->device, "frame without header");
			return;
		}
		if (chain.out_bytes <= NET_FRAME_MAX)
			net->peer->ops->send(net->peer, chain.iov, chain.out_count);
		virtqueue_push(queue, chain.head, 0);
	}
	if (net->peer->ops->sent)
		net->peer->ops->sent(net->peer);
	virtqueue_notify(queue);
	if (virtqueue_want_kicks(queue, true))
		virtqueue_kick_again(queue);
}

static void net_kick(struct virtio_device *device, unsigned int index)
{
	struct net *net = net_of(device);

	if (index == TRANSMIT)
		transmit(net);
	else if (net->peer->ops->resume)
		net->peer->ops->resume(net->peer);
}

static void net_ready(struct virtio_device *device)
{
	struct net *net = net_of(device);

	net->up = true;
	if (net->peer->ops->ready)
		net->peer->ops->ready(net->peer, device->acked);
}

static void net_reset(struct virtio_device *device)
{
	struct net *net = net_of(device);

	net->up = false;
	if (net->peer->ops->reset)
		net->peer->ops->reset(net->peer);
}

static void net_free(struct virtio_device *device)
{
	struct net *net = net_of(device);

	net->up = false;
	net->peer->ops->free(net->peer);
	free(net);
}

static const struct virtio_ops net_ops = {
	.name = "virtio-net",
	.device_id = VIRTIO_ID_NET,
	.pci_class = 0x020000, /* Ethernet controller */
	.queue_count = QUEUES,
	.queue_size = QUEUE_SIZE,
	.config_size = offsetof(struct virtio_net_config, mtu),
	.kick = net_kick,
	.ready = net_ready,
	.reset = net_reset,
	.free = net_free,
};

/* ---- setup --------------------------------------------------------------------------------------- */

static unsigned int number_of(const struct vm_config *config, const struct net_config *net)
{
	for (unsigned int i = 0; i < config->net_count; i++)
		if (&config->nets[i] == net)
			return i;
	return 0;
}

/* FNV-1a over name and number, as a locally administered unicast address (IEEE 802c). */
static void derive_mac(uint8_t mac[6], const char *name, unsigned int number)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	hash = (hash ^ number) * UINT64_C(0x100000001b3);
	memcpy(mac, &hash, 6);
	mac[0] = (mac[0] & 0xfc) | 0x02;
}

static void describe(struct net *net, struct vm *vm, const struct net_config *config)
{
	static const uint8_t none[6];
	struct virtio_net_config space = {.status = VIRTIO_NET_S_LINK_UP, .max_virtqueue_pairs = 1};

	memcpy(space.mac, config->mac, sizeof(space.mac));
	if (memcmp(space.mac, none, sizeof(none)) == 0)
		derive_mac(space.mac, vm->config->name ? vm->config->name : "", number_of(vm->config, config));
	memcpy(net->device.config, &space, net_ops.config_size);
	net->device.features = 1u << VIRTIO_NET_F_MAC | 1u << VIRTIO_NET_F_STATUS |
		1u << VIRTIO_NET_F_MRG_RXBUF | net->peer->features;
}

int net_add(struct vm *vm, const struct net_config *config, struct error *err)
{
	struct net_peer *peer =
		config->backend == NET_TAP ? net_tap_open(vm, config->tap, err) : net_user_open(vm, err);
	struct net *net;

	if (!peer)
		return -ENODEV;
	net = xcalloc(1, sizeof(*net));
	net->device.ops = &net_ops;
	net->peer = peer;
	peer->net = net;
	describe(net, vm, config);
	return virtio_pci_add(vm, &net->device, err);
}
