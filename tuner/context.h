/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where vmtune finds its own parts: the runtime directory, the vmm program, the benchmark guest. */
#ifndef VMTUNE_TUNER_CONTEXT_H
#define VMTUNE_TUNER_CONTEXT_H

#include <limits.h>

#include "tuner/action.h"

#define RUN_DIR "/run/vmtune" /* host path: NAME/{qmp.sock,console.sock,pid,log} */
#define DAEMON_MEMORY RUN_DIR "/daemon.state" /* what the daemon remembers between two of its kind on one boot */
#define STOP_MS 20000         /* how long a guest may take to shut down when asked */

/* Fills @context for commands; ->vmm is VMTUNE_VMM or found beside vmtune. */
void context_init(struct action_context *context, const struct root *root);

/* Makes the runtime directory (a captured machine may have no /run). Returns 0, or negative with @err. */
int context_make_run_dir(const struct root *root, struct error *err);

/*
 * A file that is installed with vmtune: beside the program (build tree), then @relative to its
 * directory (installed: "../bin/vmm", "../share/vmtune/guest.elf"). Returns @out, or NULL.
 */
const char *context_find(char out[PATH_MAX], const char *name, const char *relative);

#endif
