// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define TAIL 0.025 /* each side of a 95 % interval */

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double middle(const double *sorted, unsigned int count)
{
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

double stats_median(const double *values, unsigned int count)
{
	double *sorted = xcalloc(count, sizeof(*sorted)), median;

	memcpy(sorted, values, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), ascending);
	median = middle(sorted, count);
	free(sorted);
	return median;
}

/*
 * The distribution of Wilcoxon's T for @count pairs without ties: chance[t] = P(T = t), by adding the
 * ranks one after another, each with a positive or a negative sign.
 */
static double *signed_rank_chances(unsigned int count)
{
	unsigned int top = count * (count + 1) / 2;
	double *chance = xcalloc(top + 1, sizeof(*chance));

	chance[0] = 1;
	for (unsigned int rank = 1; rank <= count; rank++)
		for (unsigned int t = rank * (rank + 1) / 2 + 1; t-- > 0;)
			chance[t] = (chance[t] + (t >= rank ? chance[t - rank] : 0)) / 2;
	return chance;
}

/*
 * How many of the sorted averages or differences may be cut off at each end, @chance being the
 * distribution of their rank statistic (0..@top): the largest k with P(T < k) <= TAIL, but at least one.
 * *@coverage is what the rest covers.
 */
static unsigned int cut(const double *chance, unsigned int top, double *coverage)
{
	double tail = chance[0];
	unsigned int k = 1;

	while (k < top / 2 && tail + chance[k] <= TAIL)
		tail += chance[k++];
	*coverage = 1 - 2 * tail;
	return k;
}

bool stats_ratio(const double *a, const double *b, unsigned int count, struct stats_ratio *ratio)
{
	unsigned int walsh_count = count * (count + 1) / 2, used = 0, k;
	double logs[STATS_PAIRS_MAX], *walsh, *chance;

	if (!count || count > STATS_PAIRS_MAX)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		if (!(a[i] > 0) || !(b[i] > 0) || !isfinite(a[i]) || !isfinite(b[i]))
			return false;
		logs[i] = log(a[i] / b[i]);
	}
	walsh = xcalloc(walsh_count, sizeof(*walsh));
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = i; j < count; j++)
			walsh[used++] = (logs[i] + logs[j]) / 2;
	qsort(walsh, walsh_count, sizeof(*walsh), ascending);
	chance = signed_rank_chances(count);
	k = cut(chance, walsh_count, &ratio->coverage);
	free(chance);
	ratio->estimate = exp(middle(walsh, walsh_count));
	ratio->low = exp(walsh[k - 1]);
	ratio->high = exp(walsh[walsh_count - k]);
	free(walsh);
	return true;
}

bool stats_differs(const struct stats_ratio *ratio)
{
	return ratio->low > 1 || ratio->high < 1;
}

/*
 * The distribution of Mann and Whitney's U for @n and @m values without ties. How many of the orders have
 * U = u is the coefficient of x^u in the Gaussian binomial, the product of (1 - x^(m+i)) / (1 - x^i):
 * whole numbers, and exact in a double for all counts up to STATS_SAMPLES_MAX.
 */
static double *rank_sum_chances(unsigned int n, unsigned int m)
{
	unsigned int top = n * m;
	double *chance = xcalloc(top + 1, sizeof(*chance)), orders = 0;

	chance[0] = 1;
	for (unsigned int i = 1; i <= n; i++) {
		for (unsigned int u = top + 1; u-- > m + i;)
			chance[u] -= chance[u - m - i];
		for (unsigned int u = i; u <= top; u++)
			chance[u] += chance[u - i];
	}
	for (unsigned int u = 0; u <= top; u++)
		orders += chance[u];
	for (unsigned int u = 0; u <= top; u++)
		chance[u] /= orders;
	return chance;
}

static bool all_finite(const double *values, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!isfinite(values[i]))
			return false;
	return true;
}

bool stats_shift(const double *before, unsigned int before_count, const double *after,
	unsigned int after_count, struct stats_shift *shift)
{
	unsigned int count = before_count * after_count, used = 0, k;
	double *differences, *chance;

	if (!before_count || !after_count || before_count > STATS_SAMPLES_MAX ||
		after_count > STATS_SAMPLES_MAX || !all_finite(before, before_count) ||
		!all_finite(after, after_count))
		return false;
	differences = xcalloc(count, sizeof(*differences));
	for (unsigned int i = 0; i < before_count; i++)
		for (unsigned int j = 0; j < after_count; j++)
			differences[used++] = after[j] - before[i];
	qsort(differences, count, sizeof(*differences), ascending);
	chance = rank_sum_chances(before_count, after_count);
	k = cut(chance, count, &shift->coverage);
	free(chance);
	shift->estimate = middle(differences, count);
	shift->low = differences[k - 1];
	shift->high = differences[count - k];
	free(differences);
	return true;
}
