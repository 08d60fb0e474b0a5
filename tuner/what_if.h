/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What would change: the same VMs on another machine, another profile, or more VMs like one of them. Plans
 * placements only and compares what is lost; nothing is applied.
 */
#ifndef VMTUNE_TUNER_WHAT_IF_H
#define VMTUNE_TUNER_WHAT_IF_H

#include <jansson.h>

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/profile/profile.h"

#define WHAT_IF_MORE_MAX 10000 /* VMs added to find out how many fit */

struct what_if {
	const char *profile;    /* another file, or NULL */
	const char *host;       /* another machine, as for snapshot_load(), or NULL */
	char *more;             /* name of the VM of which there shall be more, or NULL; owned */
	unsigned int count;     /* how many more; 0: as many as fit */
};

/* Reads "profile=FILE", "host=SOURCE" or "more=VM[:N]" into @what. Returns 0, or negative with @err. */
int what_if_parse(struct what_if *what, const char *text, struct error *err);
void what_if_release(struct what_if *what);

/*
 * Compares the placements of @profile on the machine of @snapshot with those of @what, prints both VM by VM
 * or as JSON. Where another profile attaches to guests, @snapshot gets what is asked of them (attach.h).
 * Returns 0, or negative with @err when one of the two cannot be planned at all.
 */
int what_if_run(const struct what_if *what, const struct profile *profile, struct snapshot *snapshot,
	bool json, struct error *err);

#endif
