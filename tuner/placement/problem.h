/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to placement/auto.c and placement/problem.c: what the planner is asked. */
#ifndef VMTUNE_TUNER_PLACEMENT_PROBLEM_H
#define VMTUNE_TUNER_PLACEMENT_PROBLEM_H

#include "tuner/placement/placement.h"
#include "tuner/planner/planner.h"

struct placement_problem {
	struct planner_problem planner;
	struct request **requests; /* as planner.vms: those without homes, then the fixed ones */
	struct home *homes;        /* as planner.sites; those of fixed ones behind site_count */
	unsigned int home_count;
};

/*
 * Puts @count requests to the planner: those with homes are fixed, and what they take must have been
 * taken from @capacity. Returns 0, or negative with @err when a device is named that is not there; release
 * it in both cases.
 */
int placement_problem_init(struct placement_problem *problem, struct request **requests, unsigned int count,
	const struct capacity *capacity, struct error *err);
void placement_problem_release(struct placement_problem *problem);

#endif
