// SPDX-License-Identifier: GPL-2.0-or-later
/* The QMP server over its real socket, with clients good, slow, broken and gone. */
#include <errno.h>
#include <fcntl.h>
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

static void *run_loop(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void send_bytes(struct client *client, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t sent = send(client->fd, at, length, MSG_NOSIGNAL);

		assert_true(sent > 0);
		at += sent;
		length -= (size_t)sent;
	}
}

static void say(struct client *client, const char *text)
{
	send_bytes(client, text, strlen(text));
}

/* The next message; NULL at the end of the stream. */
static json_t *hear(struct client *client)
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

static void expect(struct client *client, const char *wanted)
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
static void expect_error(struct client *client, const char *class, const char *part)
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
static json_t *expect_event(struct client *client, const char *name)
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

static struct client *connect_only(struct bench *bench)
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

static struct client *connect_client(struct bench *bench)
{
	struct client *client = connect_only(bench);

	say(client, "{\"execute\": \"qmp_capabilities\"}\n");
	expect(client, "{\"return\": {}}");
	return client;
}

static void hang_up(struct client *client)
{
	close(client->fd);
	free(client->buffer);
	free(client);
}

static void expect_alive(struct client *client)
{
	say(client, "{\"execute\": \"query-name\", \"id\": \"alive\"}\n");
	expect(client, "{\"return\": {\"name\": \"guest\"}, \"id\": \"alive\"}");
}

/* ---- protocol ------------------------------------------------------------------------------------- */

static void test_negotiation_comes_first_and_once(void **state)
{
	struct client *client = connect_only(*state);

	say(client, "{\"execute\": \"query-status\", \"id\": 7}\n");
	expect(client, "{\"id\": 7, \"error\": {\"class\": \"CommandNotFound\", \"desc\": "
		"\"Expecting capabilities negotiation with 'qmp_capabilities'\"}}");
	say(client, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"oob\"]}}\n");
	expect_error(client, "GenericError", "does not accept value 'oob'");
	say(client, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": []}}\n");
	expect(client, "{\"return\": {}}");
	say(client, "{\"execute\": \"qmp_capabilities\"}\n");
	expect_error(client, "CommandNotFound", "already complete");
	expect_alive(client);
	hang_up(client);
}

static void test_id_of_any_kind_comes_back(void **state)
{
	static const char *const ids[] = {"0", "null", "\"x\"", "[1, {\"a\": true}]", "1.5"};
	struct client *client = connect_client(*state);

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "{\"execute\": \"query-name\", \"id\": %s}\n", ids[i]);
		say(client, text);
		snprintf(text, sizeof(text), "{\"return\": {\"name\": \"guest\"}, \"id\": %s}", ids[i]);
		expect(client, text);
	}
	hang_up(client);
}

