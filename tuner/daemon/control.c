// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's side of its socket. */
#include "tuner/daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/unixsock.h"
#include "lib/writeall.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/daemon/control_internal.h"
#include "tuner/daemon/log.h"

#define REQUEST_MAX 65536
#define REQUEST_SECONDS 2
#define ARGUMENTS_MAX 1024

/* ---- opening -------------------------------------------------------------------------------- */

int control_listen(struct control *control, const struct root *root, struct error *err)
{
	char path[PATH_MAX];
	int status = context_make_run_dir(root, err);

	if (status < 0)
		return status;
	root_path(root, path, RUN_DIR "/" CONTROL_SOCKET);
	control->listener = unixsock_listen(path, err);
	if (control->listener < 0)
		return control->listener;
	snprintf(control->path, sizeof(control->path), "%s", path);
	return 0;
}

static void tell(struct control_job *job)
{
	if (!job->told)
		kill(job->pid, SIGINT);
	job->told = true;
}

void control_close(struct control *control)
{
	char *slash = strrchr(control->path, '/');

	unixsock_unlisten(control->listener, control->path);
	control->listener = -1;
	if (slash)
		*slash = '\0';
	rmdir(control->path); /* when nothing else is in it */
	for (int i = 0; i < CONTROL_JOBS; i++)
		if (control->jobs[i].pid)
			tell(&control->jobs[i]);
}

/* ---- one request ---------------------------------------------------------------------------- */

struct request {
	json_t *json;
	int fds[CONTROL_FDS]; /* standard output and error of the caller, or -1 */
};

static void request_release(struct request *request)
{
	json_decref(request->json);
	for (int i = 0; i < CONTROL_FDS; i++)
		if (request->fds[i] >= 0)
			close(request->fds[i]);
}

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void take_fds(struct request *request, struct msghdr *message)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
		size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[CONTROL_FDS];

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count && i < CONTROL_FDS; i++) {
			memcpy(&fds[i], CMSG_DATA(control) + i * sizeof(int), sizeof(int));
			if (request->fds[i] >= 0)
				close(fds[i]);
			else
				request->fds[i] = fds[i];
		}
	}
}

/* One line; what comes with it. */
static int read_request(int fd, struct request *request, struct error *err)
{
	static char text[REQUEST_MAX];
	size_t used = 0;

	while (!used || text[used - 1] != '\n') {
		union {
			struct cmsghdr header;
			char space[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
		} ancillary;
		struct iovec part = {text + used, sizeof(text) - used};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary,
			.msg_controllen = sizeof(ancillary)};
		ssize_t got = used < sizeof(text) ? recvmsg(fd, &message, MSG_CMSG_CLOEXEC) : 0;

		if (got <= 0)
			return error_set(err, EPROTO, "a request is one line of at most %d bytes", REQUEST_MAX);
		take_fds(request, &message);
		used += (size_t)got;
	}
	request->json = json_loadb(text, used, 0, NULL);
	return request->json ? 0 : error_set(err, EPROTO, "the request is no JSON");
}

/* Whole, though it may be more than the socket holds; to one that does not read, what goes in REQUEST_SECONDS. */
static void answer(int fd, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);
	size_t left = text ? strlen(text) : 0;
	ssize_t sent;

	if (text)
		text[left++] = '\n'; /* in the place of its end */
	for (const char *at = text; left; at += sent, left -= (size_t)sent) {
		sent = send(fd, at, left, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
	}
	free(text);
	json_decref(json);
}

/* ---- commands ------------------------------------------------------------------------------- */

static struct control_job *free_job(struct control *control)
{
	for (int i = 0; i < CONTROL_JOBS; i++)
		if (!control->jobs[i].pid)
			return &control->jobs[i];
	return NULL;
}

/* The caller's two descriptors become the command's; nothing else of the daemon's is left to it. */
static void __attribute__((noreturn)) child(const struct command *command, int argc, char **argv, const int *fds,
	const char *folder)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	setpgid(0, 0); /* Ctrl-C at the daemon's terminal is the daemon's, which tells it */
	for (int i = 0; fds && i < CONTROL_FDS; i++)
		dup2(fds[i], STDOUT_FILENO + i);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	if (folder && chdir(folder) < 0)
		die("%s: %s", folder, strerror(errno));
	control_inside = true;
	exit(command->run(argc, argv));
}

static int start(struct control *control, int argc, char **argv, const int *fds, const char *folder, int fd,
	struct error *err)
{
	const struct command *command = argc ? command_find(argv[0]) : NULL;
	struct control_job *job = free_job(control);
	int status;

	if (!command || !command->changes)
		return error_set(err, EINVAL, "the daemon carries out no '%s'", argc ? argv[0] : "");
	if (!job)
		return error_set(err, EBUSY, "%d commands run already; try again when one has ended", CONTROL_JOBS);
	fflush(NULL);
	job->pid = fork();
	if (job->pid == 0)
		child(command, argc, argv, fds, folder);
	job->pidfd = job->pid > 0 ? (int)syscall(SYS_pidfd_open, job->pid, 0) : -1;
	if (job->pidfd < 0) {
		status = error_errno(err, errno, "starting %s", argv[0]);
		if (job->pid > 0 && kill(job->pid, SIGKILL) == 0)
			waitpid(job->pid, NULL, 0);
		job->pid = 0;
		return status;
	}
	job->fd = fd;
	job->own = !fds;
	job->told = false;
	snprintf(job->what, sizeof(job->what), "%s", argv[0]);
	return 0;
}

