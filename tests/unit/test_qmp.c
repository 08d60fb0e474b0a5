// SPDX-License-Identifier: GPL-2.0-or-later
/* The QMP protocol, with clients good, slow, broken and gone. */
#include "tests/unit/qmp_bench.h"

#include <fcntl.h>
#include <sys/resource.h>

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

/* As when the guest has opened all the connections that it can. */
static void test_client_gets_in_when_descriptors_ran_out(void **state)
{
	struct rlimit usual, few;
	struct client *client;
	int hoard[128] = {0}, count = 0;

	getrlimit(RLIMIT_NOFILE, &usual);
	few = usual;
	few.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((hoard[count] = dup(0)) >= 0)
		count++;
	assert_true(count > 0);
	close(hoard[--count]); /* for our end */
	for (int i = 0; i < 3; i++) {
		client = connect_client(*state);
		expect_alive(client);
		hang_up(client);
	}
	while (count)
		close(hoard[--count]);
	setrlimit(RLIMIT_NOFILE, &usual);
}

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
		TEST(test_client_gets_in_when_descriptors_ran_out),
	};

	return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
