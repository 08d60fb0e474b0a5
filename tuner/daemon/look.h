/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One look of the daemon: the machine, the plan for it, and what of the plan the machine is not. */
#ifndef VMTUNE_TUNER_DAEMON_LOOK_H
#define VMTUNE_TUNER_DAEMON_LOOK_H

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/plan/plan.h"
#include "tuner/profile/profile.h"

struct look {
	struct profile *profile;   /* as applied */
	struct profile present;    /* of it, the sections whose guests can be placed */
	struct snapshot *snapshot;
	struct plan *plan;         /* its actions: every difference that the daemon may put right */
};

/*
 * Reads @file and the machine and plans for the guests that run; those of the profile that do not are neither
 * started nor missed. Where pages are is asked by sample. Negative with @err when there can be no plan; what
 * is in @look then is released all the same by its owner.
 */
int look_read(struct look *look, const char *file, const struct action_context *context, struct error *err);
void look_release(struct look *look);

#endif
