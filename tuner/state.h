/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was applied last: a copy of the profile beside the journal; its last line names the original. */
#ifndef VMTUNE_TUNER_STATE_H
#define VMTUNE_TUNER_STATE_H

#include <limits.h>

#include "lib/error.h"
#include "tuner/profile/profile.h"

/*
 * A copy is saved in two steps: written before anything is applied, so that a full disk is found then,
 * and made the valid one (or removed) afterwards.
 */
int state_stage(const struct root *root, const struct profile *profile, struct error *err);
int state_commit(const struct root *root, struct error *err);
void state_discard(const struct root *root);
/*
 * A mark that the changes at the journal's end are on trial, with the process that will judge them.
 * It goes with the trial, with the next state_commit() and with state_forget().
 */
enum state_trial { STATE_TRIAL_NONE, STATE_TRIAL_RUNS, STATE_TRIAL_LEFT /* that process is no more */ };
int state_trial_begin(const struct root *root, struct error *err);
void state_trial_end(const struct root *root);
enum state_trial state_trial(const struct root *root);
/* The copy's real path. Returns @path, or NULL when nothing is applied. */
const char *state_profile(const struct root *root, char path[PATH_MAX]);
/* The file it was applied from, or NULL; the caller frees. */
char *state_origin(const struct root *root);
/* Removes the copy: nothing is applied any more. */
void state_forget(const struct root *root);

#endif