static int run_request(struct control *control, const struct request *request, int fd, struct error *err)
{
	char *argv[ARGUMENTS_MAX + 1] = {NULL};
	const json_t *list, *arguments = json_object_get(request->json, "arguments");
	const char *folder = json_string_value(json_object_get(arguments, "cwd"));
	size_t count;

	list = json_object_get(arguments, "argv");
	count = json_array_size(list);
	if (!count || count > ARGUMENTS_MAX || !folder || request->fds[CONTROL_FDS - 1] < 0)
		return error_set(err, EPROTO, "run needs argv, cwd, and two descriptors");
	for (size_t i = 0; i < count; i++) {
		argv[i] = (char *)(uintptr_t)json_string_value(json_array_get(list, i));
		if (!argv[i])
			return error_set(err, EPROTO, "argv is a list of texts");
	}
	daemon_log(LOG_LEVEL_INFO, "event=command what=\"%s\" operand=\"%s\" folder=\"%s\"", argv[0],
		count > 1 ? argv[count - 1] : "", folder);
	return start(control, (int)count, argv, request->fds, folder, fd, err);
}

int control_run(struct control *control, char *const argv[], struct error *err)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return start(control, argc, (char **)(uintptr_t)argv, NULL, NULL, -1, err);
}

/* Whether the connection is kept, for a command that runs. */
static bool serve(struct control *control, int fd)
{
	const struct timeval limit = {.tv_sec = REQUEST_SECONDS};
	struct request request = {.fds = {-1, -1}};
	struct error err;
	const char *what;
	bool kept = false;
	int status;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!may_ask(fd)) {
		answer(fd, json_pack("{s:{s:s}}", "error", "desc", "only root may ask this daemon"));
		return false;
	}
	status = read_request(fd, &request, &err);
	what = status < 0 ? "" : json_string_value(json_object_get(request.json, "execute"));
	if (status >= 0 && what && !strcmp(what, "status"))
		answer(fd, json_pack("{s:o}", "return", control->status(control->opaque)));
	else if (status >= 0 && what && !strcmp(what, "run"))
		kept = (status = run_request(control, &request, fd, &err)) >= 0;
	else if (status >= 0)
		status = error_set(&err, EPROTO, "there is no '%s'; there are run and status", what ? what : "");
	if (status < 0)
		answer(fd, json_pack("{s:{s:s}}", "error", "desc", err.text));
	request_release(&request);
	return kept;
}

static void accept_one(struct control *control)
{
	int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 && !serve(control, fd))
		close(fd);
}

/* ---- the loop's part ------------------------------------------------------------------------ */

unsigned int control_polls(const struct control *control, struct pollfd *polls)
{
	unsigned int count = 0;

	polls[count++] = (struct pollfd){.fd = control->listener, .events = POLLIN};
	for (int i = 0; i < CONTROL_JOBS; i++) {
		const struct control_job *job = &control->jobs[i];

		/* a descriptor that is negative is passed over by poll(2) */
		polls[count++] = (struct pollfd){.fd = job->pid ? job->pidfd : -1, .events = POLLIN};
		polls[count++] = (struct pollfd){.fd = job->pid ? job->fd : -1, .events = POLLIN};
	}
	return count;
}

static int exit_status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return EXIT_FAILURE; /* nobody knows */
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void end_job(struct control *control, struct control_job *job)
{
	int status = exit_status_of(job->pid);

	if (job->own)
		control->own_status = status;
	daemon_log(status && status != EXIT_DRIFT ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
		"event=command-end what=\"%s\" status=%d", job->what, status);
	if (job->fd >= 0) {
		answer(job->fd, json_pack("{s:{s:i}}", "return", "status", status));
		close(job->fd);
	}
	close(job->pidfd);
	job->pid = 0;
}

/* The caller has gone or wants it to stop. Said once: the command undoes what it has done. */
static void interrupt_job(struct control_job *job)
{
	char more[16];
	ssize_t got = recv(job->fd, more, sizeof(more), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	tell(job);
	if (got > 0)
		return;
	close(job->fd);
	job->fd = -1;
}

bool control_answer(struct control *control, const struct pollfd *polls, unsigned int count)
{
	bool ended = false;

	for (unsigned int i = 1; i + 1 < count; i += 2) {
		struct control_job *job = &control->jobs[(i - 1) / 2];

		if (polls[i].revents) {
			end_job(control, job);
			ended = true;
		} else if (polls[i + 1].revents) {
			interrupt_job(job);
		}
	}
	if (polls[0].revents)
		accept_one(control);
	return ended;
}

bool control_busy(const struct control *control)
{
	for (int i = 0; i < CONTROL_JOBS; i++)
		if (control->jobs[i].pid)
			return true;
	return false;
}
