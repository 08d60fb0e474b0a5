// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The user-mode peer: libslirp, an IPv4 network 10.0.2.0/24 of the guest's own behind the host's
 * sockets, with QEMU's addresses (gateway .2, name server .3, DHCP from .15). The library and its glib
 * are loaded here, when a guest asks for such a network, and not before.
 *
 * libslirp is made for a poll() loop: before each wait it lists its descriptors, after each it looks at
 * them. Here the list goes into an epoll descriptor of its own, which the event loop watches; update()
 * brings it up to date after anything that may have changed it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <slirp/libslirp.h>

#include "lib/xalloc.h"
#include "vmm/virtio/net_peer.h"

#define LIBRARY  "libslirp.so.0"
#define HELD_MAX 512 /* frames; more are lost, as on a full switch */

struct slirp_library {
	__typeof__(slirp_new) *new;
	__typeof__(slirp_cleanup) *cleanup;
	__typeof__(slirp_input) *input;
	__typeof__(slirp_pollfds_fill) *pollfds_fill;
	__typeof__(slirp_pollfds_poll) *pollfds_poll;
};

/* A frame that the guest had no buffer for. */
struct held {
	struct held *next;
	size_t length;
	uint8_t frame[];
};

struct user {
	struct net_peer peer;
	struct slirp_library slirp;
	Slirp *stack;
	struct loop *loop;
	int epoll_fd;
	struct loop_source *source, *timer;
	struct pollfd *polls; /* what libslirp listed last; all of it is in the epoll descriptor */
	unsigned int count, capacity;
	struct held *held, **held_end;
	unsigned int held_count;
	uint8_t out[NET_FRAME_MAX], in[NET_FRAME_MAX]; /* seen from the guest */
};

static struct user *user_of(struct net_peer *peer)
{
	return (struct user *)peer; /* its first member */
}

static const struct {
	int slirp;
	short poll;
} event_names[] = {
	{SLIRP_POLL_IN, POLLIN},
	{SLIRP_POLL_OUT, POLLOUT},
	{SLIRP_POLL_PRI, POLLPRI},
	{SLIRP_POLL_ERR, POLLERR},
	{SLIRP_POLL_HUP, POLLHUP},
};

#define EVENT_NAMES (sizeof(event_names) / sizeof(event_names[0]))

static short to_poll(int events)
{
	short poll = 0;

	for (unsigned int i = 0; i < EVENT_NAMES; i++)
		if (events & event_names[i].slirp)
			poll |= event_names[i].poll;
	return poll;
}

static int from_poll(short poll)
{
	int events = 0;

	for (unsigned int i = 0; i < EVENT_NAMES; i++)
		if (poll & event_names[i].poll)
			events |= event_names[i].slirp;
	return events;
}

/* ---- descriptors and time ------------------------------------------------------------------------ */

static int add_poll(int fd, int events, void *opaque)
{
	struct user *user = opaque;

	if (user->count == user->capacity) {
		user->capacity = user->capacity ? 2 * user->capacity : 16;
		user->polls = xreallocarray(user->polls, user->capacity, sizeof(*user->polls));
	}
	user->polls[user->count] = (struct pollfd){.fd = fd, .events = to_poll(events)};
	return (int)user->count++;
}

static int get_revents(int index, void *opaque)
{
	struct user *user = opaque;

	return from_poll(user->polls[index].revents);
}

/* EPOLLIN and its like have the values of POLLIN and its like. */
static void watch(struct user *user, const struct pollfd *poll)
{
	struct epoll_event event = {.events = (uint32_t)poll->events};

	/* A closed descriptor has left by itself, and its number may be in use again: so try both. */
	if (epoll_ctl(user->epoll_fd, EPOLL_CTL_MOD, poll->fd, &event) < 0)
		epoll_ctl(user->epoll_fd, EPOLL_CTL_ADD, poll->fd, &event);
}

static bool is_listed(const struct user *user, int fd)
{
	for (unsigned int i = 0; i < user->count; i++)
		if (user->polls[i].fd == fd)
			return true;
	return false;
}

