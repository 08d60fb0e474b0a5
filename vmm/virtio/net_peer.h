/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between virtio-net and the peer that its cable is plugged into. A frame travels with its 12-byte virtio
 * header (5.1.6) in front, both ways. All calls are on the I/O thread.
 */
#ifndef VMTUNE_VMM_VIRTIO_NET_PEER_H
#define VMTUNE_VMM_VIRTIO_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/virtio_net.h>

#include "lib/error.h"
#include "vmm/vm.h"

#define NET_HEADER_SIZE sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define NET_FRAME_MAX   (NET_HEADER_SIZE + 14 + 65535) /* with segmentation offload */

struct net;
struct net_peer;

struct net_peer_ops {
	/* One frame from the guest, header first; a frame that cannot be sent is dropped. */
	void (*send)(struct net_peer *peer, const struct iovec *iov, unsigned int count);
	/* After a batch of send(). Optional. */
	void (*sent)(struct net_peer *peer);
	/* The driver is up, with these features. Optional. */
	void (*ready)(struct net_peer *peer, uint64_t features);
	/* The driver went away: frames that wait for it are dropped. Optional. */
	void (*reset)(struct net_peer *peer);
	/* There may be room again after net_receive() refused a frame. Optional. */
	void (*resume)(struct net_peer *peer);
	void (*free)(struct net_peer *peer);
};

struct net_peer {
	const struct net_peer_ops *ops;
	uint64_t features; /* the offloads it can do, offered to the guest */
	struct net *net;   /* set by net.c before any call */
};

/*
 * A frame for the guest, @length bytes from the header on; num_buffers is filled in here. False when
 * there is no room now and the peer may keep it; resume() follows. A frame that can never fit is
 * dropped and true. The interrupt comes with net_received(), after a batch.
 */
bool net_receive(struct net *net, const void *frame, size_t length);
void net_received(struct net *net);
/* The cable came out, for good: tells the guest that its link is down. */
void net_link_down(struct net *net);

/* Plugs into the existing tap interface @name. NULL with @err when that fails. */
struct net_peer *net_tap_open(struct vm *vm, const char *name, struct error *err);
/* Plugs into a user-mode network of its own. NULL with @err, for instance without libslirp. */
struct net_peer *net_user_open(struct vm *vm, struct error *err);

#endif
