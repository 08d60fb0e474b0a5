/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the guest an action speaks of: by the runtime directory for guests that vmtune started, by
 * the list of all KVM guests for others. A guest is "PID:START NAME", so that it is never mistaken for
 * a later process of the same number or a later guest of the same name.
 */
#ifndef VMTUNE_TUNER_GUESTS_H
#define VMTUNE_TUNER_GUESTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/guest.h"
#include "host/qmp.h"
#include "lib/error.h"
#include "tuner/action.h"

struct guest_ref {
	pid_t pid;
	uint64_t start;
	char name[256];
	char qmp[PATH_MAX]; /* "" when it has no control socket */
};

/* Start time of a thread (@tid == @pid: of the process) in clock ticks; 0 when it is gone. */
uint64_t thread_start(const struct root *root, pid_t pid, pid_t tid);

/* A file of a guest's runtime directory ("" the directory itself), as a real path. Returns @out. */
const char *guest_file(const struct action_context *context, char out[PATH_MAX], const char *name,
	const char *file);

/*
 * The process of a guest that vmtune started, 0 when none runs. The PID file is believed only when
 * that process is a program with this guest's control socket on its command line.
 */
pid_t guest_pid(const struct action_context *context, const char *name);

/*
 * Finds a guest by name, decimal PID or "PID:START NAME". Returns 0, -ENOENT (no such guest) or
 * -ESRCH (that very guest has ended) with @err.
 */
int guest_resolve(const struct action_context *context, const char *text, struct guest_ref *ref,
	struct error *err);
/* Replaces ->target by the identity: the resolve verb of guest actions. */
int guest_resolve_target(const struct action_context *context, struct action *action,
	struct error *err);
/* The identity as text; the caller frees. */
char *guest_ref_text(const struct guest_ref *ref);

/* Connects to a guest's control socket; @socket (may be NULL) overrides the one that is known. */
struct qmp *guest_connect(const struct guest_ref *ref, const char *socket, int timeout_ms,
	struct error *err);

#endif
