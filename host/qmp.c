/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QMP client. The other side is another program that may be slow, stuck or hostile: the socket is
 * non-blocking, every call has one deadline for all of its steps, a line longer than FRAME_MAX ends
 * the connection, and only so many events are kept.
 */
#include "host/qmp.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/xalloc.h"

#define FRAME_MAX  (1u << 20)
#define EVENTS_MAX 64

struct qmp {
	int fd;
	int timeout_ms;
	char *path;
	char *buffer;          /* received and not yet taken: FRAME_MAX bytes */
	size_t begin, end;     /* of what is in it */
	size_t searched;       /* how far there is certainly no newline */
	json_t *events;        /* array, oldest first */
	json_int_t id;
};

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Waits for @events on the socket until @deadline. Returns 0, -ETIMEDOUT or another -errno. */
static int wait_for(const struct qmp *qmp, short events, long long deadline)
{
	for (;;) {
		struct pollfd pollfd = { .fd = qmp->fd, .events = events };
		long long left = deadline - now_ms();
		int ready;

		if (left < 0) /* also for a server that never stops talking */
			return -ETIMEDOUT;
		ready = poll(&pollfd, 1, (int)left);
		if (ready > 0)
			return 0;
		if (ready == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* ---- frames ----------------------------------------------------------------------------------- */

static int send_all(struct qmp *qmp, const char *text, size_t length, long long deadline)
{
	while (length) {
		ssize_t sent = send(qmp->fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		int result;

		if (sent >= 0) {
			text += sent;
			length -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		result = wait_for(qmp, POLLOUT, deadline);
		if (result < 0)
			return result;
	}
	return 0;
}

static int receive_more(struct qmp *qmp, long long deadline)
{
	ssize_t got;
	int result = wait_for(qmp, POLLIN, deadline);

	if (result < 0)
		return result;
	/* Only here, not after each frame: a server can send very many short ones. */
	memmove(qmp->buffer, qmp->buffer + qmp->begin, qmp->end - qmp->begin);
	qmp->end -= qmp->begin;
	qmp->searched -= qmp->begin;
	qmp->begin = 0;
	if (qmp->end == FRAME_MAX)
		return -EMSGSIZE;
	got = recv(qmp->fd, qmp->buffer + qmp->end, FRAME_MAX - qmp->end, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (got == 0)
		return -ECONNRESET;
	qmp->end += (size_t)got;
	return 0;
}

/* Takes the next line off the buffer as JSON. NULL with *@result: 0 is "no whole line yet". */
static json_t *take_frame(struct qmp *qmp, int *result)
{
	char *start = qmp->buffer + qmp->begin;
	char *newline = memchr(qmp->buffer + qmp->searched, '\n', qmp->end - qmp->searched);
	json_t *frame;

	*result = 0;
	if (!newline) {
		qmp->searched = qmp->end;
		return NULL;
	}
	frame = json_loadb(start, (size_t)(newline - start), JSON_REJECT_DUPLICATES, NULL);
	/*
	 * QEMU writes 2^64-1 for a statistic the guest did not report, past what jansson's integers hold.
	 * Only such a frame is read with reals: of those json_integer_value() makes 0.
	 */
	if (!frame)
		frame = json_loadb(start, (size_t)(newline - start),
			JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
	qmp->begin = qmp->searched = (size_t)(newline + 1 - qmp->buffer);
	if (!json_is_object(frame)) {
		json_decref(frame);
		*result = -EBADMSG;
		return NULL;
	}
	return frame;
}

/* The next frame, received or waiting in the buffer; NULL with *@result when there is none in time. */
static json_t *next_frame(struct qmp *qmp, long long deadline, int *result)
{
	for (;;) {
		json_t *frame = take_frame(qmp, result);

		if (frame || *result)
			return frame;
		*result = receive_more(qmp, deadline);
		if (*result)
			return NULL;
	}
}

static void keep_event(struct qmp *qmp, json_t *frame)
{
	if (json_array_size(qmp->events) == EVENTS_MAX)
		json_array_remove(qmp->events, 0);
	json_array_append_new(qmp->events, frame);
}

/* The next frame that is no event; events are put aside. */
static json_t *next_answer(struct qmp *qmp, long long deadline, int *result)
{
	json_t *frame;

	while ((frame = next_frame(qmp, deadline, result)) && json_object_get(frame, "event")) {
		keep_event(qmp, frame);
		if (now_ms() > deadline) {
			*result = -ETIMEDOUT;
			return NULL;
		}
	}
	return frame;
}

/* ---- calls ------------------------------------------------------------------------------------ */

static const char *describe(int result)
{
	switch (result) {
	case -ETIMEDOUT:
		return "no answer in time";
	case -EMSGSIZE:
		return "the answer is too long";
	case -EBADMSG:
		return "the answer is not a JSON object";
	case -ECONNRESET:
		return "the other side closed the connection";
	default:
		return strerror(-result);
	}
}

static json_t *take_return(struct qmp *qmp, const char *command, json_t *answer, struct error *err)
{
	json_t *value = json_object_get(answer, "return"), *failure = json_object_get(answer, "error");

	if (value) {
		json_incref(value);
	} else if (failure) {
		const char *class = json_string_value(json_object_get(failure, "class"));
		const char *text = json_string_value(json_object_get(failure, "desc"));

		error_set(err, EPROTO, "%s: %s: %s: %s", qmp->path, command, class ? class : "GenericError",
			text ? text : "no description");
	} else {
		error_set(err, EPROTO, "%s: %s: the answer has neither 'return' nor 'error'", qmp->path,
			command);
	}
	json_decref(answer);
	return value;
}

json_t *qmp_call(struct qmp *qmp, const char *command, json_t *arguments, struct error *err)
{
	long long deadline = now_ms() + qmp->timeout_ms;
	json_int_t id = ++qmp->id;
	json_t *request = json_pack("{s:s, s:o*, s:I}", "execute", command, "arguments", arguments, "id", id);
	char *text = json_dumps(request, JSON_COMPACT);
	size_t length = text ? strlen(text) : 0;
	json_t *answer = NULL;
	int result;

	json_decref(request);
	if (!text) {
		error_set(err, EINVAL, "%s: the arguments are not valid JSON", command);
		return NULL;
	}
	text[length] = '\n'; /* in place of the NUL: one send, one frame */
	result = send_all(qmp, text, length + 1, deadline);
	free(text);
	/* The answer to a call that timed out earlier may come first: it has a smaller id. */
	while (!result && (answer = next_answer(qmp, deadline, &result))) {
		json_t *answered = json_object_get(answer, "id");

		if (!answered || (json_int_t)json_number_value(answered) == id)
			break;
		json_decref(answer);
		answer = NULL;
	}
	if (!answer) {
		error_set(err, -result, "%s: %s: %s", qmp->path, command, describe(result));
		return NULL;
	}
	return take_return(qmp, command, answer, err);
}

/* The oldest kept event of that name, taken out. */
static json_t *take_event(struct qmp *qmp, const char *name)
{
	size_t i;
	json_t *event;

	json_array_foreach(qmp->events, i, event) {
		const char *text = json_string_value(json_object_get(event, "event"));

		if (text && !strcmp(text, name)) {
			json_incref(event);
			json_array_remove(qmp->events, i);
			return event;
		}
	}
	return NULL;
}

json_t *qmp_wait_event(struct qmp *qmp, const char *name, int timeout_ms)
{
	long long deadline = now_ms() + timeout_ms;
	json_t *event, *frame;
	int result;

	while (!(event = take_event(qmp, name))) {
		frame = next_frame(qmp, deadline, &result);
		if (!frame)
			return NULL;
		if (json_object_get(frame, "event"))
			keep_event(qmp, frame);
		else
			json_decref(frame);
	}
	return event;
}

/* ---- connection ------------------------------------------------------------------------------- */

static int open_socket(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ENAMETOOLONG, "%s: a UNIX socket path has at most %zu characters", path,
			sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, errno, "socket");
	/* Non-blocking: a server whose backlog is full answers EAGAIN at once. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int result = error_errno(err, errno, "%s", path);

		close(fd);
		return result;
	}
	return fd;
}

static int negotiate(struct qmp *qmp, struct error *err)
{
	int result;
	json_t *greeting = next_answer(qmp, now_ms() + qmp->timeout_ms, &result), *answer;

	if (!greeting)
		return error_set(err, -result, "%s: %s", qmp->path, describe(result));
	if (!json_object_get(greeting, "QMP")) {
		json_decref(greeting);
		return error_set(err, EPROTO, "%s: the greeting is not QMP's", qmp->path);
	}
	json_decref(greeting);
	answer = qmp_call(qmp, "qmp_capabilities", NULL, err);
	json_decref(answer);
	return answer ? 0 : -EPROTO;
}

struct qmp *qmp_connect(const char *socket_path, int timeout_ms, struct error *err)
{
	int fd = open_socket(socket_path, err);
	struct qmp *qmp;

	if (fd < 0)
		return NULL;
	qmp = xcalloc(1, sizeof(*qmp));
	qmp->fd = fd;
	qmp->timeout_ms = timeout_ms;
	qmp->path = xstrdup(socket_path);
	qmp->buffer = xmalloc(FRAME_MAX);
	qmp->events = json_array();
	if (negotiate(qmp, err) < 0) {
		qmp_close(qmp);
		return NULL;
	}
	return qmp;
}

void qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return;
	close(qmp->fd);
	json_decref(qmp->events);
	free(qmp->buffer);
	free(qmp->path);
	free(qmp);
}
