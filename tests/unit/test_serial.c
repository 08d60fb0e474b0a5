// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The serial port between a driver (this test, on the port bus) and a client of its socket, with the
 * event loop running in a thread as in vmm.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/chardev.h"
#include "vmm/hw/serial.h"
#include "vmm/layout.h"

#define PATIENCE_MS 20000

static struct vm vm;
static struct serial *serial;
static struct chardev_config config = {.kind = CHARDEV_UNIX};
static char directory[32];
static pthread_t thread;

static void *loop_main(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

static int setup(void **state)
{
	struct error err;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	vm_state_init(&vm);
	vm.irq.vm_fd = -1; /* interrupts go nowhere: the driver polls */
	vm.loop = loop_new(&err);
	bus_init(&vm.pio);
	strcpy(directory, "/tmp/test-serial-XXXXXX");
	if (!mkdtemp(directory) || asprintf(&config.path, "%s/s", directory) < 0)
		return -1;
	serial = serial_new(&vm, &config, &err);
	return !serial || pthread_create(&thread, NULL, loop_main, vm.loop) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_stop(vm.loop);
	pthread_join(thread, NULL);
	serial_free(serial);
	bus_release(&vm.pio);
	loop_free(vm.loop);
	vm_state_release(&vm);
	rmdir(directory);
	free(config.path);
	return 0;
}

static uint8_t in(unsigned int offset)
{
	uint8_t value;

	bus_read(&vm.pio, LAYOUT_SERIAL_PORT + offset, &value, 1);
	return value;
}

static void out(unsigned int offset, uint8_t value)
{
	bus_write(&vm.pio, LAYOUT_SERIAL_PORT + offset, &value, 1);
}

static int connect_client(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, config.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Reads exactly @length bytes from the client's end. */
static void expect(int fd, const char *text, size_t length)
{
	char got[256];

	assert_true(length <= sizeof(got));
	for (size_t have = 0; have < length;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t more;

		assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
		more = read(fd, got + have, length - have);
		assert_true(more > 0);
		have += (size_t)more;
	}
	assert_memory_equal(got, text, length);
}

/* The next byte the driver receives, polling LSR. */
static uint8_t receive(void)
{
	for (int i = 0; i < PATIENCE_MS; i++) {
		if (in(5) & 1)
			return in(0);
		usleep(1000);
	}
	fail_msg("nothing received");
	return 0;
}

static void output_reaches_clients_one_after_another(void **state)
{
	int client;

	(void)state;
	out(0, 'a');
	client = connect_client();
	expect(client, "a", 1);
	out(0, 'b');
	expect(client, "b", 1);
	close(client);
	client = connect_client();
	expect(client, "ab", 2); /* the next one is told again */
	close(client);
}

static void a_second_client_is_told_that_the_port_is_taken(void **state)
{
	int first = connect_client(), second;

	(void)state;
	out(0, 'x');
	expect(first, "x", 1);
	second = connect_client();
	expect(second, "another", 7);
	out(0, 'y');
	expect(first, "y", 1);
	close(second);
	close(first);
}

static void input_is_never_lost_however_slow_the_driver(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog, and does so again and again";
	int client;

	(void)state;
	out(2, 1); /* FIFO on: 16 bytes */
	client = connect_client();
	assert_int_equal(write(client, text, sizeof(text)), sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(receive(), text[i]);
	assert_int_equal(in(5) & 2, 0); /* no overrun */
	close(client);
}

static void a_client_that_does_not_read_stops_nobody(void **state)
{
	int client = connect_client();

	(void)state;
	out(0, 'a');
	expect(client, "a", 1);
	for (int i = 0; i < 1000000; i++)
		out(0, 'z'); /* the test ends, or it does not */
	assert_int_equal(in(5) & 0x60, 0x60);
	close(client);
}

/* Left in the backlog it would keep the loop busy; here it hears the end, and later ones get in. */
static void a_client_without_a_descriptor_for_it_is_turned_away(void **state)
{
	struct rlimit usual, few;
	int hoard[128] = {0}, count = 0, client;
	struct pollfd wait = {.events = POLLIN};
	char byte;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &usual);
	few = usual;
	few.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((hoard[count] = dup(0)) >= 0)
		count++;
	assert_true(count > 2);
	for (int left = 1; left <= 2; left++) { /* none for the client, then one of the two it takes */
		for (int i = 0; i < left; i++)
			close(hoard[--count]);
		client = wait.fd = connect_client();
		assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
		assert_int_equal(read(client, &byte, 1), 0);
		close(client);
		while ((hoard[count] = dup(0)) >= 0)
			count++;
	}
	while (count)
		close(hoard[--count]);
	setrlimit(RLIMIT_NOFILE, &usual);
	out(0, 'a');
	client = connect_client();
	expect(client, "a", 1);
	close(client);
}

static void loopback_is_what_linux_probes_for(void **state)
{
	(void)state;
	out(4, 0x1a); /* LOOP, OUT2, RTS */
	assert_int_equal(in(6) & 0xf0, 0x90); /* DCD, CTS */
	out(0, 'l');
	assert_int_equal(in(5) & 1, 1);
	assert_int_equal(in(0), 'l');
	assert_int_equal(in(5) & 1, 0);
}

static void it_is_a_16550a(void **state)
{
	(void)state;
	assert_int_equal(in(2) & 0xc0, 0);
	out(2, 1);
	assert_int_equal(in(2) & 0xc0, 0xc0);
	out(7, 0x5a);
	assert_int_equal(in(7), 0x5a);
	out(3, 0x80); /* the divisor latch is apart from data and IER */
	out(0, 0x01);
	out(1, 0x02);
	out(3, 0x03);
	assert_int_equal(in(1), 0);
	out(3, 0x83);
	assert_int_equal(in(0), 0x01);
	assert_int_equal(in(1), 0x02);
}

static void interrupts_are_identified_by_priority(void **state)
{
	(void)state;
	assert_int_equal(in(2) & 0xf, 1); /* none */
	out(1, 2);                        /* transmitter, which is empty */
	assert_int_equal(in(2) & 0xf, 2);
	assert_int_equal(in(2) & 0xf, 1); /* reading it was the acknowledgement */
	out(4, 0x10);
	out(1, 3);
	out(0, 'r'); /* loops back: received and transmitted at once */
	assert_int_equal(in(2) & 0xf, 4);
	in(0);
	assert_int_equal(in(2) & 0xf, 2);
	out(1, 7);
	for (int i = 0; i < 3; i++)
		out(0, 'o'); /* without FIFO one byte fits */
	assert_int_equal(in(2) & 0xf, 6);
	assert_int_equal(in(5) & 2, 2);
	assert_int_equal(in(2) & 0xf, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(output_reaches_clients_one_after_another, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_second_client_is_told_that_the_port_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(
			input_is_never_lost_however_slow_the_driver, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_does_not_read_stops_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_client_without_a_descriptor_for_it_is_turned_away, setup, teardown),
		cmocka_unit_test_setup_teardown(loopback_is_what_linux_probes_for, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_a_16550a, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupts_are_identified_by_priority, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
