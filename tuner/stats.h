/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics for comparing two states of a machine: medians, and intervals that need no normal
 * distribution and no random numbers (the same figures give the same verdict): for the ratio of
 * measurements in pairs, and for the difference of two samples, one taken before and one after.
 */
#ifndef VMTUNE_TUNER_STATS_H
#define VMTUNE_TUNER_STATS_H

#include <stdbool.h>

#define STATS_PAIRS_MAX   200
#define STATS_SAMPLES_MAX 25

struct stats_ratio {
	double estimate;  /* of A / B */
	double low, high; /* interval of it */
	double coverage;  /* what that interval really covers, 0..1: few pairs cannot give 95 % */
};

struct stats_shift {
	double estimate;  /* of after - before */
	double low, high; /* interval of it */
	double coverage;  /* what that interval really covers, 0..1: few values cannot give 95 % */
};

/* Median of @count (> 0) values; the mean of the middle two when even. */
double stats_median(const double *values, unsigned int count);

/*
 * The ratio of paired positive values: Hodges-Lehmann estimate (median of the Walsh averages of
 * log(a/b)) and the interval that goes with Wilcoxon's signed-rank test, exact, at least 95 % from six
 * pairs on. Returns false when a value is not positive and finite, or the count is 0 or too large.
 */
bool stats_ratio(const double *a, const double *b, unsigned int count, struct stats_ratio *ratio);

/* Whether the interval leaves out 1. */
bool stats_differs(const struct stats_ratio *ratio);

/*
 * By how much the values after are larger than those before: Hodges-Lehmann estimate (median of all
 * differences) and the interval that goes with Mann and Whitney's test, exact, at least 95 % from four
 * values on each side on. With ties it covers more, never less. Returns false when a value is not finite,
 * or a count is 0 or larger than STATS_SAMPLES_MAX.
 */
bool stats_shift(const double *before, unsigned int before_count, const double *after,
	unsigned int after_count, struct stats_shift *shift);

#endif
