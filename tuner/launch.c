// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starting a guest, in this order: runtime directory and log, fork, and in the child: session,
 * control group, PID file, exec. The PID file is there before the program is, so that a vmtune that is
 * killed at any moment leaves no guest that the next one cannot find.
 */
#include "tuner/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "host/qmp.h"
#include "lib/xalloc.h"
#include "tuner/cgroup.h"
#include "tuner/guests.h"
#include "tuner/interrupt.h"
#include "tuner/journal.h"
#include "tuner/scope.h"

#define START_MS   180000 /* a large guest is populated page by page before it runs */
#define POLL_MS    20
#define QMP_MS     5000
#define QUIT_MS    5000
#define LOG_TAIL   600    /* bytes of the log that go into an error */

static const char *const runtime_files[] = {"qmp.sock", "console.sock", "serial.sock", "pid", "log"};

static void sleep_ms(int ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

/* ---- the runtime directory ------------------------------------------------------------------ */

static int make_runtime(const struct action_context *context, const char *name, struct error *err)
{
	char path[PATH_MAX];

	if (mkdir(root_path(&context->root, path, "%s", context->run_dir), 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "making %s", path);
	if (mkdir(guest_file(context, path, name, ""), 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "making %s", path);
	unlink(guest_file(context, path, name, "qmp.sock"));
	unlink(guest_file(context, path, name, "pid"));
	return 0;
}

static void remove_runtime(const struct action_context *context, const char *name)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(runtime_files) / sizeof(runtime_files[0]); i++)
		unlink(guest_file(context, path, name, runtime_files[i]));
	rmdir(guest_file(context, path, name, ""));
	rmdir(root_path(&context->root, path, "%s", context->run_dir)); /* the last one */
}

/* The last lines of the log on one line, for an error. */
static void log_tail(const struct action_context *context, const char *name, char tail[LOG_TAIL])
{
	char path[PATH_MAX];
	int fd = open(guest_file(context, path, name, "log"), O_RDONLY | O_CLOEXEC);
	ssize_t length = 0;

	if (fd >= 0) {
		if (lseek(fd, -(LOG_TAIL - 1), SEEK_END) < 0)
			lseek(fd, 0, SEEK_SET);
		length = read(fd, tail, LOG_TAIL - 1);
		close(fd);
	}
	while (length > 0 && tail[length - 1] == '\n')
		length--;
	tail[length > 0 ? length : 0] = '\0';
	for (char *at = tail; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = *at == '\n' ? '|' : ' ';
}

/* ---- the child ------------------------------------------------------------------------------ */

static void child_fails(int report, const char *what, int errnum)
{
	dprintf(report, "%s: %s", what, strerror(errnum));
	_exit(127);
}

static void child_files(int report, const char *log)
{
	int null = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);

	if (null < 0 || out < 0)
		child_fails(report, log, errno);
	if (dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		child_fails(report, "dup2", errno);
	close(null);
	close(out);
}

static void child_pid_file(int report, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		child_fails(report, path, errno);
	close(fd);
}

static void child_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signum = 1; signum < NSIG; signum++)
		if (signum != SIGKILL && signum != SIGSTOP)
			signal(signum, SIG_DFL);
}

