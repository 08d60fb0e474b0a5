/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan for this machine needs of its files; apart from plan.h because planning reads none. */
#ifndef VMTUNE_TUNER_PLAN_FILES_H
#define VMTUNE_TUNER_PLAN_FILES_H

#include "tuner/plan/plan.h"

/*
 * Whether the guests the plan starts can be started here: /dev/kvm, kernels, initrds and disks. Call
 * it before anything is changed. Returns 0, or negative with @err: "FILE:LINE: what is missing".
 */
int plan_check_files(const struct plan *plan, const struct snapshot *snapshot, struct error *err);

/*
 * The machine under @root with all that planning or verifying @profile looks at; irqbalance is asked only
 * where the profile wants interrupts moved. NULL with @err; the caller frees.
 */
struct snapshot *plan_read_machine(const struct profile *profile, const struct root *root,
	struct error *err);

/* What a plan that grows pools says of the room for them; only where the profile has to do with huge pages. */
void plan_ask_huge_room(const struct profile *profile, struct snapshot *snapshot, const struct root *root);

#endif
