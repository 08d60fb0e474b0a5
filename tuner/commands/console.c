// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune console: this terminal, raw, on a guest's console socket until Ctrl-] or its end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/unixsock.h"
#include "lib/writeall.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/guests.h"

#define DETACH_KEY 0x1d /* Ctrl-], as telnet has it */

/* 1: go on; 0: the end; negative: errno. */
static int pass(int from, int to, bool keyboard)
{
	char data[4096], *key = NULL;
	ssize_t got = read(from, data, sizeof(data));
	int status;

	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	if (got == 0)
		return 0;
	if (keyboard)
		key = memchr(data, DETACH_KEY, (size_t)got);
	status = write_all(to, data, key ? (size_t)(key - data) : (size_t)got);
	return status < 0 ? status : !key;
}

/* Input that ends (a pipe) is no reason to leave: the guest's output may go on. */
static int talk(int socket)
{
	struct pollfd polls[] = {{.fd = socket, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
	int status = 1;

	while (status > 0) {
		if (poll(polls, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (polls[0].revents)
			status = pass(socket, STDOUT_FILENO, false);
		if (status > 0 && polls[1].revents) {
			status = pass(STDIN_FILENO, socket, true);
			if (status == 0 && !isatty(STDIN_FILENO)) {
				polls[1].fd = -1;
				status = 1;
			}
		}
	}
	return status;
}

static int talk_raw(int socket)
{
	struct termios saved, raw;
	bool terminal = tcgetattr(STDIN_FILENO, &saved) == 0;
	int status;

	if (terminal) {
		raw = saved;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	status = talk(socket);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	return status;
}

int console_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_context context;
	char path[PATH_MAX];
	struct error err;
	int operands, socket, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	context_init(&context, &common.root);
	socket = unixsock_connect(guest_file(&context, path, argv[operands], "console.sock"), &err);
	if (socket < 0) {
		error_prefix(&err, "guest %s", argv[operands]);
		return command_failed(argv[0], &err);
	}
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "console of %s; Ctrl-] leaves\r\n", argv[operands]);
	status = talk_raw(socket);
	close(socket);
	if (status < 0) {
		error_errno(&err, -status, "console of %s", argv[operands]);
		return command_failed(argv[0], &err);
	}
	return EXIT_SUCCESS;
}
