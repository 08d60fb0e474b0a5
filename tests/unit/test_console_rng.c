// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio console over a UNIX socket, and virtio-rng, each with a driver that a guest could have. */
#include "tests/unit/virtio_driver.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/unixsock.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/rng.h"

#define RX_BUFFER DRIVER_DATA
#define TX_BUFFER (DRIVER_DATA + 0x10000)
#define TX_SIZE   0x8000u

enum { RX, TX };

struct bench {
	struct driver driver;
	char directory[32], path[64];
	int client; /* the person at the console */
};

static int setup_console(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct chardev_config config = {.kind = CHARDEV_UNIX, .path = bench->path};
	struct error err;

	strcpy(bench->directory, "/tmp/test-console-XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	snprintf(bench->path, sizeof(bench->path), "%s/console.sock", bench->directory);
	driver_init(&bench->driver);
	if (console_add(&bench->driver.vm, &config, &err) < 0)
		fail_msg("%s", err.text);
	driver_start(&bench->driver);
	driver_probe(&bench->driver, 0, 2);
	bench->client = unixsock_connect(bench->path, &err);
	if (bench->client < 0)
		fail_msg("%s", err.text);
	*state = bench;
	return 0;
}

static int teardown_console(void **state)
{
	struct bench *bench = *state;

	close(bench->client);
	driver_release(&bench->driver);
	assert_int_equal(rmdir(bench->directory), 0); /* the socket is gone */
	free(bench);
	return 0;
}

static void guest_writes(struct bench *bench, unsigned int head, const void *data, uint32_t length)
{
	const struct driver_segment segment = {TX_BUFFER + head * TX_SIZE, length, false};

	memcpy(driver_ram(&bench->driver, segment.gpa), data, length);
	driver_offer(&bench->driver, TX, head, &segment, 1);
	driver_kick(&bench->driver, TX);
}

/* Reads exactly @length bytes at the console. */
static void person_reads(struct bench *bench, void *data, size_t length)
{
	struct pollfd ready = {.fd = bench->client, .events = POLLIN};
	size_t done = 0;

	while (done < length) {
		ssize_t got;

		assert_int_equal(poll(&ready, 1, DRIVER_PATIENCE), 1);
		got = read(bench->client, (char *)data + done, length - done);
		assert_true(got > 0);
		done += (size_t)got;
	}
}

static void person_types(struct bench *bench, const char *text)
{
	assert_int_equal(write(bench->client, text, strlen(text)), strlen(text));
}

static void offer_rx(struct bench *bench, uint32_t length)
{
	const struct driver_segment segment = {RX_BUFFER, length, true};

	driver_offer(&bench->driver, RX, 0, &segment, 1);
	driver_kick(&bench->driver, RX);
}

static void expect_input(struct bench *bench, const char *text)
{
	struct vring_used_elem element;

	assert_true(driver_poll(&bench->driver, RX, &element));
	assert_int_equal(element.len, strlen(text));
	assert_memory_equal(driver_ram(&bench->driver, RX_BUFFER), text, strlen(text));
}

static void test_output_reaches_the_reader(void **state)
{
	struct bench *bench = *state;
	struct vring_used_elem element;
	char text[12];

	guest_writes(bench, 0, "hello ", 6);
	guest_writes(bench, 1, "world\n", 6);
	person_reads(bench, text, 12);
	assert_memory_equal(text, "hello world\n", 12);
	assert_true(driver_poll(&bench->driver, TX, &element));
	assert_true(driver_poll(&bench->driver, TX, &element));
	assert_int_equal(element.id, 1);
	assert_int_equal(element.len, 0);
}

static void test_input_waits_for_a_buffer_of_the_guest(void **state)
{
	struct bench *bench = *state;

	person_types(bench, "early");
	offer_rx(bench, 64);
	expect_input(bench, "early");
	offer_rx(bench, 64);
	person_types(bench, "late");
	expect_input(bench, "late");
}

static void test_input_is_cut_to_the_guests_buffers(void **state)
{
	struct bench *bench = *state;

	offer_rx(bench, 3);
	person_types(bench, "abcdefg");
	expect_input(bench, "abc");
	offer_rx(bench, 100);
	expect_input(bench, "defg");
}

/* Much more than socket and ring hold: the guest has to wait and nothing may be lost. */
static void test_slow_reader_loses_nothing(void **state)
{
	enum { CHUNKS = 40 };
	struct bench *bench = *state;
	uint8_t *chunk = malloc(TX_SIZE), *seen = malloc(TX_SIZE);
	struct vring_used_elem element;

	guest_writes(bench, 0, "!", 1); /* the reader is connected for sure */
	person_reads(bench, seen, 1);
	for (unsigned int i = 1; i <= CHUNKS; i++) {
		struct driver_segment segment = {TX_BUFFER + (i % 4) * TX_SIZE, TX_SIZE, false};

		memset(chunk, (int)i % 4, TX_SIZE);
		memcpy(driver_ram(&bench->driver, segment.gpa), chunk, TX_SIZE);
		driver_offer(&bench->driver, TX, i, &segment, 1);
	}
	driver_kick(&bench->driver, TX);
	for (unsigned int i = 1; i <= CHUNKS; i++) {
		memset(chunk, (int)i % 4, TX_SIZE);
		person_reads(bench, seen, TX_SIZE);
		assert_memory_equal(seen, chunk, TX_SIZE);
	}
	for (unsigned int i = 0; i <= CHUNKS; i++)
		assert_true(driver_poll(&bench->driver, TX, &element));
	free(chunk);
	free(seen);
}

static void test_reset_drops_the_buffer_that_waited_for_input(void **state)
{
	struct bench *bench = *state;
	struct vring_used_elem element;
	char byte;

	offer_rx(bench, 64);
	guest_writes(bench, 0, "x", 1);
	person_reads(bench, &byte, 1);
	assert_true(driver_poll(&bench->driver, TX, &element));
	driver_probe(&bench->driver, 0, 2);
	memset(driver_ram(&bench->driver, RX_BUFFER), 0, 64);
	person_types(bench, "ghost");
	guest_writes(bench, 0, "y", 1); /* served after the input, had anyone asked for it */
	person_reads(bench, &byte, 1);
	assert_int_equal(driver_used(&bench->driver, RX)->idx, 0);
	assert_int_equal(*(char *)driver_ram(&bench->driver, RX_BUFFER), 0);
	offer_rx(bench, 64);
	expect_input(bench, "ghost");
}

static void test_console_needs_a_backend(void **state)
{
	struct chardev_config config = {.kind = CHARDEV_NONE};
	struct vm vm = {0};
	struct error err;

	(void)state;
	assert_int_equal(console_add(&vm, &config, &err), -EINVAL);
}

/* ---- rng ------------------------------------------------------------------------------------------ */

static int setup_rng(void **state)
{
	struct driver *driver = calloc(1, sizeof(*driver));
	struct error err;

	driver_init(driver);
	assert_int_equal(rng_add(&driver->vm, &err), 0);
	driver_start(driver);
	driver_probe(driver, 0, 1);
	*state = driver;
	return 0;
}

static int teardown_rng(void **state)
{
	driver_release(*state);
	free(*state);
	return 0;
}

static void test_entropy_fills_the_buffer(void **state)
{
	struct driver *driver = *state;
	const struct driver_segment segments[] = {
		{DRIVER_DATA, 32, true}, {DRIVER_DATA + 64, 32, true}};
	uint8_t before[64] = {0}, *data = driver_ram(driver, DRIVER_DATA);
	struct vring_used_elem element;

	memset(data, 0, 0x1000);
	for (int round = 0; round < 3; round++) {
		driver_offer(driver, 0, 0, segments, 2);
		driver_kick(driver, 0);
		assert_true(driver_poll(driver, 0, &element));
		assert_int_equal(element.len, 64);
		assert_memory_not_equal(data, before, 32);
		assert_memory_not_equal(data + 64, before + 32, 32);
		assert_memory_equal(data + 32, (uint8_t[32]){0}, 32); /* not between the segments */
		memcpy(before, data, 32);
		memcpy(before + 32, data + 64, 32);
	}
}

static void test_entropy_is_bounded_a_request(void **state)
{
	struct driver *driver = *state;
	const struct driver_segment segment = {DRIVER_DATA, 0x80000, true};
	uint8_t *data = driver_ram(driver, DRIVER_DATA);
	struct vring_used_elem element;

	memset(data, 0, 0x80000);
	driver_offer(driver, 0, 0, &segment, 1);
	driver_kick(driver, 0);
	assert_true(driver_poll(driver, 0, &element));
	assert_int_equal(element.len, 4096);
	assert_int_equal(data[4096], 0);
}

static void test_request_without_room_breaks_the_device(void **state)
{
	struct driver *driver = *state;
	const struct driver_segment segment = {DRIVER_DATA, 16, false};

	driver_offer(driver, 0, 0, &segment, 1);
	driver_kick(driver, 0);
	assert_true(driver_wait_status(driver, VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_CONFIG_S_NEEDS_RESET));
}

#define CONSOLE(name) cmocka_unit_test_setup_teardown(name, setup_console, teardown_console)
#define RNG(name)     cmocka_unit_test_setup_teardown(name, setup_rng, teardown_rng)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONSOLE(test_output_reaches_the_reader),
		CONSOLE(test_input_waits_for_a_buffer_of_the_guest),
		CONSOLE(test_input_is_cut_to_the_guests_buffers),
		CONSOLE(test_slow_reader_loses_nothing),
		CONSOLE(test_reset_drops_the_buffer_that_waited_for_input),
		cmocka_unit_test(test_console_needs_a_backend),
		RNG(test_entropy_fills_the_buffer),
		RNG(test_entropy_is_bounded_a_request),
		RNG(test_request_without_room_breaks_the_device),
	};

	return cmocka_run_group_tests_name("console and rng", tests, NULL, NULL);
}
