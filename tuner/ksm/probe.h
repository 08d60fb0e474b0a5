/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at a sample of a running guest's pages from outside, twice. The guest is not stopped and nothing of it is
 * changed; a page that is not there is left alone (it would be made by reading it).
 */
#ifndef VMTUNE_TUNER_KSM_PROBE_H
#define VMTUNE_TUNER_KSM_PROBE_H

#include "host/guest.h"
#include "lib/error.h"
#include "tuner/ksm/worth.h"

struct probe {
	pid_t pid;
	uint64_t *addresses;        /* of the sample's pages */
	uint64_t *first, *second;   /* their hashes */
	unsigned int count;
	uint64_t pages;             /* resident ones that KSM could merge, estimated */
	uint64_t elsewhere;         /* resident ones that it cannot: of hugetlbfs, or of a file (memfd, shared memory) */
};

/*
 * Chooses the sample, and takes the first look. A guest without pages that KSM could merge has an empty sample. 0, or
 * negative with @err: the guest has ended, its memory may not be read (root may).
 */
int probe_begin(const struct guest *guest, struct probe *probe, struct error *err);
/* The second look; pages that have gone since count as changed. */
int probe_again(struct probe *probe, struct error *err);
struct worth_sample probe_sample(const struct probe *probe);
void probe_release(struct probe *probe);

/* Of a page of zeros. */
uint64_t probe_zero(void);

#endif
