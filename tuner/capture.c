// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "tuner/interrupt.h"

#define OUTPUT_MAX (1 << 20)
#define SLICE_MS   500 /* a signal that comes just before the wait is seen so late at most */
#define PAUSE_NS   1000000
#define SEPARATORS " \t\r\n,:;="

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void __attribute__((noreturn)) execute(char *const argv[], int out, int errors, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (getppid() != parent || null < 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Reads until the end of file, @deadline or Ctrl-C. Returns the text, NUL-terminated. */
static char *drain(int fd, int64_t deadline, bool *ended)
{
	size_t used = 0;
	char *text = xmalloc(OUTPUT_MAX);

	*ended = false;
	while (used < OUTPUT_MAX - 1 && !interrupted() && now_ms() < deadline) {
		struct pollfd poller = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&poller, 1, SLICE_MS) <= 0)
			continue;
		got = read(fd, text + used, OUTPUT_MAX - 1 - used);
		if (got == 0)
			*ended = true;
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		used += got > 0 ? (size_t)got : 0;
	}
	text[used] = '\0';
	return text;
}

/* It may have closed its output long before it ends. */
static bool await_end(pid_t pid, int64_t deadline)
{
	siginfo_t info = {.si_pid = 0};

	while (!interrupted()) {
		const struct timespec pause = {.tv_nsec = PAUSE_NS};

		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
			return true;
		if (now_ms() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void last_line(FILE *file, char *line, size_t size)
{
	char text[512];

	line[0] = '\0';
	rewind(file);
	while (fgets(text, sizeof(text), file))
		if (text[0] != '\n')
			snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static int outcome(const char *program, bool ended, int wait_status, const char *complaint,
	struct error *err)
{
	if (interrupted())
		return error_set(err, EINTR, "interrupted");
	if (!ended)
		return error_set(err, ETIMEDOUT, "%s did not end in time", program);
	if (WIFSIGNALED(wait_status))
		return error_set(err, ECHILD, "%s ended by signal %d: %s", program, WTERMSIG(wait_status),
			complaint);
	if (WEXITSTATUS(wait_status))
		return error_set(err, ECHILD, "%s ended with status %d: %s", program,
			WEXITSTATUS(wait_status), complaint);
	return 0;
}

int capture_text(char *const argv[], int limit_ms, char **output, struct error *err)
{
	FILE *errors = tmpfile();
	char complaint[512];
	pid_t pid, self = getpid();
	int64_t deadline = now_ms() + limit_ms;
	bool ended;
	int out[2], wait_status, status;

	if (!errors)
		return error_errno(err, errno, "temporary file");
	if (pipe2(out, O_CLOEXEC) < 0 || (fflush(NULL), pid = fork()) < 0) {
		status = error_errno(err, errno, "starting %s", argv[0]);
		fclose(errors);
		return status;
	}
	if (pid == 0)
		execute(argv, out[1], fileno(errors), self);
	setpgid(pid, pid); /* here and there: whoever comes first */
	close(out[1]);
	*output = drain(out[0], deadline, &ended);
	close(out[0]);
	ended = ended && await_end(pid, deadline);
	if (!ended)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	last_line(errors, complaint, sizeof(complaint));
	fclose(errors);
	status = outcome(argv[0], ended, wait_status, complaint, err);
	if (status < 0) {
		free(*output);
		*output = NULL;
	}
	return status;
}

/* The last word of @output, which is taken apart, that is a number. */
static bool last_number(char *output, double *value)
{
	char *rest = NULL;
	bool found = false;

	for (char *word = strtok_r(output, SEPARATORS, &rest); word;
	     word = strtok_r(NULL, SEPARATORS, &rest)) {
		char *end;
		double number = strtod(word, &end);

		if (end != word && !*end && isfinite(number)) {
			*value = number;
			found = true;
		}
	}
	return found;
}

int capture_number(char *const argv[], int limit_ms, double *value, struct error *err)
{
	char *output = NULL;
	int status = capture_text(argv, limit_ms, &output, err);

	if (status >= 0 && !last_number(output, value))
		status = error_set(err, EINVAL, "%s printed no number", argv[0]);
	free(output);
	return status;
}
