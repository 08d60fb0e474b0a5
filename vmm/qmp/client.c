// SPDX-License-Identifier: GPL-2.0-or-later
/* One QMP connection. */
#include "vmm/qmp/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/xalloc.h"

static size_t waiting(const struct qmp_client *client)
{
	return client->output_end - client->output_at;
}

static bool may_read(const struct qmp_client *client)
{
	return !client->input_ended && waiting(client) <= QMP_OUTPUT_PAUSE;
}

static void hang_up(struct qmp_client *client)
{
	if (client->gone)
		return;
	client->gone = true;
	loop_remove(steal_pointer(&client->source));
	close(client->fd);
	client->fd = -1;
	client->owner->gone(client->owner->opaque);
}

static void watch(struct qmp_client *client)
{
	if (!client->gone)
		loop_modify(client->source,
			(may_read(client) ? EPOLLIN : 0) | (waiting(client) ? EPOLLOUT : 0));
}

/* ---- output --------------------------------------------------------------------------------------- */

/* Sends what the socket takes. A reader that is gone loses output, but its commands still count. */
static void send_some(struct qmp_client *client)
{
	while (waiting(client)) {
		ssize_t sent = send(client->fd, client->output + client->output_at, waiting(client),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (sent < 0) {
			client->output_broken = true;
			client->output_at = client->output_end;
			return;
		}
		client->output_at += (size_t)sent;
	}
}

static void append(struct qmp_client *client, const char *data, size_t length)
{
	if (client->output_at) {
		memmove(client->output, client->output + client->output_at, waiting(client));
		client->output_end -= client->output_at;
		client->output_at = 0;
	}
	if (client->output_end + length > client->output_capacity) {
		client->output_capacity = 2 * (client->output_end + length);
		client->output = xreallocarray(client->output, client->output_capacity, 1);
	}
	memcpy(client->output + client->output_end, data, length);
	client->output_end += length;
}

void qmp_client_send(struct qmp_client *client, const json_t *message)
{
	char *text;

	if (client->gone || client->output_broken)
		return;
	text = json_dumps(message, JSON_ENSURE_ASCII);
	append(client, text, strlen(text));
	append(client, "\r\n", 2); /* as QEMU ends its lines */
	free(text);
	send_some(client);
	if (waiting(client) > QMP_OUTPUT_MAX)
		hang_up(client);
	watch(client);
}

void qmp_client_drain(struct qmp_client *client, int timeout_ms)
{
	struct pollfd ready = {.fd = client->fd, .events = POLLOUT};

	if (!client->gone && waiting(client) && poll(&ready, 1, timeout_ms) > 0)
		send_some(client);
}

/* ---- input ---------------------------------------------------------------------------------------- */

static void execute_frames(struct qmp_client *client)
{
	while (!client->gone && waiting(client) <= QMP_OUTPUT_PAUSE) {
		enum qmp_frame kind =
			qmp_frames_next(&client->frames, &client->input_at, &client->input_left);
		json_t *reply;

		if (kind == QMP_FRAME_NONE)
			return;
		reply = qmp_execute(&client->session, kind, client->frames.data, client->frames.length);
		client->owner->before_reply(client->owner->opaque);
		qmp_client_send(client, reply);
		json_decref(reply);
	}
}

static void receive(struct qmp_client *client)
{
	ssize_t got = recv(client->fd, client->input, sizeof(client->input), MSG_DONTWAIT);

	if (got > 0) {
		client->input_at = client->input;
		client->input_left = (size_t)got;
		execute_frames(client);
	} else if (got == 0) {
		client->input_ended = true;
	} else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		hang_up(client);
	}
}

static void handle(void *opaque, uint32_t events)
{
	struct qmp_client *client = opaque;

	if (events & EPOLLOUT)
		send_some(client);
	if (client->input_left)
		execute_frames(client); /* those that waited for room in the output */
	else if (may_read(client) && !client->gone)
		receive(client);
	else if (events & (EPOLLHUP | EPOLLERR))
		hang_up(client);
	/* A client that has shut down its sending half still gets the replies to what it sent. */
	if (client->input_ended && !client->input_left && !waiting(client))
		hang_up(client);
	watch(client);
}

/* ---- life ----------------------------------------------------------------------------------------- */

static void greet(struct qmp_client *client)
{
	json_t *greeting =
		json_pack("{s:{s:o, s:[]}}", "QMP", "version", qmp_version(), "capabilities");

	qmp_client_send(client, greeting);
	json_decref(greeting);
}

struct qmp_client *qmp_client_new(struct vm *vm, int fd, const struct qmp_client_owner *owner,
	struct error *err)
{
	struct qmp_client *client = xcalloc(1, sizeof(*client));

	client->session.vm = vm;
	client->owner = owner;
	client->fd = fd;
	client->source = loop_add(vm->loop, fd, EPOLLIN, handle, client, err);
	if (!client->source) {
		close(fd);
		free(client);
		return NULL;
	}
	greet(client);
	return client;
}

void qmp_client_free(struct qmp_client *client)
{
	if (!client->gone) {
		loop_remove(client->source);
		close(client->fd);
	}
	qmp_frames_release(&client->frames);
	free(client->output);
	free(client);
}
