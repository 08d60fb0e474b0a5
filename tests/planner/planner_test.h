/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests and the benchmark of the placement engine share: generated problems, an evaluator
 * that shares no code with the planner (written from docs/placement.md alone), and the rules of other
 * tools to compare with.
 */
#ifndef VMTUNE_TESTS_PLANNER_H
#define VMTUNE_TESTS_PLANNER_H

#include "tuner/planner/planner.h"

/* How much of the machine the VMs of a generated problem want; HUGE: nearly all, and few VMs want it. */
enum kind { LOOSE, TIGHT, HUGE_VMS, KINDS };

/* A problem of 2 to 8 nodes and 2 to 12 VMs (HUGE_VMS: 2 to 4). The caller releases it. */
void problem_generate(struct planner_problem *problem, enum kind kind, uint64_t *seed);
/* A host of @nodes nodes with @cpus CPUs each, and @vms small VMs that fit it. */
void problem_large(struct planner_problem *problem, unsigned int nodes, unsigned int cpus, unsigned int vms,
	uint64_t *seed);
void problem_release(struct planner_problem *problem);

/*
 * Lost vCPUs of the whole placement; the placements of all VMs in @placements. Negative when the
 * placement breaks a rule, which is then named in *@broken.
 */
double evaluate(const struct planner_problem *problem, const struct planner_placement *placements,
	const char **broken);

/* The rules of other tools. */
enum rule { RULE_FIRST_FIT, RULE_NUMAD, RULE_NOVA, RULES };
const char *rule_name(enum rule rule);
/* Places all VMs by that rule, fixed ones where they are; the parts are the caller's to free. False when a VM found no place. */
bool rule_place(enum rule rule, const struct planner_problem *problem, struct planner_placement *placements);

#endif