static void update(struct user *user)
{
	struct pollfd *old = user->polls;
	unsigned int old_count = user->count;
	uint32_t timeout_ms = UINT32_MAX;

	user->polls = NULL;
	user->count = user->capacity = 0;
	user->slirp.pollfds_fill(user->stack, &timeout_ms, add_poll, user);
	for (unsigned int i = 0; i < old_count; i++)
		if (!is_listed(user, old[i].fd))
			epoll_ctl(user->epoll_fd, EPOLL_CTL_DEL, old[i].fd, NULL);
	for (unsigned int i = 0; i < user->count; i++)
		watch(user, &user->polls[i]);
	free(old);
	if (timeout_ms == UINT32_MAX)
		loop_timer_set(user->timer, 0, 0);
	else
		loop_timer_set(user->timer, timeout_ms ? timeout_ms : 1, 0);
}

/* A descriptor is ready, or libslirp's time has come. */
static void on_event(void *opaque, uint32_t events)
{
	struct user *user = opaque;
	int ret = poll(user->polls, user->count, 0);

	(void)events;
	user->slirp.pollfds_poll(user->stack, ret < 0, get_revents, user);
	update(user);
	net_received(user->peer.net);
}

/* ---- frames that wait ---------------------------------------------------------------------------- */

/* Losing one would cost its TCP connection a second: libslirp only sends again after a timeout. */
static void hold(struct user *user, const uint8_t *frame, size_t length)
{
	struct held *held;

	if (user->held_count == HELD_MAX)
		return;
	held = xmalloc(sizeof(*held) + length);
	held->next = NULL;
	held->length = length;
	memcpy(held->frame, frame, length);
	*user->held_end = held;
	user->held_end = &held->next;
	user->held_count++;
}

static void drop_first(struct user *user)
{
	struct held *held = user->held;

	user->held = held->next;
	if (!user->held)
		user->held_end = &user->held;
	user->held_count--;
	free(held);
}

static void user_reset(struct net_peer *peer)
{
	struct user *user = user_of(peer);

	while (user->held)
		drop_first(user);
}

static void user_resume(struct net_peer *peer)
{
	struct user *user = user_of(peer);

	while (user->held && net_receive(peer->net, user->held->frame, user->held->length))
		drop_first(user);
	net_received(peer->net);
}

/* ---- what libslirp calls ------------------------------------------------------------------------- */

static ssize_t send_packet(const void *packet, size_t length, void *opaque)
{
	struct user *user = opaque;

	if (length > sizeof(user->in) - NET_HEADER_SIZE)
		return -1;
	memset(user->in, 0, NET_HEADER_SIZE); /* no offloads */
	memcpy(user->in + NET_HEADER_SIZE, packet, length);
	length += NET_HEADER_SIZE;
	if (user->held || !net_receive(user->peer.net, user->in, length))
		hold(user, user->in, length);
	return (ssize_t)(length - NET_HEADER_SIZE);
}

static void guest_error(const char *message, void *opaque)
{
	(void)message;
	(void)opaque;
}

