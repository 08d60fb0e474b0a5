// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tap peer. The kernel speaks virtio's header itself (IFF_VNET_HDR), so checksum and
 * segmentation offload are a matter of telling it what the driver agreed to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <net/if.h>

#include <linux/if_tun.h>

#include "lib/xalloc.h"
#include "vmm/virtio/net_peer.h"

#define BATCH 64 /* frames read before other sources of the loop have their turn */

struct tap {
	struct net_peer peer;
	int fd;
	struct loop_source *source; /* NULL once the interface is gone */
	size_t held;            /* bytes of a frame in @frame that the guest had no room for */
	char frame[NET_FRAME_MAX];
};

static struct tap *tap_of(struct net_peer *peer)
{
	return (struct tap *)peer; /* its first member */
}

static void tap_send(struct net_peer *peer, const struct iovec *iov, unsigned int count)
{
	/* A frame that the kernel refuses (malformed, interface down) is lost, as on a wire. */
	ssize_t ret = writev(tap_of(peer)->fd, iov, (int)count);

	(void)ret;
}

/* Delivers the held frame, then reads on until there is no frame or no room. */
static void pump(struct tap *tap)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		if (!tap->held) {
			ssize_t length = read(tap->fd, tap->frame, sizeof(tap->frame));

			if (length <= (ssize_t)NET_HEADER_SIZE)
				break;
			tap->held = (size_t)length;
		}
		if (!net_receive(tap->peer.net, tap->frame, tap->held)) {
			loop_modify(tap->source, 0); /* until there is room */
			break;
		}
		tap->held = 0;
	}
	net_received(tap->peer.net);
}

/* Somebody deleted the interface: without this the loop would be told so for ever. */
static void lose_interface(struct tap *tap)
{
	warn("virtio-net: the tap interface is gone; the guest's link goes down");
	loop_remove(steal_pointer(&tap->source));
	net_link_down(tap->peer.net);
}

static void on_frame(void *opaque, uint32_t events)
{
	if (events & (EPOLLERR | EPOLLHUP))
		lose_interface(opaque);
	else
		pump(opaque);
}

static void tap_resume(struct net_peer *peer)
{
	struct tap *tap = tap_of(peer);

	if (!tap->source)
		return;
	loop_modify(tap->source, EPOLLIN);
	if (tap->held)
		pump(tap);
}

static void tap_ready(struct net_peer *peer, uint64_t features)
{
	static const struct {
		unsigned int feature, offload;
	} offloads[] = {
		{VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM},
		{VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4},
		{VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6},
	};
	unsigned long wanted = 0;

	if (!tap_of(peer)->source)
		return;
	/* Segmentation needs checksumming (5.1.3.1); a driver that forgot it gets neither. */
	for (unsigned int i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++)
		if (features >> offloads[i].feature & 1 && features >> VIRTIO_NET_F_GUEST_CSUM & 1)
			wanted |= offloads[i].offload;
	if (ioctl(tap_of(peer)->fd, TUNSETOFFLOAD, wanted) < 0)
		warn("virtio-net: the tap interface refuses offloads: %s", strerror(errno));
}

static void tap_reset(struct net_peer *peer)
{
	struct tap *tap = tap_of(peer);

	tap->held = 0;
	if (tap->source)
		loop_modify(tap->source, 0);
}

static void tap_free(struct net_peer *peer)
{
	struct tap *tap = tap_of(peer);

	loop_remove(tap->source);
	if (tap->fd >= 0)
		close(tap->fd);
	free(tap);
}

static const struct net_peer_ops tap_ops = {
	.send = tap_send,
	.ready = tap_ready,
	.reset = tap_reset,
	.resume = tap_resume,
	.free = tap_free,
};

static int attach(int fd, const char *name, struct error *err)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header = NET_HEADER_SIZE;

	/* The kernel would make a new interface, one that leads nowhere. */
	if (strlen(name) >= IFNAMSIZ || !if_nametoindex(name))
		return error_set(err, ENODEV,
			"tap interface '%s' does not exist; 'ip tuntap add dev %s mode tap' makes one", name,
			name);
	strcpy(request.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		if (errno == EBUSY)
			return error_set(err, EBUSY, "tap interface '%s' is in use by another process", name);
		return error_errno(err, errno, "cannot attach to '%s' as a tap interface", name);
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)
		return error_errno(err, errno, "cannot set the header size of tap interface '%s'", name);
	return 0;
}

struct net_peer *net_tap_open(struct vm *vm, const char *name, struct error *err)
{
	struct tap *tap = xcalloc(1, sizeof(*tap));

	tap->peer.ops = &tap_ops;
	tap->peer.features = 1u << VIRTIO_NET_F_CSUM | 1u << VIRTIO_NET_F_HOST_TSO4 |
		1u << VIRTIO_NET_F_HOST_TSO6 | 1u << VIRTIO_NET_F_GUEST_CSUM |
		1u << VIRTIO_NET_F_GUEST_TSO4 | 1u << VIRTIO_NET_F_GUEST_TSO6;
	tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0)
		error_errno(err, errno, "cannot open /dev/net/tun");
	else if (attach(tap->fd, name, err) == 0)
		tap->source = loop_add(vm->loop, tap->fd, 0, on_frame, tap, err);
	if (!tap->source) {
		tap_free(&tap->peer);
		return NULL;
	}
	return &tap->peer;
}
