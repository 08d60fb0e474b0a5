/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics for A/B measurements in pairs: medians, and an interval for the ratio that needs no
 * normal distribution and no random numbers (the same figures give the same verdict).
 */
#ifndef VMTUNE_TUNER_STATS_H
#define VMTUNE_TUNER_STATS_H

#include <stdbool.h>

#define STATS_PAIRS_MAX 200

struct stats_ratio {
	double estimate;  /* of A / B */
	double low, high; /* interval of it */
	double coverage;  /* what that interval really covers, 0..1: few pairs cannot give 95 % */
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

#endif
