// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QMP client for test scripts.
 *
 *   qmp SOCKET STEP...
 *
 * Connects, negotiates, then takes the steps one after another:
 *   NAME           runs a command without arguments
 *   NAME JSON      (one argument, "balloon {...}") runs it with arguments
 *   {...}          sends this text and waits for its reply
 *   -              sends standard input as it is, with a newline, and waits for one reply
 *   event:NAME     waits for an event (also one that came before)
 * Each reply is printed as one line on standard output: the value of "return", or the whole error
 * object. Events are printed as they come, whole. Exit status: 0 when no reply was an error, 1 when
 * one was, 2 when the connection or the time (QMP_TIMEOUT seconds, default 20) ended first.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/error.h"
#include "lib/unixsock.h"
#include "lib/xalloc.h"

#define LOST 2

struct session {
	int fd;
	struct timespec deadline;
	char *buffer;
	size_t length, capacity;
	json_t *events; /* names, in the order they came */
	bool failed;
};

__attribute__((noreturn, format(printf, 1, 2))) static void lost(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("qmp: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(LOST);
}

static int ms_left(const struct session *session)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (session->deadline.tv_sec - now.tv_sec) * 1000 +
		(session->deadline.tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

static void send_all(struct session *session, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = send(session->fd, data, length, MSG_NOSIGNAL);

		if (sent < 0)
			lost("cannot send: %s", strerror(errno));
		data += sent;
		length -= (size_t)sent;
	}
}

static void receive_more(struct session *session)
{
	struct pollfd ready = {.fd = session->fd, .events = POLLIN};
	ssize_t got;

	if (session->capacity - session->length < 4096) {
		session->capacity = 2 * session->capacity + 8192;
		session->buffer = xreallocarray(session->buffer, session->capacity, 1);
	}
	if (poll(&ready, 1, ms_left(session)) <= 0)
		lost("no answer in time");
	got = recv(session->fd, session->buffer + session->length,
		session->capacity - session->length, 0);
	if (got <= 0)
		lost("the server closed the connection");
	session->length += (size_t)got;
}

/* The next message, whatever it is. */
static json_t *next_message(struct session *session)
{
	json_error_t problem;
	json_t *message;
	char *end;
	size_t used;

	while (!(end = session->length ? memchr(session->buffer, '\n', session->length) : NULL))
		receive_more(session);
	used = (size_t)(end - session->buffer) + 1;
	message = json_loadb(session->buffer, used, 0, &problem);
	if (!message) /* QEMU says 2^64-1 for a statistic that it does not have */
		message = json_loadb(session->buffer, used, JSON_DECODE_INT_AS_REAL, &problem);
	if (!message)
		lost("not JSON: %.*s", (int)used, session->buffer);
	session->length -= used;
	memmove(session->buffer, end + 1, session->length);
	return message;
}

static void print(const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);

	puts(text);
	fflush(stdout);
	free(text);
}

/* True when @message is an event, which is printed and remembered. */
static bool took_event(struct session *session, const json_t *message)
{
	json_t *name = json_object_get(message, "event");

	if (!name)
		return false;
	json_array_append(session->events, name);
	print(message);
	return true;
}

static void take_reply(struct session *session)
{
	json_t *message = next_message(session), *value;

	while (took_event(session, message)) {
		json_decref(message);
		message = next_message(session);
	}
	value = json_object_get(message, "return");
	print(value ? value : message);
	session->failed |= !value;
	json_decref(message);
}

static void wait_event(struct session *session, const char *name)
{
	for (;;) {
		for (size_t i = 0; i < json_array_size(session->events); i++) {
			if (!strcmp(json_string_value(json_array_get(session->events, i)), name)) {
				json_array_remove(session->events, i);
				return;
			}
		}
		json_t *message = next_message(session);

		took_event(session, message);
		json_decref(message);
	}
}

static void send_stdin(struct session *session)
{
	char data[65536];
	size_t got;

	while ((got = fread(data, 1, sizeof(data), stdin)) > 0)
		send_all(session, data, got);
	send_all(session, "\n", 1);
}

static void take_step(struct session *session, const char *step)
{
	const char *arguments = strchr(step, ' ');
	char *text;

	if (!strncmp(step, "event:", 6)) {
		wait_event(session, step + 6);
		return;
	}
	if (!strcmp(step, "-")) {
		send_stdin(session);
	} else {
		if (step[0] == '{')
			text = xasprintf("%s\n", step);
		else if (arguments)
			text = xasprintf("{\"execute\": \"%.*s\", \"arguments\": %s}\n", (int)(arguments - step),
				step, arguments);
		else
			text = xasprintf("{\"execute\": \"%s\"}\n", step);
		send_all(session, text, strlen(text));
		free(text);
	}
	take_reply(session);
}

static void negotiate(struct session *session)
{
	static const char command[] = "{\"execute\": \"qmp_capabilities\"}\n";
	json_t *greeting = next_message(session), *reply;

	if (!json_object_get(greeting, "QMP"))
		lost("no QMP greeting");
	json_decref(greeting);
	send_all(session, command, sizeof(command) - 1);
	reply = next_message(session);
	if (!json_object_get(reply, "return"))
		lost("negotiation failed");
	json_decref(reply);
}

int main(int argc, char **argv)
{
	const char *timeout = getenv("QMP_TIMEOUT");
	struct session session = {.events = json_array()};
	struct error err;

	if (argc < 3) {
		fputs("usage: qmp SOCKET STEP...\n", stderr);
		return LOST;
	}
	clock_gettime(CLOCK_MONOTONIC, &session.deadline);
	session.deadline.tv_sec += timeout ? atoi(timeout) : 20;
	session.fd = unixsock_connect(argv[1], &err);
	if (session.fd < 0)
		lost("%s", err.text);
	negotiate(&session);
	for (int i = 2; i < argc; i++)
		take_step(&session, argv[i]);
	json_decref(session.events);
	free(session.buffer);
	close(session.fd);
	return session.failed;
}
