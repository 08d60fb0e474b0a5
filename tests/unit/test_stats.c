// SPDX-License-Identifier: GPL-2.0-or-later
/* The figures behind "no difference": checked against published Wilcoxon tables and by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tuner/stats.h"

static void near(double found, double wanted)
{
	if (fabs(found - wanted) > 1e-9 * fmax(1, fabs(wanted)))
		fail_msg("%.12g, wanted %.12g", found, wanted);
}

static void median_of_odd_and_even_counts(void **state)
{
	const double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};

	(void)state;
	near(stats_median(odd, 3), 3);
	near(stats_median(even, 4), 2.5);
	near(stats_median(odd, 1), 5);
}

static void a_constant_ratio_is_found_exactly(void **state)
{
	const double a[] = {2, 4, 6, 8, 10, 12, 14}, b[] = {1, 2, 3, 4, 5, 6, 7};
	struct stats_ratio ratio;

	(void)state;
	assert_true(stats_ratio(a, b, 7, &ratio));
	near(ratio.estimate, 2);
	near(ratio.low, 2);
	near(ratio.high, 2);
	assert_true(stats_differs(&ratio));
}

/* Critical values of the signed-rank test, two-sided 5 %: n=6: 0, n=8: 3, n=10: 8 (any table). */
static void coverage_is_wilcoxons(void **state)
{
	double a[10], b[10];
	struct stats_ratio ratio;

	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		a[i] = exp((double)(1 << i));
		b[i] = 1;
	}
	assert_true(stats_ratio(a, b, 6, &ratio));
	near(ratio.coverage, 1 - 2 / 64.0); /* T=0 only */
	assert_true(stats_ratio(a, b, 8, &ratio));
	near(ratio.coverage, 1 - 2 * 5 / 256.0); /* T<=3: {}, 1, 2, 3, 1+2 */
	assert_true(stats_ratio(a, b, 10, &ratio));
	near(ratio.coverage, 1 - 2 * 25 / 1024.0); /* T<=8 */
}

static void few_pairs_say_how_little_they_cover(void **state)
{
	const double a[] = {2, 2.1, 1.9}, b[] = {1, 1, 1};
	struct stats_ratio ratio;

	(void)state;
	assert_true(stats_ratio(a, b, 3, &ratio));
	near(ratio.coverage, 0.75);
	near(ratio.low, 1.9);
	near(ratio.high, 2.1);
}

static void noise_around_one_is_no_difference(void **state)
{
	const double a[] = {100, 103, 98, 101, 99, 102, 97}, b[] = {101, 100, 99, 100, 102, 98, 100};
	struct stats_ratio ratio;

	(void)state;
	assert_true(stats_ratio(a, b, 7, &ratio));
	assert_false(stats_differs(&ratio));
	assert_true(ratio.low < ratio.estimate && ratio.estimate < ratio.high);
}

static void one_wild_pair_does_not_decide(void **state)
{
	const double a[] = {100, 101, 99, 100, 102, 98, 100, 101, 99, 5000};
	const double b[] = {101, 100, 100, 99, 101, 99, 101, 100, 100, 100};
	struct stats_ratio ratio;

	(void)state;
	assert_true(stats_ratio(a, b, 10, &ratio));
	assert_false(stats_differs(&ratio));
	assert_true(ratio.estimate < 1.1);
}

static void values_that_have_no_ratio_are_refused(void **state)
{
	const double zero[] = {0, 1}, good[] = {1, 1}, infinite[] = {INFINITY, 1}, nan[] = {NAN, 1};
	struct stats_ratio ratio;

	(void)state;
	assert_false(stats_ratio(zero, good, 2, &ratio));
	assert_false(stats_ratio(good, infinite, 2, &ratio));
	assert_false(stats_ratio(nan, good, 2, &ratio));
	assert_false(stats_ratio(good, good, 0, &ratio));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(median_of_odd_and_even_counts),
		cmocka_unit_test(a_constant_ratio_is_found_exactly),
		cmocka_unit_test(coverage_is_wilcoxons),
		cmocka_unit_test(few_pairs_say_how_little_they_cover),
		cmocka_unit_test(noise_around_one_is_no_difference),
		cmocka_unit_test(one_wild_pair_does_not_decide),
		cmocka_unit_test(values_that_have_no_ratio_are_refused),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
