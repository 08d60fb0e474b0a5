/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine to plan on and what comes of it, for the tests of plans. */
#ifndef VMTUNE_TESTS_PLAN_BENCH_H
#define VMTUNE_TESTS_PLAN_BENCH_H

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/plan/plan.h"

static const struct action_context context = { .run_dir = "/run/vmtune", .vmm = "/bin/vmm" };

struct bench {
	struct snapshot *snapshot;
	struct profile *profile;
	struct plan *plan;
	struct error err;
};

/* A machine whose counters count: two nodes of 4 GiB with CPUs 0-3 and 4-7, no setting known. */
static inline struct snapshot *two_nodes(void)
{
	struct error err;
	struct snapshot *snapshot = snapshot_load("node:2(memory=4GB) core:4 pu:1", &err);

	assert_non_null(snapshot);
	snapshot->machine->live = true;
	for (unsigned int i = 0; i < 2; i++) {
		struct machine_node *node = &snapshot->machine->nodes[i];

		node->memory = node->free = node->available = 4 * GIB;
	}
	if (!snapshot->knobs)
		snapshot->knobs = xcalloc(knob_count, sizeof(*snapshot->knobs));
	for (size_t i = 0; i < knob_count; i++)
		snapshot->knobs[i].knob = &knobs[i];
	return snapshot;
}

static inline void clear(struct bench *bench)
{
	plan_free(bench->plan);
	profile_free(bench->profile);
	snapshot_free(bench->snapshot);
}

#endif
