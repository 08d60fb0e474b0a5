/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the differences between plan and machine have cost since the last look, and what it would cost to
 * put them right. Pure: two looks at the guests go in, struct drift for decide() comes out.
 *
 * A guest off its place loses, in microseconds of its vCPUs' time:
 *
 *	far    busy time x MEASURE_STALL % x (what its pages are farther away than planned: SLIT distance
 *	       over the local one, weighted by where the pages are)
 *	wait   the time that vCPUs were ready and had no CPU, of those that are not on the CPUs planned
 *
 * The share of busy time that waits for memory cannot be had without performance counters, which guests of
 * others often do not give: it is assumed, and stands in every line that is logged. Busy and ready time,
 * pages and distances are measured. To put it right costs MEASURE_THREAD_US (a cold cache) for each thread that
 * has run and is not on a planned CPU already, and the time to copy its pages at the speed of the last move.
 */
#ifndef VMTUNE_TUNER_DAEMON_MEASURE_H
#define VMTUNE_TUNER_DAEMON_MEASURE_H

#include "tuner/daemon/decide.h"
#include "tuner/plan/plan.h"

#define MEASURE_STALL     30  /* percent of busy time that waits for memory */
#define MEASURE_THREAD_US 200 /* a migration: 1 MiB of second-level cache filled again */
#define MEASURE_MIB_US    1000 /* copying a MiB, until one has been copied */

struct measure {
	struct drift *drifts;
	unsigned int count;
	unsigned int *drift_of; /* for each action of the plan the drift it belongs to */
};

/*
 * Groups the plan's actions (all of them differences) into drifts: a guest's threads and pages are one, each
 * value is one of its own. @before: the guests at the last look, or NULL. @mib_us: what copying costs.
 */
void measure_plan(struct measure *measure, const struct plan *plan, const struct snapshot *snapshot,
	const struct guest_list *before, uint64_t mib_us);
void measure_release(struct measure *measure);

#endif
