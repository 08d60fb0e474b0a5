// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/writeall.h"
#include "lib/xalloc.h"
#include "tuner/context.h"
#include "tuner/guests.h"
#include "tuner/journal.h"

#define PROFILE_FILE STATE_DIR "/profile"
#define STAGED_FILE  STATE_DIR "/profile.new"
#define TRIAL_FILE   STATE_DIR "/trial" /* "PID START" of the process that judges it */
#define ORIGIN_LINE  "# applied from "

static int write_file(const char *path, const char *text, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), errnum;

	if (fd < 0)
		return error_errno(err, errno, "writing %s", path);
	errnum = -write_all(fd, text, strlen(text));
	if (!errnum && fsync(fd) < 0)
		errnum = errno;
	close(fd);
	if (errnum)
		unlink(path);
	return errnum ? error_errno(err, errnum, "writing %s", path) : 0;
}

/* The whole text of a file of the caller's, wherever --sysroot points. NULL with @err. */
static char *read_whole(const char *path, struct error *err)
{
	struct root here = {.dir = ""};
	char *text = root_read_all(&here, NULL, "%s", path);

	if (!text)
		error_errno(err, errno, "reading %s", path);
	return text;
}

int state_stage(const struct root *root, const struct profile *profile, struct error *err)
{
	char origin[PATH_MAX], path[PATH_MAX], *text, *copy;
	int status;

	if (!realpath(profile->file, origin))
		return error_errno(err, errno, "%s", profile->file);
	text = read_whole(origin, err);
	if (!text)
		return -EIO;
	copy = xasprintf("%s%s" ORIGIN_LINE "%s\n", text,
		*text && text[strlen(text) - 1] != '\n' ? "\n" : "", origin);
	status = write_file(root_path(root, path, STAGED_FILE), copy, err);
	free(copy);
	free(text);
	return status;
}

/* What a daemon remembers is about what was applied before. */
static void forget_memory(const struct root *root)
{
	char path[PATH_MAX];

	if (unlink(root_path(root, path, DAEMON_MEMORY)) == 0)
		rmdir(root_path(root, path, RUN_DIR)); /* when nothing else is in it */
}

int state_commit(const struct root *root, struct error *err)
{
	char staged[PATH_MAX], path[PATH_MAX];

	if (rename(root_path(root, staged, STAGED_FILE), root_path(root, path, PROFILE_FILE)) < 0)
		return error_errno(err, errno, "renaming %s to %s", staged, path);
	forget_memory(root);
	state_trial_end(root);
	return 0;
}

int state_trial_begin(const struct root *root, struct error *err)
{
	struct root live = {.dir = ""};
	pid_t self = getpid();
	char path[PATH_MAX], text[64];

	snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)self, thread_start(&live, self, self));
	return write_file(root_path(root, path, TRIAL_FILE), text, err);
}

void state_trial_end(const struct root *root)
{
	char path[PATH_MAX];

	unlink(root_path(root, path, TRIAL_FILE));
}

enum state_trial state_trial(const struct root *root)
{
	struct root live = {.dir = ""};
	uint64_t start;
	char text[64];
	int pid;

	if (root_read_line(root, text, sizeof(text), TRIAL_FILE) < 0)
		return STATE_TRIAL_NONE;
	return sscanf(text, "%d %" SCNu64, &pid, &start) == 2 && thread_start(&live, pid, pid) == start
		? STATE_TRIAL_RUNS : STATE_TRIAL_LEFT;
}

void state_discard(const struct root *root)
{
	char path[PATH_MAX];

	unlink(root_path(root, path, STAGED_FILE));
}

const char *state_profile(const struct root *root, char path[PATH_MAX])
{
	root_path(root, path, PROFILE_FILE);
	return access(path, F_OK) == 0 ? path : NULL;
}

char *state_origin(const struct root *root)
{
	char *text = root_read_all(root, NULL, PROFILE_FILE), *origin = NULL;
	const char *last = NULL;

	if (!text)
		return NULL;
	for (const char *at = strstr(text, ORIGIN_LINE); at; at = strstr(at + 1, ORIGIN_LINE))
		last = at + strlen(ORIGIN_LINE);
	if (last)
		origin = xasprintf("%.*s", (int)strcspn(last, "\n"), last);
	free(text);
	return origin;
}

void state_forget(const struct root *root)
{
	char path[PATH_MAX];

	unlink(root_path(root, path, PROFILE_FILE));
	state_discard(root);
	forget_memory(root);
	state_trial_end(root);
}
