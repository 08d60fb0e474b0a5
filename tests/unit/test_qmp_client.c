// SPDX-License-Identifier: GPL-2.0-or-later
/* The QMP client against servers that are slow, chatty, broken or hostile. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/guest.h"
#include "host/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define TIMEOUT_MS 400

/*
 * The server says these texts in turn: the first on connection, each next one when a line has come
 * in. NULL ends: it closes. The client numbers its calls from 1 (qmp_capabilities).
 */
struct server {
	const char *const *script;
	int listener;
	char path[64];
	pthread_t thread;
	void (*behave)(int fd); /* instead of a script */
};

static void say(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);

		if (sent < 0)
			return;
		text += sent;
		left -= (size_t)sent;
	}
}

static int wait_line(int fd)
{
	char byte;

	do
		if (read(fd, &byte, 1) != 1)
			return 0;
	while (byte != '\n');
	return 1;
}

static void *server_main(void *opaque)
{
	struct server *server = opaque;
	int fd = accept(server->listener, NULL, NULL);

	if (server->behave) {
		server->behave(fd);
	} else {
		for (int i = 0; server->script[i]; i++) {
			say(fd, server->script[i]);
			if (!wait_line(fd))
				break;
		}
	}
	close(fd);
	return NULL;
}

static void server_start(struct server *server)
{
	static int number;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(server->path, sizeof(server->path), "/tmp/vmtune-qmp-%d-%d", (int)getpid(), number++);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_main, server), 0);
}

static void server_stop(struct server *server)
{
	pthread_join(server->thread, NULL);
	close(server->listener);
	unlink(server->path);
}

static void calls_return_values_and_keep_events(void **state)
{
	static const char *const script[] = {
		GREETING, "{\"return\": {}, \"id\": 1}\r\n",
		"{\"event\": \"STOP\", \"data\": {}}\r\n{\"event\": \"RESUME\"}\r\n"
		"{\"return\": {\"actual\": 4096}, \"id\": 2}\r\n",
		NULL,
	};
	struct server server = { .script = script };
	struct error err = {{0}};
	struct qmp *qmp;
	json_t *answer, *event;

	(void)state;
	server_start(&server);
	qmp = qmp_connect(server.path, TIMEOUT_MS * 10, &err);
	if (!qmp)
		fail_msg("%s", err.text);
	answer = qmp_call(qmp, "query-balloon", json_pack("{s:i}", "x", 1), &err);
	assert_int_equal(json_integer_value(json_object_get(answer, "actual")), 4096);
	json_decref(answer);
	event = qmp_wait_event(qmp, "RESUME", 0);
	assert_non_null(event);
	json_decref(event);
	event = qmp_wait_event(qmp, "STOP", 0);
	assert_non_null(event);
	json_decref(event);
	assert_null(qmp_wait_event(qmp, "STOP", 0));
	qmp_close(qmp);
	server_stop(&server);
}

static void qmp_errors_are_told_with_class_and_description(void **state)
{
	static const char *const script[] = {
		GREETING, "{\"return\": {}, \"id\": 1}\n",
		"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such thing\"}, \"id\": 2}\n", NULL,
	};
	struct server server = { .script = script };
	struct error err = {{0}};
	struct qmp *qmp;

	(void)state;
	server_start(&server);
	qmp = qmp_connect(server.path, TIMEOUT_MS * 10, &err);
	assert_non_null(qmp);
	assert_null(qmp_call(qmp, "frobnicate", NULL, &err));
	assert_non_null(strstr(err.text, "frobnicate: CommandNotFound: no such thing"));
	qmp_close(qmp);
	server_stop(&server);
}

static void say_slowly(int fd)
{
	static const char text[] = GREETING "{\"return\": {}, \"id\": 1}\n{\"return\": 7, \"id\": 2}\n";
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		send(fd, text + i, 1, MSG_NOSIGNAL);
		nanosleep(&pause, NULL);
	}
	while (wait_line(fd))
		;
}

static void answers_may_come_byte_by_byte(void **state)
{
	struct server server = { .behave = say_slowly };
	struct error err = {{0}};
	struct qmp *qmp;
	json_t *answer;

	(void)state;
	server_start(&server);
	qmp = qmp_connect(server.path, 30000, &err);
	assert_non_null(qmp);
	answer = qmp_call(qmp, "x", NULL, &err);
	assert_int_equal(json_integer_value(answer), 7);
	json_decref(answer);
	qmp_close(qmp);
	server_stop(&server);
}

/* ---- servers that do not behave: the client must come back, with an error ---------------------- */

static void be_mute(int fd)
{
	while (wait_line(fd))
		;
}

static void flood_with_one_line(int fd)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
}

static void flood_with_events(int fd)
{
	say(fd, GREETING "{\"return\": {}, \"id\": 1}\n");
	while (send(fd, "{\"event\": \"NOISE\"}\n", 19, MSG_NOSIGNAL) > 0)
		;
}

static void say_garbage(int fd)
{
	say(fd, "SSH-2.0-OpenSSH\n");
	be_mute(fd);
}

static void greet_wrongly(int fd)
{
	say(fd, "{\"hello\": 1}\n");
	be_mute(fd);
}

