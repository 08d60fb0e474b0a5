/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/irqbalance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/proc.h"
#include "lib/unixsock.h"

#define ANSWER_MAX     65536 /* "setup" lists every banned interrupt before the mask */
#define ANSWER_SECONDS 12    /* longer than it sleeps */
#define BAN_SECONDS    40    /* to wake up, look at the machine, and sleep once more */
#define POLL_MS        200

/*
 * Sends one command and reads what comes back. The daemon wants root's credentials: the kernel adds
 * them, since its socket asks for them (unix(7), SO_PASSCRED).
 */
static int talk(const struct root *root, pid_t pid, const char *command, char *answer, size_t size,
	struct error *err)
{
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	char path[PATH_MAX];
	size_t used = 0;
	ssize_t got;
	int fd, status;

	fd = unixsock_connect(root_path(root, path, "/run/irqbalance/irqbalance%d.sock", (int)pid), err);
	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	/* One message; a daemon that ends just now must not end us by a signal. */
	status = send(fd, command, strlen(command), MSG_NOSIGNAL) < 0 ? -errno : 0;
	while (!status && used < size - 1) {
		got = recv(fd, answer + used, size - 1 - used, 0);
		if (got < 0)
			status = -errno;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	answer[used] = '\0';
	close(fd);
	/* It closes without reading further; that is the end of a command without an answer. */
	if (status == -ECONNRESET)
		status = 0;
	return status ? error_errno(err, -status, "irqbalance (PID %d) does not answer", (int)pid) : 0;
}

int irqbalance_banned(const struct root *root, pid_t pid, struct idset *banned, struct error *err)
{
	static const char word[] = "BANNED ";
	char answer[ANSWER_MAX], *mask;
	int status = talk(root, pid, "setup", answer, sizeof(answer), err);

	if (status < 0)
		return status;
	mask = strstr(answer, word);
	if (!mask || idset_parse_mask(mask + sizeof(word) - 1, banned) < 0)
		return error_set(err, EPROTO, "irqbalance (PID %d) answers '%.40s', which has no BANNED mask",
			(int)pid, answer);
	return 0;
}

void irqbalance_read(const struct root *root, pid_t pid, struct irqbalance *irqbalance)
{
	struct proc_stat stat;
	struct error err;

	*irqbalance = (struct irqbalance){0};
	if (proc_stat_read(root, pid, 0, &stat) < 0 ||
		irqbalance_banned(root, pid, &irqbalance->banned, &err) < 0)
		return;
	irqbalance->pid = pid;
	irqbalance->start = stat.start;
}

static void pause_ms(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

static long seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)now.tv_sec;
}

int irqbalance_ban(const struct root *root, pid_t pid, const struct idset *banned, struct error *err)
{
	char list[IDSET_MAX * 6], command[sizeof(list) + 32], answer[64];
	long until = seconds_now() + BAN_SECONDS;
	struct idset now;
	int status;

	idset_format(banned, list, sizeof(list));
	snprintf(command, sizeof(command), "settings cpus %s", *list ? list : "NULL");
	status = talk(root, pid, command, answer, sizeof(answer), err);
	while (status >= 0) {
		status = irqbalance_banned(root, pid, &now, err);
		if (status >= 0 && idset_equal(&now, banned))
			return 0;
		if (seconds_now() >= until)
			return error_set(err, ETIMEDOUT, "irqbalance (PID %d) has not banned the CPUs %s in %d s",
				(int)pid, *list ? list : "of its configuration", BAN_SECONDS);
		pause_ms(POLL_MS);
	}
	return status;
}
