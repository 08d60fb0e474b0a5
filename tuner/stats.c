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
 * How many Walsh averages may be cut off at each end: the largest k with P(T < k) <= TAIL, but at
 * least one. *@coverage is what the rest covers.
 */
static unsigned int cut(unsigned int count, double *coverage)
{
	double *chance = signed_rank_chances(count), tail = chance[0];
	unsigned int k = 1, top = count * (count + 1) / 2;

	while (k < top / 2 && tail + chance[k] <= TAIL)
		tail += chance[k++];
	*coverage = 1 - 2 * tail;
	free(chance);
	return k;
}

bool stats_ratio(const double *a, const double *b, unsigned int count, struct stats_ratio *ratio)
{
	unsigned int walsh_count = count * (count + 1) / 2, used = 0, k;
	double logs[STATS_PAIRS_MAX], *walsh;

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
	k = cut(count, &ratio->coverage);
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