/* Never returns. @report is closed by a successful exec; else it carries what was wrong. */
static void __attribute__((noreturn)) child(const struct action_context *context, const char *name,
	char *const argv[], int report, pid_t parent)
{
	char path[PATH_MAX], *group = cgroup_name(name);
	struct error err;

	/* Until exec the child dies with vmtune: half a guest would be nobody's. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setsid();
	child_signals();
	if (sd_booted() > 0 ? scope_enter(name, &err) < 0
			    : cgroup_exists(group) && cgroup_enter(group, getpid(), &err) < 0) {
		dprintf(report, "%s", err.text);
		_exit(127);
	}
	child_pid_file(report, guest_file(context, path, name, "pid"));
	child_files(report, guest_file(context, path, name, "log"));
	if (chdir("/") < 0)
		child_fails(report, "chdir /", errno);
	prctl(PR_SET_PDEATHSIG, 0);
	execvp(argv[0], argv);
	child_fails(report, argv[0], errno);
	_exit(127);
}

/* ---- the parent ----------------------------------------------------------------------------- */

/* Reads what the child reports until exec closes the pipe. 0: it executes. */
static int wait_exec(int report, struct error *err)
{
	char text[512];
	size_t used = 0;
	ssize_t got;

	do {
		got = read(report, text + used, sizeof(text) - 1 - used);
		if (got > 0)
			used += (size_t)got;
	} while ((got > 0 && used < sizeof(text) - 1) || (got < 0 && errno == EINTR));
	text[used] = '\0';
	return used ? error_set(err, ENOEXEC, "%s", text) : 0;
}

static pid_t spawn(const struct action_context *context, const char *name, char *const argv[],
	struct error *err)
{
	int report[2], status;
	pid_t pid, self = getpid();

	if (pipe2(report, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe");
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(context, name, argv, report[1], self);
	close(report[1]);
	status = pid < 0 ? error_errno(err, errno, "fork") : wait_exec(report[0], err);
	close(report[0]);
	if (pid > 0 && status < 0)
		waitpid(pid, NULL, 0);
	return status < 0 ? status : pid;
}

/* 1: runs; 0: not yet; negative with @err: it never will. */
static int ask_running(const char *socket, struct error *err)
{
	struct qmp *qmp = access(socket, F_OK) == 0 ? qmp_connect(socket, QMP_MS, NULL) : NULL;
	json_t *answer = qmp ? qmp_call(qmp, "query-status", NULL, NULL) : NULL;
	const char *status = json_string_value(json_object_get(answer, "status"));
	int result = 0;

	if (status && !strcmp(status, "running"))
		result = 1;
	else if (status && strcmp(status, "prelaunch"))
		result = error_set(err, ECANCELED, "it is '%s' right after its start", status);
	json_decref(answer);
	if (qmp)
		qmp_close(qmp);
	return result;
}

static int ended(int wait_status, struct error *err)
{
	if (WIFSIGNALED(wait_status))
		return error_set(err, ECHILD, "ended by signal %d", WTERMSIG(wait_status));
	return error_set(err, ECHILD, "ended with status %d", WEXITSTATUS(wait_status));
}

static int wait_running(const struct action_context *context, const char *name, pid_t pid,
	struct error *err)
{
	char socket[PATH_MAX];
	int wait_status, result;

	guest_file(context, socket, name, "qmp.sock");
	for (int waited = 0; waited < START_MS; waited += POLL_MS) {
		result = ask_running(socket, err);
		if (result)
			return result;
		if (waitpid(pid, &wait_status, WNOHANG) == pid)
			return ended(wait_status, err);
		if (interrupted())
			return error_set(err, EINTR, "interrupted");
		sleep_ms(POLL_MS);
	}
	return error_set(err, ETIMEDOUT, "its control socket did not answer within %d s", START_MS / 1000);
}

int launch_guest(const struct action_context *context, const char *name, char *const argv[],
	struct error *err)
{
	char tail[LOG_TAIL];
	pid_t pid;
	int status = make_runtime(context, name, err);

	if (status < 0)
		return status;
	journal_boundary("before a guest's process");
	pid = spawn(context, name, argv, err);
	journal_boundary("after a guest's process");
	status = pid < 0 ? pid : wait_running(context, name, pid, err);
	if (status >= 0)
		return 0;
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	log_tail(context, name, tail);
	error_prefix(err, "guest %s did not start (%s says: %s)", name, argv[0], *tail ? tail : "nothing");
	remove_runtime(context, name);
	return status;
}

/* ---- the end -------------------------------------------------------------------------------- */

static bool tell(const char *socket, const char *command)
{
	struct qmp *qmp = qmp_connect(socket, QMP_MS, NULL);
	json_t *answer = qmp ? qmp_call(qmp, command, NULL, NULL) : NULL;
	bool told = answer != NULL;

	json_decref(answer);
	if (qmp)
		qmp_close(qmp);
	return told;
}

/* Whether the process ended within @ms. */
static bool wait_end(int pidfd, pid_t pid, int ms)
{
	struct pollfd poller = {.fd = pidfd, .events = POLLIN};
	int found;

	do
		found = poll(&poller, 1, ms);
	while (found < 0 && errno == EINTR);
	waitpid(pid, NULL, WNOHANG); /* when it is our own child */
	return found > 0;
}

static int end_process(const struct action_context *context, const char *name, pid_t pid, int pidfd,
	struct error *err)
{
	char socket[PATH_MAX];

	guest_file(context, socket, name, "qmp.sock");
	if (tell(socket, "system_powerdown") && wait_end(pidfd, pid, context->stop_ms))
		return 0;
	if (wait_end(pidfd, pid, 0))
		return 0;
	warn("guest %s did not shut down within %d s of being asked; ending it", name,
		context->stop_ms / 1000);
	if (tell(socket, "quit") && wait_end(pidfd, pid, QUIT_MS))
		return 0;
	if (wait_end(pidfd, pid, 0))
		return 0;
	warn("guest %s (PID %d) does not answer; killing it", name, (int)pid);
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (wait_end(pidfd, pid, QUIT_MS))
		return 0;
	return error_set(err, ETIMEDOUT, "guest %s (PID %d) does not end", name, (int)pid);
}

int launch_stop(const struct action_context *context, const char *name, struct error *err)
{
	pid_t pid = guest_pid(context, name);
	int pidfd, status = 0;

	if (pid > 0) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0 && errno != ESRCH)
			return error_errno(err, errno, "watching guest %s (PID %d)", name, (int)pid);
		/* The number may have been taken by another process before it was opened. */
		if (pidfd >= 0 && guest_pid(context, name) == pid)
			status = end_process(context, name, pid, pidfd, err);
		if (pidfd >= 0)
			close(pidfd);
	}
	if (status >= 0)
		remove_runtime(context, name);
	return status;
}