static void hang_up_in_the_middle(int fd)
{
	say(fd, GREETING "{\"return\":");
}

static void answer_nothing_useful(int fd)
{
	say(fd, GREETING "{\"id\": 1}\n");
	be_mute(fd);
}

static void nest_deeply(int fd)
{
	say(fd, GREETING);
	for (int i = 0; i < 100000; i++)
		if (send(fd, "[", 1, MSG_NOSIGNAL) < 0)
			return;
	say(fd, "\n");
	be_mute(fd);
}

static void bad_servers_cost_one_timeout_at_most(void **state)
{
	static void (*const behaviours[])(int) = {
		be_mute, flood_with_one_line, flood_with_events, say_garbage, greet_wrongly,
		hang_up_in_the_middle, answer_nothing_useful, nest_deeply,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
		struct server server = { .behave = behaviours[i] };
		struct error err = {{0}};
		struct qmp *qmp;

		server_start(&server);
		qmp = qmp_connect(server.path, TIMEOUT_MS, &err);
		if (qmp)
			assert_null(qmp_call(qmp, "query-status", NULL, &err));
		assert_non_null(strstr(err.text, server.path));
		qmp_close(qmp);
		server_stop(&server);
	}
}

static void a_full_backlog_and_a_missing_socket_are_errors_at_once(void **state)
{
	struct error err = {{0}};
	char path[200];

	(void)state;
	assert_null(qmp_connect("/nonexistent/qmp", TIMEOUT_MS, &err));
	assert_non_null(strstr(err.text, "/nonexistent/qmp"));
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_null(qmp_connect(path, TIMEOUT_MS, &err));
	assert_non_null(strstr(err.text, "at most 107"));
}

static const char *const late[] = {
	GREETING, "{\"return\": {}, \"id\": 1}\n", "",
	"{\"return\": \"old\", \"id\": 2}\n{\"return\": \"new\", \"id\": 3}\n", NULL,
};

static void a_late_answer_is_not_taken_for_the_next_one(void **state)
{
	struct server server = { .script = late };
	struct error err = {{0}};
	struct qmp *qmp;
	json_t *answer;

	(void)state;
	server_start(&server);
	qmp = qmp_connect(server.path, TIMEOUT_MS, &err);
	assert_non_null(qmp);
	assert_null(qmp_call(qmp, "slow", NULL, &err));
	answer = qmp_call(qmp, "fast", NULL, &err);
	assert_string_equal(json_string_value(answer), "new");
	json_decref(answer);
	qmp_close(qmp);
	server_stop(&server);
}

/* ---- the guest's own counters, asked for through it ------------------------------------------ */

#define STATS(update) \
	"{\"return\": {\"stats\": {\"stat-major-faults\": 7, \"stat-swap-in\": 18446744073709551615, " \
	"\"stat-swap-out\": 4096}, \"last-update\": " update "}, \"id\": 4}\r\n"

static struct guest_stats ask_stats(const char *last)
{
	const char *const script[] = {
		GREETING, "{\"return\": {}, \"id\": 1}\r\n",
		"{\"return\": [{\"name\": \"disk0\", \"type\": \"child<virtio-blk-pci>\"}], \"id\": 2}\r\n",
		"{\"return\": [{\"name\": \"device[0]\", \"type\": \"child<virtio-balloon-pci>\"}], \"id\": 3}\r\n",
		last, NULL,
	};
	struct server server = { .script = script };
	struct guest guest = { .qmp = server.path, .handles = (struct guest_handles *)&server };
	struct guest_stats stats;

	server_start(&server);
	guest_read_stats(&guest, TIMEOUT_MS * 10, &stats);
	server_stop(&server);
	return stats;
}

/* QEMU's way to say "not reported" is the largest number there is. */
static void a_guests_counters_are_found_at_its_balloon(void **state)
{
	struct guest_stats stats = ask_stats(STATS("1700000000"));

	(void)state;
	assert_true(stats.major_faults == 7);
	assert_true(stats.swap_in == GUEST_UNKNOWN);
	assert_true(stats.swap_out == 4096);
}

static void counters_that_nobody_asks_the_guest_for_are_unknown(void **state)
{
	struct guest_stats stats = ask_stats(STATS("0"));

	(void)state;
	assert_true(stats.major_faults == GUEST_UNKNOWN && stats.swap_out == GUEST_UNKNOWN);
	stats = ask_stats("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 4}\r\n");
	assert_true(stats.major_faults == GUEST_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_return_values_and_keep_events),
		cmocka_unit_test(qmp_errors_are_told_with_class_and_description),
		cmocka_unit_test(answers_may_come_byte_by_byte),
		cmocka_unit_test(bad_servers_cost_one_timeout_at_most),
		cmocka_unit_test(a_full_backlog_and_a_missing_socket_are_errors_at_once),
		cmocka_unit_test(a_late_answer_is_not_taken_for_the_next_one),
		cmocka_unit_test(a_guests_counters_are_found_at_its_balloon),
		cmocka_unit_test(counters_that_nobody_asks_the_guest_for_are_unknown),
	};

	return cmocka_run_group_tests_name("qmp client", tests, NULL, NULL);
}
