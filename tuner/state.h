/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was applied last, kept beside the journal: a copy of the profile (its last line names the file
 * it came from) and the placement that was chosen, since an automatic one would come out differently
 * on a machine that is full by now.
 */
#ifndef VMTUNE_TUNER_STATE_H
#define VMTUNE_TUNER_STATE_H

#include <limits.h>

#include "lib/error.h"
#include "tuner/plan.h"
#include "tuner/profile.h"

/* Where one guest was put. */
struct state_vm {
	char *name;
	struct placed_node *nodes;
	unsigned int node_count;
	struct idset *pins;
	unsigned int vcpu_count;
	struct idset io_cpus;
};

struct state {
	char *origin;           /* the profile's file when it was applied */
	char profile[PATH_MAX]; /* the copy, a real path */
	struct state_vm *vms;
	unsigned int vm_count;
};

/* Saves both, atomically. */
int state_save(const struct root *root, const struct profile *profile, const struct plan *plan,
	struct error *err);
/* -ENOENT with @err when nothing is applied. Free with state_release(). */
int state_load(const struct root *root, struct state *state, struct error *err);
void state_release(struct state *state);
const struct state_vm *state_find(const struct state *state, const char *name);
/* Removes both: nothing is applied any more. */
void state_forget(const struct root *root);

#endif
