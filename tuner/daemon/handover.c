// SPDX-License-Identifier: GPL-2.0-or-later
/* The caller's side of the daemon's socket. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/unixsock.h"
#include "tuner/context.h"
#include "tuner/daemon/control.h"
#include "tuner/daemon/control_internal.h"
#include "tuner/interrupt.h"

#define ANSWER_MAX (64 << 20) /* a host of thousands of guests off their place */

bool control_inside;

static int connect_daemon(const struct root *root, struct error *err)
{
	char path[PATH_MAX];

	return unixsock_connect(root_path(root, path, RUN_DIR "/" CONTROL_SOCKET), err);
}

/* Sends @request (consumed); with it, when @fds, standard output and error. */
static int send_request(int fd, json_t *request, bool fds, struct error *err)
{
	const int out[CONTROL_FDS] = {STDOUT_FILENO, STDERR_FILENO};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(out))];
	} ancillary = {.space = {0}};
	char *text = json_dumps(request, JSON_COMPACT);
	struct iovec parts[] = {{text, text ? strlen(text) : 0}, {(char *)(uintptr_t)"\n", 1}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;

	if (fds) {
		message.msg_control = &ancillary;
		message.msg_controllen = sizeof(ancillary);
		ancillary.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(out)), .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&ancillary.header), out, sizeof(out));
	}
	sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	free(text);
	json_decref(request);
	return sent < 0 ? error_errno(err, errno, "asking the daemon") : 0;
}

/* Waits for the answer. At an interrupt the daemon is told once, and answers when the command has undone. */
static json_t *read_answer(int fd, struct error *err)
{
	char *text = malloc(ANSWER_MAX);
	size_t used = 0;
	bool told = false;
	json_t *json, *fault;

	while (text && used < ANSWER_MAX && !(used && text[used - 1] == '\n')) {
		struct pollfd poller = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&poller, 1, -1) < 0 && errno == EINTR) {
			if (interrupted() && !told)
				told = send(fd, "\n", 1, MSG_NOSIGNAL) > 0;
			continue;
		}
		got = recv(fd, text + used, ANSWER_MAX - used, 0);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	json = text ? json_loadb(text, used, 0, NULL) : NULL;
	free(text);
	fault = json_object_get(json_object_get(json, "error"), "desc");
	if (json && !fault)
		return json;
	error_set(err, EPROTO, "%s", fault ? json_string_value(fault)
		: "the daemon has ended before it answered; vmtune status tells what was done");
	json_decref(json);
	return NULL;
}

/* NULL: not text, which must not become another command by a word less. */
static json_t *run_request(int argc, char **argv)
{
	char folder[PATH_MAX];
	json_t *list = json_array();

	for (int i = 0; i < argc; i++)
		if (json_array_append_new(list, json_string(argv[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return json_pack("{s:s, s:{s:o, s:s}}", "execute", "run", "arguments", "argv", list, "cwd",
		getcwd(folder, sizeof(folder)) ? folder : "/");
}

int control_hand_over(const struct root *root, int argc, char **argv, struct error *err)
{
	json_t *request, *answer = NULL;
	int fd, status;

	if (control_inside)
		return -ENOENT;
	fd = connect_daemon(root, NULL);
	if (fd < 0)
		return -ENOENT;
	interrupt_watch();
	fflush(NULL);
	request = run_request(argc, argv);
	status = request ? send_request(fd, request, true, err)
		: error_set(err, EILSEQ, "the daemon takes arguments and folders that are UTF-8 only; rename the file");
	if (status >= 0)
		answer = read_answer(fd, err);
	close(fd);
	if (!answer)
		return status < 0 ? status : -EPROTO;
	status = (int)json_integer_value(json_object_get(json_object_get(answer, "return"), "status"));
	json_decref(answer);
	return status;
}

json_t *control_ask_status(const struct root *root, struct error *err)
{
	int fd = connect_daemon(root, err), status;
	json_t *answer, *value;

	if (fd < 0) {
		error_set(err, ENOENT, "no daemon runs here; start it with vmtune daemon");
		return NULL;
	}
	status = send_request(fd, json_pack("{s:s}", "execute", "status"), false, err);
	answer = status < 0 ? NULL : read_answer(fd, err);
	close(fd);
	value = json_incref(json_object_get(answer, "return"));
	json_decref(answer);
	return value;
}
