/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What it would be worth to let KSM merge a guest's pages, estimated from a sample before a single page is scanned:
 * hashes of some pages of each guest, taken twice. Pure.
 */
#ifndef VMTUNE_TUNER_KSM_WORTH_H
#define VMTUNE_TUNER_KSM_WORTH_H

#include <stdbool.h>
#include <stdint.h>

#include "host/ksm.h"

/* What was seen of one guest. */
struct worth_sample {
	uint64_t pages;          /* resident ones that KSM could merge */
	const uint64_t *first;   /* hash of each page of the sample, */
	const uint64_t *second;  /* and of the same page at the second look */
	unsigned int count;      /* at most so many as there are pages */
};

struct worth {
	double stable;           /* shares of its pages, 0 to 1: did not change between the looks; */
	double zero;             /* of them: are all zeros, */
	double twin;             /* are equal to others of the same guest (of which at least half can go), */
	double common;           /* are equal to some of other guests */
	int partner;             /* the guest with most in common, -1: none */
	uint64_t matches;        /* equal pairs in the samples that twin and common rest on: few are a guess */
	uint64_t saved;          /* bytes that merging all guests of the list would save, this one's part */
	uint64_t metadata;       /* bytes that scanning this one costs for as long as it is mergeable */
	int64_t profit;          /* the difference */
};

/* @zero: the hash of a page of zeros. Fills @worths, one for each sample. */
void worth_estimate(const struct worth_sample *samples, unsigned int count, uint64_t zero, struct worth *worths);

/* How many pages of so many are a sample: one in a hundred, and enough to see a small guest by. */
unsigned int worth_sample_size(uint64_t pages);

#endif
