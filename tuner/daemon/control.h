/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's socket: commands that change the host are handed to the daemon, which carries them out in a
 * process of its own, with the caller's folder, standard output and standard error.
 *
 * One request a connection, one line of JSON each way; only root (and who runs the daemon) is answered:
 *
 *	{"execute":"status"}
 *	{"execute":"run","arguments":{"argv":["apply","db.conf"],"cwd":"/root"}}   two descriptors come along
 *	{"return":...}  {"return":{"status":0}} when the command has ended  {"error":{"desc":"..."}}
 *
 * A caller that goes away, or sends anything more, interrupts its command.
 */
#ifndef VMTUNE_TUNER_DAEMON_CONTROL_H
#define VMTUNE_TUNER_DAEMON_CONTROL_H

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "host/root.h"
#include "lib/error.h"

#define CONTROL_SOCKET "daemon.sock" /* in the runtime directory */
#define CONTROL_JOBS   16
#define CONTROL_POLLS  (1 + 2 * CONTROL_JOBS)

/* ---- the daemon's side ---------------------------------------------------------------------- */

/* A command that runs for somebody, or (@fd -1) for the daemon itself. */
struct control_job {
	pid_t pid;            /* 0: free */
	int pidfd, fd;
	bool own;             /* the daemon's */
	bool told;            /* to stop; a second time would stop its undoing */
	char what[64];
};

struct control {
	char path[PATH_MAX];
	int listener;
	struct control_job jobs[CONTROL_JOBS];
	int own_status;       /* exit status of the daemon's own command that has ended last */
	json_t *(*status)(void *opaque); /* answers "status" */
	void *opaque;
};

/* Negative with @err; -EADDRINUSE when a daemon runs. */
int control_listen(struct control *control, const struct root *root, struct error *err);
/* From now on nobody is heard, and what runs is told to undo what it has done: poll until nothing is busy. */
void control_close(struct control *control);
/* Fills @polls (CONTROL_POLLS of them); returns how many. */
unsigned int control_polls(const struct control *control, struct pollfd *polls);
/* Answers what the poll has found. Whether a command has ended. */
bool control_answer(struct control *control, const struct pollfd *polls, unsigned int count);
bool control_busy(const struct control *control);
/* Runs a command of vmtune for the daemon itself; its output goes where the daemon's does. See ->own_status. */
int control_run(struct control *control, char *const argv[], struct error *err);

/* ---- the caller's side ---------------------------------------------------------------------- */

/*
 * Hands a command to the daemon of this machine. Returns its exit status, or -ENOENT when no daemon runs (and
 * the command is the caller's to carry out), or another negative errno with @err.
 */
int control_hand_over(const struct root *root, int argc, char **argv, struct error *err);
/* What the daemon says of itself; NULL with @err. */
json_t *control_ask_status(const struct root *root, struct error *err);

#endif