static void test_errors_are_those_of_qemu(void **state)
{
	static const struct {
		const char *frame, *class, *part;
	} rows[] = {
		{"{\"execute\": \"nope\"}", "CommandNotFound", "The command nope has not been found"},
		{"{\"execute\": 5}", "GenericError", "QMP input member 'execute' must be a string"},
		{"{\"id\": 1}", "GenericError", "QMP input lacks member 'execute'"},
		{"{\"foo\": 5}", "GenericError", "QMP input member 'foo' is unexpected"},
		{"{\"execute\": \"stop\", \"arguments\": [1]}", "GenericError",
			"QMP input member 'arguments' must be an object"},
		{"[]", "GenericError", "QMP input must be a JSON object"},
		{"\"x\"", "GenericError", "QMP input must be a JSON object"},
		{"{\"execute\": \"stop\", \"execute\": \"cont\"}", "GenericError", "JSON parse error"},
		{"{\"execute\": \"balloon\"}", "GenericError", "Parameter 'value' is missing"},
		{"{\"execute\": \"balloon\", \"arguments\": {\"value\": \"x\"}}", "GenericError",
			"Invalid parameter type for 'value', expected: integer"},
		{"{\"execute\": \"balloon\", \"arguments\": {\"value\": 1.5}}", "GenericError",
			"expected: integer"},
		{"{\"execute\": \"balloon\", \"arguments\": {\"value\": 4096, \"y\": 1}}", "GenericError",
			"Parameter 'y' is unexpected"},
		{"{\"execute\": \"balloon\", \"arguments\": {\"value\": 0}}", "GenericError", "a size"},
		{"{\"execute\": \"balloon\", \"arguments\": {\"value\": -4096}}", "GenericError", "a size"},
		{"{\"execute\": \"balloon\", \"arguments\": {\"value\": 8388609}}", "GenericError",
			"8388608 bytes of RAM"},
		{"{\"execute\": \"balloon\", \"arguments\": {\"value\": 99999999999999999999}}",
			"GenericError", "too big integer"},
		{"{\"execute\": \"query-name\", \"arguments\": {\"x\": 1}}", "GenericError",
			"Parameter 'x' is unexpected"},
		{"{\"execute\": \"x-ksm\", \"arguments\": {\"enable\": 1}}", "GenericError",
			"expected: boolean"},
		{"{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon1\", "
		 "\"property\": \"guest-stats\"}}",
			"DeviceNotFound", "Device '/machine/peripheral/balloon1' not found"},
		{"{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		 "\"property\": \"foo\"}}",
			"GenericError", "Property 'virtio-balloon-pci.foo' not found"},
		{"{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		 "\"property\": \"guest-stats\", \"value\": 1}}",
			"GenericError", "is not writable"},
		{"{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		 "\"property\": \"guest-stats-polling-interval\", \"value\": 99999999999}}",
			"GenericError", "timer value is too big"},
	};
	struct client *client = connect_client(*state);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		say(client, rows[i].frame);
		say(client, "\n");
		expect_error(client, rows[i].class, rows[i].part);
	}
	expect_alive(client);
	hang_up(client);
}

static void test_frames_in_pieces_and_in_heaps(void **state)
{
	static const char one[] = "{\"execute\": \"query-name\", \"id\": 1}";
	struct client *client = connect_client(*state);

	for (size_t i = 0; i < sizeof(one) - 1; i++)
		send_bytes(client, one + i, 1); /* and no newline at the end, as QEMU allows */
	expect(client, "{\"return\": {\"name\": \"guest\"}, \"id\": 1}");
	say(client, "{\"execute\": \"query-name\", \"id\": 2}{\"execute\": \"nope\", \"id\": 3}\r\n\r\n"
		"{\"execute\": \"query-name\", \"id\": 4}\n");
	expect(client, "{\"return\": {\"name\": \"guest\"}, \"id\": 2}");
	expect(client, "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
		"\"The command nope has not been found\"}, \"id\": 3}");
	expect(client, "{\"return\": {\"name\": \"guest\"}, \"id\": 4}");
	hang_up(client);
}

#define BYTES(text) {text, sizeof(text) - 1}

static void test_garbage_costs_an_error_and_nothing_else(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} rows[] = {
		BYTES("garbage\n"),
		BYTES("\0\0\0\0\n"),
		BYTES("\xff\xfe\x80\n"),
		BYTES("{\"execute\": \"\xff\"}\n"),
		BYTES("{\"execute\": \"query\0name\"}\n"),
		BYTES("{\"execute\": \"a\\u0000b\"}\n"),
		BYTES("{\"execute\": \"query-name\"\n"),
		BYTES("}}]]\n"),
		BYTES("{]\n"),
		BYTES("{\"execute\": \"query-name\", \"id\": \"\n"),
		BYTES("'single'\n"),
	};
	struct client *client = connect_client(*state);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		send_bytes(client, rows[i].bytes, rows[i].length);
		expect_error(client, "GenericError", "JSON parse error");
		expect_alive(client);
	}
	hang_up(client);
}

static void test_too_deep_and_too_long_are_refused(void **state)
{
	struct client *client = connect_client(*state);
	size_t length = QMP_FRAME_MAX + 1000;
	char *text = malloc(length);

	memset(text, '[', length);
	send_bytes(client, text, 2000);
	expect_error(client, "GenericError", "nesting depth limit");
	say(client, "]]]\n");
	expect_alive(client);
	memset(text, 'x', length);
	memcpy(text, "{\"execute\": \"", 13);
	send_bytes(client, text, length);
	expect_error(client, "GenericError", "limit exceeded");
	say(client, "\"}\n");
	expect_alive(client);
	free(text);
	hang_up(client);
}

/* ---- several clients, slow ones, gone ones -------------------------------------------------------- */

