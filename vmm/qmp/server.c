// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The QMP server: listens, keeps the list of clients, hands events to those that have negotiated.
 * Everything but vm_event() happens on the I/O thread.
 *
 * A guest can use up the process's file descriptors (each connection through its user network takes
 * one), and its owner must still get in to stop it: one descriptor is kept back for a client.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/unixsock.h"
#include "lib/xalloc.h"
#include "vmm/qmp/client.h"
#include "vmm/qmp/events.h"
#include "vmm/qmp/qmp.h"

#define CLIENTS_MAX   64
#define GOODBYE_MS    100 /* how long the end waits for clients to take the last replies */
#define FULL_PAUSE_MS 200 /* no file descriptors left: look again after this time */

struct qmp_server {
	struct vm *vm;
	char *path;
	int fd, reserve; /* the reserve is -1 while a client lives on it */
	struct loop_source *source, *retry;
	struct qmp_events *events;
	struct qmp_client_owner owner;
	struct qmp_client *clients;
	unsigned int count;
};

/* ---- clients -------------------------------------------------------------------------------------- */

static void reap(void *opaque, uint32_t ready)
{
	struct qmp_server *server = opaque;
	struct qmp_client **at = &server->clients;

	(void)ready;
	while (*at) {
		struct qmp_client *client = *at;

		if (!client->gone) {
			at = &client->next;
			continue;
		}
		*at = client->next;
		server->count--;
		qmp_client_free(client);
	}
}

/* At once when a descriptor came free, before anything else can take it. */
static void fill_reserve(struct qmp_server *server)
{
	if (server->reserve < 0)
		server->reserve = fcntl(server->fd, F_DUPFD_CLOEXEC, 0);
}

static void client_gone(void *opaque)
{
	struct qmp_server *server = opaque;

	fill_reserve(server);
	loop_post(server->vm->loop, reap, server);
}

static void flush_events(void *opaque)
{
	struct qmp_server *server = opaque;

	qmp_events_flush(server->events);
}

static void add_client(struct qmp_server *server, int fd)
{
	struct qmp_client *client;
	struct error err;

	if (server->count >= CLIENTS_MAX) {
		close(fd);
		fill_reserve(server);
		return;
	}
	client = qmp_client_new(server->vm, fd, &server->owner, &err);
	if (!client) {
		warn("QMP client: %s", err.text);
		fill_reserve(server);
		return;
	}
	client->next = server->clients;
	server->clients = client;
	server->count++;
}

static bool is_full(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE;
}

static int accept_one(struct qmp_server *server)
{
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 || !is_full(errno) || server->reserve < 0)
		return fd;
	close(server->reserve);
	server->reserve = -1;
	return accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void accept_client(void *opaque, uint32_t ready)
{
	struct qmp_server *server = opaque;
	int fd = accept_one(server);

	(void)ready;
	if (fd >= 0) {
		add_client(server, fd);
	} else if (is_full(errno)) {
		/* The connection stays in the backlog and would wake the loop without end. */
		loop_modify(server->source, 0);
		loop_timer_set(server->retry, FULL_PAUSE_MS, 0);
	}
}

static void accept_again(void *opaque, uint32_t ready)
{
	struct qmp_server *server = opaque;

	(void)ready;
	loop_modify(server->source, EPOLLIN);
}

/* ---- events --------------------------------------------------------------------------------------- */

static void broadcast(void *opaque, json_t *event)
{
	struct qmp_server *server = opaque;

	for (struct qmp_client *client = server->clients; client; client = client->next)
		if (client->session.negotiated)
			qmp_client_send(client, event);
}

static void queue_event(void *opaque, const char *name, const char *data_json)
{
	struct qmp_server *server = opaque;

	qmp_events_queue(server->events, name, data_json);
}

/* ---- life ----------------------------------------------------------------------------------------- */

static int begin(struct qmp_server *server, struct error *err)
{
	struct loop *loop = server->vm->loop;

	server->events = qmp_events_new(loop, broadcast, server, err);
	if (!server->events)
		return -1;
	server->retry = loop_add_timer(loop, accept_again, server, err);
	if (!server->retry)
		return -1;
	server->fd = unixsock_listen(server->path, err);
	if (server->fd < 0)
		return -1;
	fill_reserve(server);
	server->source = loop_add(loop, server->fd, EPOLLIN, accept_client, server, err);
	return server->source ? 0 : -1;
}

struct qmp_server *qmp_start(struct vm *vm, const char *path, struct error *err)
{
	struct qmp_server *server = xcalloc(1, sizeof(*server));

	server->vm = vm;
	server->path = xstrdup(path);
	server->fd = server->reserve = -1;
	server->owner = (struct qmp_client_owner){flush_events, client_gone, server};
	if (begin(server, err) < 0) {
		error_prefix(err, "QMP");
		qmp_stop(server);
		return NULL;
	}
	vm->event_opaque = server;
	vm->event = queue_event;
	return server;
}

void qmp_stop(struct qmp_server *server)
{
	if (!server)
		return;
	if (server->vm->event_opaque == server)
		server->vm->event = NULL;
	if (server->events)
		qmp_events_flush(server->events);
	while (server->clients) {
		struct qmp_client *client = server->clients;

		server->clients = client->next;
		qmp_client_drain(client, GOODBYE_MS);
		qmp_client_free(client);
	}
	qmp_events_free(server->events);
	loop_remove(server->retry);
	loop_remove(server->source);
	if (server->reserve >= 0)
		close(server->reserve);
	if (server->fd >= 0)
		unixsock_unlisten(server->fd, server->path);
	free(server->path);
	free(server);
}
