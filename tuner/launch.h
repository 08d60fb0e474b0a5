/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting and stopping guests of our own VMM. A guest is a daemon: session, runtime directory, log
 * and control group of its own; vmtune may go away while it runs.
 */
#ifndef VMTUNE_TUNER_LAUNCH_H
#define VMTUNE_TUNER_LAUNCH_H

#include "lib/error.h"
#include "tuner/action.h"

/*
 * Starts @argv (argv[0] is a path or is searched in PATH) as guest @name, inside the control group
 * vmtune/NAME where that exists (under systemd: in a scope of its own), and waits until its control socket says that it runs. On failure
 * nothing of it is left and @err has the end of its log.
 */
int launch_guest(const struct action_context *context, const char *name, char *const argv[],
	struct error *err);

/*
 * Ends a guest: power button, after context->stop_ms QMP quit, then SIGKILL; a step that was needed is
 * said on stderr. Returns 0 when it is gone (also when it never was), and removes its runtime
 * directory.
 */
int launch_stop(const struct action_context *context, const char *name, struct error *err);

#endif