static void test_clients_negotiate_and_hear_events_each_for_itself(void **state)
{
	struct bench *bench = *state;
	struct client *first = connect_client(bench), *second = connect_client(bench);
	struct client *stranger = connect_only(bench);

	say(first, "{\"execute\": \"cont\"}\n");
	json_decref(expect_event(first, "RESUME"));
	expect(first, "{\"return\": {}}"); /* after the event, as with QEMU */
	json_decref(expect_event(second, "RESUME"));
	say(second, "{\"execute\": \"stop\"}\n");
	json_decref(expect_event(second, "STOP"));
	expect(second, "{\"return\": {}}");
	json_decref(expect_event(first, "STOP"));
	say(first, "{\"execute\": \"query-status\"}\n");
	expect(first, "{\"return\": {\"status\": \"paused\", \"running\": false}}");
	say(stranger, "{\"execute\": \"qmp_capabilities\"}\n");
	expect(stranger, "{\"return\": {}}"); /* and not the events of before */
	hang_up(first);
	expect_alive(second);
	expect_alive(stranger);
	hang_up(second);
	hang_up(stranger);
}

static void test_client_that_leaves_mid_reply_harms_nobody(void **state)
{
	struct bench *bench = *state;
	struct client *other = connect_client(bench);

	for (int i = 0; i < 20; i++) {
		struct client *client = connect_client(bench);

		for (int j = 0; j < 50; j++)
			say(client, "{\"execute\": \"query-commands\"}\n");
		hang_up(client);
		expect_alive(other);
	}
	hang_up(other);
}

static void test_commands_of_a_client_that_hung_up_still_run(void **state)
{
	struct bench *bench = *state;
	struct client *watcher = connect_client(bench);
	struct client *client = connect_only(bench);

	say(client, "{\"execute\": \"qmp_capabilities\"}{\"execute\": \"cont\"}");
	hang_up(client);
	json_decref(expect_event(watcher, "RESUME"));
	hang_up(watcher);
}

static void test_half_closed_client_gets_its_replies(void **state)
{
	struct client *client = connect_client(*state);

	say(client, "{\"execute\": \"query-name\"}\n");
	shutdown(client->fd, SHUT_WR);
	expect(client, "{\"return\": {\"name\": \"guest\"}}");
	assert_null(hear(client));
	hang_up(client);
}

static void test_client_that_does_not_read_is_paused_not_cut(void **state)
{
	static const char command[] = "{\"execute\": \"query-commands\"}\n";
	struct bench *bench = *state;
	struct client *client = connect_client(bench), *other = connect_client(bench);
	unsigned int sent = 0;
	size_t at = 0;

	/* Commands until the server takes no more: it waits for us to read. */
	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		ssize_t got = send(client->fd, command + at, sizeof(command) - 1 - at, MSG_NOSIGNAL);

		if (got < 0) {
			struct pollfd ready = {.fd = client->fd, .events = POLLOUT};

			assert_int_equal(errno, EAGAIN);
			expect_alive(other);
			if (poll(&ready, 1, 300) == 0)
				break;
			continue;
		}
		at += (size_t)got;
		if (at == sizeof(command) - 1) {
			at = 0;
			sent++;
		}
	}
	assert_true(sent > 100);
	fcntl(client->fd, F_SETFL, 0);
	for (unsigned int i = 0; i < sent; i++) {
		json_t *reply = hear(client);

		assert_true(json_is_array(json_object_get(reply, "return")));
		json_decref(reply);
	}
	send_bytes(client, command + at, sizeof(command) - 1 - at);
	json_decref(hear(client));
	expect_alive(client);
	hang_up(client);
	hang_up(other);
}

static void test_client_that_drowns_in_events_is_cut(void **state)
{
	struct bench *bench = *state;
	struct client *deaf = connect_client(bench), *other = connect_client(bench);
	size_t heard = 0;
	json_t *event;

	/* More than the socket and the output buffer hold together. */
	for (unsigned int i = 0; i < 40000; i++) {
		vm_event(&bench->vm, "RESUME", "{\"text\": \"some hundred bytes of event, which nobody "
			"reads and which therefore have to be kept somewhere\"}");
		json_decref(expect_event(other, "RESUME"));
	}
	expect_alive(other);
	while ((event = hear(deaf))) {
		json_decref(event);
		heard++;
	}
	assert_in_range(heard, 1, 39999);
	expect_alive(other);
	hang_up(deaf);
	hang_up(other);
}