static int64_t clock_get_ns(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

struct user_timer {
	struct loop_source *source;
	SlirpTimerCb callback;
	void *opaque;
};

static void on_timer(void *opaque, uint32_t events)
{
	struct user_timer *timer = opaque;

	(void)events;
	timer->callback(timer->opaque);
}

static void *timer_new(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
	struct user *user = opaque;
	struct user_timer *timer = xcalloc(1, sizeof(*timer));

	timer->callback = callback;
	timer->opaque = callback_opaque;
	timer->source = loop_add_timer(user->loop, on_timer, timer, NULL);
	return timer;
}

static void timer_free(void *opaque_timer, void *opaque)
{
	struct user_timer *timer = opaque_timer;

	(void)opaque;
	loop_remove(timer->source);
	free(timer);
}

static void timer_mod(void *opaque_timer, int64_t expire_ms, void *opaque)
{
	struct user_timer *timer = opaque_timer;
	int64_t delay_ms = expire_ms - clock_get_ns(opaque) / 1000000;

	if (timer->source)
		loop_timer_set(timer->source, delay_ms > 0 ? (uint64_t)delay_ms : 1, 0);
}

/* Descriptors are listed by pollfds_fill each time; nothing to do when they come and go. */
static void poll_fd_changed(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void notify(void *opaque)
{
	(void)opaque; /* only called from within its own entry points, after which update() runs */
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = poll_fd_changed,
	.unregister_poll_fd = poll_fd_changed,
	.notify = notify,
};

/* ---- the peer --------------------------------------------------------------------------------- */

/* Gathers a frame without its virtio header into user->out; returns its length. */
static size_t gather(struct user *user, const struct iovec *iov, unsigned int count)
{
	size_t skip = NET_HEADER_SIZE, length = 0;

	for (unsigned int i = 0; i < count; i++) {
		size_t part = iov[i].iov_len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		memcpy(user->out + length, (const char *)iov[i].iov_base + skip, part);
		length += part;
		skip = 0;
	}
	return length;
}

static void user_send(struct net_peer *peer, const struct iovec *iov, unsigned int count)
{
	struct user *user = user_of(peer);
	size_t length = gather(user, iov, count);

	user->slirp.input(user->stack, user->out, (int)length);
}

static void user_sent(struct net_peer *peer)
{
	struct user *user = user_of(peer);

	update(user);
	net_received(peer->net);
}

static void user_free(struct net_peer *peer)
{
	struct user *user = user_of(peer);

	if (user->stack)
		user->slirp.cleanup(user->stack);
	loop_remove(user->source);
	loop_remove(user->timer);
	if (user->epoll_fd >= 0)
		close(user->epoll_fd);
	user_reset(peer);
	free(user->polls);
	free(user);
}

static const struct net_peer_ops user_ops = {
	.send = user_send,
	.sent = user_sent,
	.reset = user_reset,
	.resume = user_resume,
	.free = user_free,
};

static int load(struct slirp_library *slirp, struct error *err)
{
	const struct {
		const char *name;
		void **function;
	} functions[] = {
		{"slirp_new", (void **)&slirp->new},
		{"slirp_cleanup", (void **)&slirp->cleanup},
		{"slirp_input", (void **)&slirp->input},
		{"slirp_pollfds_fill", (void **)&slirp->pollfds_fill},
		{"slirp_pollfds_poll", (void **)&slirp->pollfds_poll},
	};
	/* Never closed: glib does not like to be unloaded. */
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(err, ENOENT,
			"user-mode networking needs libslirp (Debian package libslirp0): %s", dlerror());
	for (unsigned int i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		*functions[i].function = dlsym(library, functions[i].name);
		if (!*functions[i].function)
			return error_set(err, ENOENT, "%s has no function %s", LIBRARY, functions[i].name);
	}
	return 0;
}

static struct in_addr address(unsigned int host)
{
	return (struct in_addr){.s_addr = htonl(0x0a000200u + host)};
}

static int start(struct user *user, struct error *err)
{
	const SlirpConfig config = {
		.version = SLIRP_CONFIG_VERSION_MIN,
		.in_enabled = true,
		.vnetwork = address(0),
		.vnetmask = {.s_addr = htonl(0xffffff00u)},
		.vhost = address(2),
		.vnameserver = address(3),
		.vdhcp_start = address(15),
	};

	user->stack = user->slirp.new(&config, &callbacks, user);
	if (!user->stack)
		return error_set(err, EINVAL, "libslirp refuses to start a network");
	user->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (user->epoll_fd < 0)
		return error_errno(err, errno, "cannot create an epoll descriptor");
	user->source = loop_add(user->loop, user->epoll_fd, EPOLLIN, on_event, user, err);
	if (user->source)
		user->timer = loop_add_timer(user->loop, on_event, user, err);
	if (!user->timer)
		return -ENOMEM;
	update(user);
	return 0;
}

struct net_peer *net_user_open(struct vm *vm, struct error *err)
{
	struct user *user = xcalloc(1, sizeof(*user));

	user->peer.ops = &user_ops;
	user->held_end = &user->held;
	user->loop = vm->loop;
	user->epoll_fd = -1;
	if (load(&user->slirp, err) < 0 || start(user, err) < 0) {
		user_free(&user->peer);
		return NULL;
	}
	return &user->peer;
}
