/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placements of a profile's VMs on drawn machines, for tests of them. Needs cmocka.h. */
#ifndef VMTUNE_TESTS_PLACEMENT_BENCH_H
#define VMTUNE_TESTS_PLACEMENT_BENCH_H

#include <string.h>

#include "lib/xalloc.h"
#include "tuner/plan/plan.h"

struct bench {
	struct snapshot *snapshot;
	struct profile *profile;
	struct placed_vm *vms;
	struct error err;
	int rc;
};

static inline struct snapshot *draw(const char *machine)
{
	struct error err;
	struct snapshot *snapshot = snapshot_load(machine, &err);

	if (!snapshot)
		fail_msg("%s: %s", machine, err.text);
	return snapshot;
}

static inline struct profile *read_profile(const char *text)
{
	struct error err;
	struct profile *profile = profile_parse(text, strlen(text), "x.conf", &err);

	if (!profile)
		fail_msg("%s\n%s", err.text, text);
	return profile;
}

static inline void place_on(struct bench *bench, struct snapshot *snapshot, const char *text)
{
	memset(bench, 0, sizeof(*bench));
	bench->snapshot = snapshot;
	bench->profile = read_profile(text);
	bench->vms = xcalloc(bench->profile->vm_count + 1, sizeof(*bench->vms));
	bench->rc = placement_make(bench->profile, snapshot, bench->vms, &bench->err);
}

static inline void place(struct bench *bench, const char *machine, const char *text)
{
	place_on(bench, draw(machine), text);
}

static inline void clear(struct bench *bench)
{
	placed_vms_free(bench->vms, bench->profile->vm_count);
	profile_free(bench->profile);
	snapshot_free(bench->snapshot);
}

static inline void must_fit(const struct bench *bench)
{
	if (bench->rc < 0)
		fail_msg("%s", bench->err.text);
}

static inline void must_refuse(const struct bench *bench, const char *words)
{
	if (bench->rc == 0)
		fail_msg("fitted, should be refused: %s", words);
	if (!strstr(bench->err.text, words))
		fail_msg("%s\nshould say '%s'", bench->err.text, words);
}

#endif