static void test_as_many_clients_as_there_is_room_for(void **state)
{
	struct client *clients[64];

	for (int i = 0; i < 64; i++)
		clients[i] = connect_client(*state);
	for (int i = 0; i < 64; i++)
		expect_alive(clients[i]);
	for (int i = 0; i < 64; i++)
		hang_up(clients[i]);
}

/* ---- the socket ----------------------------------------------------------------------------------- */

static void test_socket_file_is_private_and_live_one_refused(void **state)
{
	struct bench *bench = *state;
	struct client *client;
	struct stat status;
	struct error err;

	assert_int_equal(stat(bench->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_null(qmp_start(&bench->vm, bench->path, &err));
	assert_non_null(strstr(err.text, "in use"));
	client = connect_client(bench); /* the first server is still there */
	expect_alive(client);
	hang_up(client);
}

static void test_stale_socket_is_replaced_and_other_files_are_not(void **state)
{
	struct bench *bench = *state;
	char path[80];
	struct error err;
	int fd;

	snprintf(path, sizeof(path), "%s/other", bench->directory);
	fd = unixsock_listen(path, &err);
	assert_true(fd >= 0);
	close(fd); /* leaves the file behind, as a killed vmm does */
	assert_int_equal(unixsock_connect(path, &err), -ECONNREFUSED);
	fd = unixsock_listen(path, &err);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(unixsock_listen(path, &err), -EEXIST);
	assert_non_null(strstr(err.text, "not a socket"));
	unlink(path);
}

static void test_long_path_is_refused(void **state)
{
	char path[200];
	struct error err;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(unixsock_listen(path, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "107"));
}

/* ---- commands ------------------------------------------------------------------------------------- */

static void test_balloon_is_found_and_driven(void **state)
{
	struct client *client = connect_client(*state);

	say(client, "{\"execute\": \"qom-list\", \"arguments\": {\"path\": \"/machine/peripheral\"}}\n");
	expect(client, "{\"return\": [{\"name\": \"type\", \"type\": \"string\"}, "
		"{\"name\": \"balloon0\", \"type\": \"child<virtio-balloon-pci>\"}]}");
	say(client, "{\"execute\": \"balloon\", \"arguments\": {\"value\": 4194304}}\n");
	expect(client, "{\"return\": {}}");
	say(client, "{\"execute\": \"query-balloon\"}\n");
	expect(client, "{\"return\": {\"actual\": 8388608}}"); /* the guest has done nothing yet */
	say(client, "{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats-polling-interval\", \"value\": 5}}\n");
	expect(client, "{\"return\": {}}");
	say(client, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats-polling-interval\"}}\n");
	expect(client, "{\"return\": 5}");
	say(client, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats\"}}\n");
	expect(client, "{\"return\": {\"stats\": {}, \"last-update\": 0}}");
	hang_up(client);
}

static void guest_says_actual(struct bench *bench, uint32_t pages)
{
	pthread_mutex_lock(&bench->balloon->config_lock);
	memcpy(bench->balloon->config + 4, &pages, 4);
	bench->balloon->ops->config_written(bench->balloon, 4, 4);
	pthread_mutex_unlock(&bench->balloon->config_lock);
}

static void test_balloon_changes_are_throttled_and_the_last_one_comes(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);
	json_t *data;

	for (uint32_t pages = 1; pages <= 100; pages++)
		guest_says_actual(bench, pages);
	data = expect_event(client, "BALLOON_CHANGE");
	assert_int_equal(json_integer_value(json_object_get(data, "actual")), RAM - 4096);
	json_decref(data);
	data = expect_event(client, "BALLOON_CHANGE");
	assert_int_equal(json_integer_value(json_object_get(data, "actual")), RAM - 100 * 4096);
	json_decref(data);
	say(client, "{\"execute\": \"query-balloon\"}\n");
	expect(client, "{\"return\": {\"actual\": 7979008}}");
	hang_up(client);
}

static void test_without_a_balloon_its_commands_say_so(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);

	bench->vm.balloon = NULL;
	say(client, "{\"execute\": \"query-balloon\"}\n");
	expect_error(client, "DeviceNotActive", "No balloon device has been activated");
	say(client, "{\"execute\": \"balloon\", \"arguments\": {\"value\": 4194304}}\n");
	expect_error(client, "DeviceNotActive", "No balloon device has been activated");
	say(client, "{\"execute\": \"qom-list\", \"arguments\": {\"path\": \"/machine/peripheral\"}}\n");
	expect(client, "{\"return\": [{\"name\": \"type\", \"type\": \"string\"}]}");
	say(client, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats\"}}\n");
	expect_error(client, "DeviceNotFound", "not found");
	hang_up(client);
}

