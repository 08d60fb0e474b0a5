/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A QMP server on its real socket with a guest of 8 MiB that never runs, and clients for it. */
#ifndef VMTUNE_TESTS_QMP_BENCH_H
#define VMTUNE_TESTS_QMP_BENCH_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/unixsock.h"
#include "vmm/options.h"
#include "vmm/qmp/client.h"
#include "vmm/qmp/qmp.h"
#include "vmm/virtio/balloon.h"
#include "vmm/virtio/virtio.h"

#define RAM      (UINT64_C(8) << 20)
#define PATIENCE 20000 /* ms, after which a test fails instead of hanging */

struct bench {
	char directory[32], path[64];
	struct vm_config config;
	struct vm vm;
	struct virtio_device *balloon;
	struct qmp_server *server;
	pthread_t thread;
};

struct client {
	int fd;
	char *buffer;
	size_t length, capacity;
};

static inline void *run_loop(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

static inline int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct vm *vm = &bench->vm;
	struct error err;

	strcpy(bench->directory, "/tmp/test-qmp-XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	snprintf(bench->path, sizeof(bench->path), "%s/qmp.sock", bench->directory);
	bench->config.name = (char *)"guest";
	bench->config.node_count = 1;
	bench->config.nodes[0].size = RAM;
	idset_add(&bench->config.nodes[0].host_nodes, 0);
	vm->config = &bench->config;
	vm_state_init(vm);
	if (memory_create(&vm->memory, bench->config.nodes, 1, false, &err) < 0)
		fail_msg("%s", err.text);
	vm->loop = loop_new(&err);
	bench->balloon = balloon_new(vm, &err);
	assert_non_null(bench->balloon);
	pthread_mutex_init(&bench->balloon->config_lock, NULL);
	vm->balloon = balloon_of(bench->balloon);
	bench->server = qmp_start(vm, bench->path, &err);
	if (!bench->server)
		fail_msg("%s", err.text);
	pthread_create(&bench->thread, NULL, run_loop, vm->loop);
	*state = bench;
	return 0;
}

static inline int teardown(void **state)
{
	struct bench *bench = *state;

	loop_stop(bench->vm.loop);
	pthread_join(bench->thread, NULL);
	qmp_stop(bench->server);
	bench->balloon->ops->free(bench->balloon);
	loop_free(bench->vm.loop);
	memory_release(&bench->vm.memory);
	vm_state_release(&bench->vm);
	assert_int_equal(rmdir(bench->directory), 0); /* the socket is gone */
	free(bench);
	return 0;
}

/* ---- a client ------------------------------------------------------------------------------------- */

static inline void send_bytes(struct client *client, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t sent = send(client->fd, at, length, MSG_NOSIGNAL);

		assert_true(sent > 0);
		at += sent;
		length -= (size_t)sent;
	}
}

static inline void say(struct client *client, const char *text)
{
	send_bytes(client, text, strlen(text));
}

/* The next message; NULL at the end of the stream. */
static inline json_t *hear(struct client *client)
{
	struct pollfd ready = {.fd = client->fd, .events = POLLIN};
	json_t *message;
	char *end;
	ssize_t got;

	while (!client->length || !(end = memchr(client->buffer, '\n', client->length))) {
		if (client->capacity - client->length < 4096) {
			client->capacity = 2 * client->capacity + 4096;
			client->buffer = realloc(client->buffer, client->capacity);
		}
		assert_int_equal(poll(&ready, 1, PATIENCE), 1);
		got = recv(client->fd, client->buffer + client->length,
			client->capacity - client->length, 0);
		if (got <= 0)
			return NULL;
		client->length += (size_t)got;
	}
	end++;
	message = json_loadb(client->buffer, (size_t)(end - client->buffer), 0, NULL);
	assert_non_null(message);
	client->length -= (size_t)(end - client->buffer);
	memmove(client->buffer, end, client->length);
	return message;
}

static inline void expect(struct client *client, const char *wanted)
{
	json_t *message = hear(client), *wish = json_loads(wanted, 0, NULL);
	char *text = json_dumps(message, 0);

	assert_non_null(wish);
	if (!json_equal(message, wish))
		fail_msg("wanted %s\n      got %s", wanted, text);
	free(text);
	json_decref(wish);
	json_decref(message);
}

/* The next message has to be an error of this class, whose text contains @part. */
static inline void expect_error(struct client *client, const char *class, const char *part)
{
	json_t *message = hear(client), *error = json_object_get(message, "error");

	assert_non_null(error);
	assert_string_equal(json_string_value(json_object_get(error, "class")), class);
	if (!strstr(json_string_value(json_object_get(error, "desc")), part))
		fail_msg("wanted '%s'\n      in '%s'", part,
			json_string_value(json_object_get(error, "desc")));
	json_decref(message);
}

/* The next message has to be this event. Returns its data (a new reference, or NULL). */
static inline json_t *expect_event(struct client *client, const char *name)
{
	json_t *message = hear(client), *data, *seconds;

	assert_non_null(json_object_get(message, "event"));
	assert_string_equal(json_string_value(json_object_get(message, "event")), name);
	seconds = json_object_get(json_object_get(message, "timestamp"), "seconds");
	assert_true(json_integer_value(seconds) > 1600000000);
	data = json_incref(json_object_get(message, "data"));
	json_decref(message);
	return data;
}

static inline struct client *connect_only(struct bench *bench)
{
	struct client *client = calloc(1, sizeof(*client));
	struct error err;
	json_t *greeting;

	client->fd = unixsock_connect(bench->path, &err);
	assert_true(client->fd >= 0);
	greeting = hear(client);
	assert_true(json_is_object(
		json_object_get(json_object_get(json_object_get(greeting, "QMP"), "version"), "qemu")));
	assert_true(json_is_array(json_object_get(json_object_get(greeting, "QMP"), "capabilities")));
	json_decref(greeting);
	return client;
}

static inline struct client *connect_client(struct bench *bench)
{
	struct client *client = connect_only(bench);

	say(client, "{\"execute\": \"qmp_capabilities\"}\n");
	expect(client, "{\"return\": {}}");
	return client;
}

static inline void hang_up(struct client *client)
{
	close(client->fd);
	free(client->buffer);
	free(client);
}

static inline void expect_alive(struct client *client)
{
	say(client, "{\"execute\": \"query-name\", \"id\": \"alive\"}\n");
	expect(client, "{\"return\": {\"name\": \"guest\"}, \"id\": \"alive\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
