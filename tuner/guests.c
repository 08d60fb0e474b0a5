// SPDX-License-Identifier: GPL-2.0-or-later
/* Guests by name, PID or identity. */
#include "tuner/guests.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

uint64_t thread_start(const struct root *root, pid_t pid, pid_t tid)
{
	char text[1024], *at;
	int length = root_read(root, text, sizeof(text), "/proc/%d/task/%d/stat", (int)pid, (int)tid);

	if (length < 0)
		return 0;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	/* field 3 follows; the start time is field 22 (proc_pid_stat(5)) */
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at + 1, ' ');
		if (field == 2 && at && (at[1] == 'Z' || at[1] == 'X'))
			return 0; /* a zombie runs no more */
	}
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

const char *guest_file(const struct action_context *context, char out[PATH_MAX], const char *name,
	const char *file)
{
	return root_path(&context->root, out, "%s/%s%s%s", context->run_dir, name, *file ? "/" : "", file);
}

/* Whether the argument list (NUL-separated) holds @word as a whole argument. */
static bool has_argument(const char *args, size_t length, const char *word)
{
	for (size_t at = 0; at < length; at += strlen(args + at) + 1)
		if (!strcmp(args + at, word))
			return true;
	return false;
}

/* The process that runs with this control socket on its command line, however the PID file was lost. */
static pid_t pid_by_socket(const struct action_context *context, const char *name)
{
	char socket[PATH_MAX];
	struct guest_list list;
	pid_t pid = 0;

	if (!root_is_live(&context->root))
		return 0;
	guest_file(context, socket, name, "qmp.sock");
	guests_read(&context->root, &list);
	for (unsigned int i = 0; i < list.count && !pid; i++)
		if (list.guests[i].qmp && !strcmp(list.guests[i].qmp, socket))
			pid = list.guests[i].pid;
	guests_release(&list);
	return pid;
}

pid_t guest_pid(const struct action_context *context, const char *name)
{
	char socket[PATH_MAX], text[32], *args;
	size_t length = 0;
	pid_t pid;
	bool ours;

	if (root_read_line(&context->root, text, sizeof(text), "%s/%s/pid", context->run_dir, name) <= 0)
		return pid_by_socket(context, name);
	pid = (pid_t)atoi(text);
	if (pid <= 0 || !thread_start(&context->root, pid, pid))
		return 0;
	args = root_read_all(&context->root, &length, "/proc/%d/cmdline", (int)pid);
	ours = args && has_argument(args, length, guest_file(context, socket, name, "qmp.sock"));
	free(args);
	return ours ? pid : 0;
}

static bool find_own(const struct action_context *context, const char *name, struct guest_ref *ref)
{
	pid_t pid = strchr(name, '/') ? 0 : guest_pid(context, name);

	if (!pid)
		return false;
	*ref = (struct guest_ref){.pid = pid, .start = thread_start(&context->root, pid, pid)};
	snprintf(ref->name, sizeof(ref->name), "%s", name);
	guest_file(context, ref->qmp, name, "qmp.sock");
	return ref->start != 0;
}

/* @pid 0: by @name. Guests of others may share a name, or have another one in the profile. */
static bool find_any(const struct action_context *context, const char *name, pid_t pid,
	struct guest_ref *ref)
{
	struct guest_list list;
	const struct guest *guest;

	guests_read(&context->root, &list);
	guest = pid ? guest_by_pid(&list, pid) : guest_find(&list, name);
	if (guest) {
		*ref = (struct guest_ref){.pid = guest->pid, .start = guest->start};
		snprintf(ref->name, sizeof(ref->name), "%s", pid ? name : guest->name);
		snprintf(ref->qmp, sizeof(ref->qmp), "%s", guest->qmp ? guest->qmp : "");
	}
	guests_release(&list);
	return guest != NULL;
}

static int find_identity(const struct action_context *context, const char *text, struct guest_ref *ref,
	struct error *err)
{
	const char *name = strchr(text, ' ') + 1;
	int pid;
	uint64_t start;

	if (sscanf(text, "%d:%" SCNu64 " ", &pid, &start) != 2) {
		error_set(err, EINVAL, "'%s' is no guest", text);
		return -EINVAL;
	}
	if (thread_start(&context->root, pid, pid) != start) {
		error_set(err, ESRCH, "guest %s (PID %d) has ended", name, pid);
		return -ESRCH;
	}
	if (find_own(context, name, ref) && ref->pid == pid)
		return 0;
	if (find_any(context, name, pid, ref))
		return 0;
	error_set(err, ESRCH, "guest %s (PID %d) runs no virtual machine any more", name, pid);
	return -ESRCH;
}

int guest_resolve(const struct action_context *context, const char *text, struct guest_ref *ref,
	struct error *err)
{
	if (isdigit((unsigned char)*text) && strchr(text, ':') && strchr(text, ' '))
		return find_identity(context, text, ref, err);
	if (find_own(context, text, ref) || find_any(context, text, 0, ref))
		return 0;
	error_set(err, ENOENT, "no guest '%s' runs here; vmtune status lists them", text);
	return -ENOENT;
}

int guest_resolve_target(const struct action_context *context, struct action *action, struct error *err)
{
	struct guest_ref ref;
	int status = guest_resolve(context, action->target, &ref, err);

	if (status < 0)
		return status;
	free(action->target);
	action->target = guest_ref_text(&ref);
	return 0;
}

char *guest_ref_text(const struct guest_ref *ref)
{
	return xasprintf("%d:%" PRIu64 " %s", (int)ref->pid, ref->start, ref->name);
}

struct qmp *guest_connect(const struct guest_ref *ref, const char *socket, int timeout_ms,
	struct error *err)
{
	if (!socket)
		socket = ref->qmp;
	if (!*socket) {
		error_set(err, ENOTSUP, "guest %s has no QMP socket", ref->name);
		return NULL;
	}
	return qmp_connect(socket, timeout_ms, err);
}