/* Whether the mapping at @address is marked for KSM, from the kernel itself. */
static bool marked_for_ksm(const void *address)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool here = false, marked = false;

	while (fgets(line, sizeof(line), smaps)) {
		unsigned long begin, end;

		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			here = begin <= (unsigned long)address && (unsigned long)address < end;
		if (here && !strncmp(line, "VmFlags:", 8))
			marked = strstr(line, " mg") != NULL;
	}
	fclose(smaps);
	return marked;
}

static void test_memory_is_described_and_ksm_switched(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);
	uint8_t *host = bench->vm.memory.regions[0].host;
	char wanted[512];

	if (access("/sys/kernel/mm/ksm", F_OK))
		skip();
	for (int on = 1; on >= 0; on--) {
		snprintf(wanted, sizeof(wanted), "{\"execute\": \"x-ksm\", \"arguments\": {\"enable\": %s}}\n",
			on ? "true" : "false");
		say(client, wanted);
		expect(client, "{\"return\": {}}");
		assert_int_equal(marked_for_ksm(host), on);
		snprintf(wanted, sizeof(wanted),
			"{\"return\": {\"pid\": %d, \"nodes\": [{\"node\": 0, \"size\": 8388608, \"host-nodes\": "
			"[0], \"policy\": \"default\", \"page-size\": 4096, \"thp\": false, \"shared\": false, "
			"\"mergeable\": %s, \"regions\": [{\"gpa\": 0, \"size\": 8388608, \"host-address\": "
			"%lu}]}]}}",
			(int)getpid(), on ? "true" : "false", (unsigned long)host);
		say(client, "{\"execute\": \"x-query-memory\"}\n");
		expect(client, wanted);
	}
	hang_up(client);
}

static void test_ksm_on_shared_memory_is_refused(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);
	struct guest_memory old = bench->vm.memory;
	struct memory_node_config config = bench->config.nodes[0];
	struct error err;

	config.shared = true;
	assert_int_equal(memory_create(&bench->vm.memory, &config, 1, false, &err), 0);
	say(client, "{\"execute\": \"x-ksm\", \"arguments\": {\"enable\": true}}\n");
	expect_error(client, "GenericError", "shared memory; KSM merges only private memory");
	memory_release(&bench->vm.memory);
	bench->vm.memory = old;
	hang_up(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation_comes_first_and_once),
		TEST(test_id_of_any_kind_comes_back),
		TEST(test_errors_are_those_of_qemu),
		TEST(test_frames_in_pieces_and_in_heaps),
		TEST(test_garbage_costs_an_error_and_nothing_else),
		TEST(test_too_deep_and_too_long_are_refused),
		TEST(test_clients_negotiate_and_hear_events_each_for_itself),
		TEST(test_client_that_leaves_mid_reply_harms_nobody),
		TEST(test_commands_of_a_client_that_hung_up_still_run),
		TEST(test_half_closed_client_gets_its_replies),
		TEST(test_client_that_does_not_read_is_paused_not_cut),
		TEST(test_client_that_drowns_in_events_is_cut),
		TEST(test_as_many_clients_as_there_is_room_for),
		TEST(test_socket_file_is_private_and_live_one_refused),
		TEST(test_stale_socket_is_replaced_and_other_files_are_not),
		TEST(test_long_path_is_refused),
		TEST(test_balloon_is_found_and_driven),
		TEST(test_balloon_changes_are_throttled_and_the_last_one_comes),
		TEST(test_without_a_balloon_its_commands_say_so),
		TEST(test_memory_is_described_and_ksm_switched),
		TEST(test_ksm_on_shared_memory_is_refused),
	};

	return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
