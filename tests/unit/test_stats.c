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

/* ---- before and after ------------------------------------------------------------------------ */

static void a_constant_shift_is_found_exactly(void **state)
{
	const double before[] = {1, 2, 3, 4, 5}, after[] = {11, 12, 13, 14, 15};
	struct stats_shift shift;

	(void)state;
	assert_true(stats_shift(before, 5, after, 5, &shift));
	near(shift.estimate, 10);
	assert_true(shift.low > 5 && shift.high < 15);
}

/* Critical values of U, two-sided 5 %: 4 and 4: 0; 5 and 5: 2; 8 and 10: 17; 10 and 10: 23 (any table). */
static void coverage_is_mann_and_whitneys(void **state)
{
	const double zeros[STATS_SAMPLES_MAX] = {0};
	double powers[STATS_SAMPLES_MAX];
	struct stats_shift shift;

	(void)state;
	for (unsigned int i = 0; i < STATS_SAMPLES_MAX; i++)
		powers[i] = i;
	assert_true(stats_shift(zeros, 4, powers, 4, &shift));
	near(shift.coverage, 1 - 2 / 70.0);      /* U = 0 only */
	assert_true(stats_shift(zeros, 5, powers, 5, &shift));
	near(shift.coverage, 1 - 2 * 4 / 252.0); /* U <= 2: 1 + 1 + 2 orders */
	assert_true(stats_shift(zeros, 10, powers, 10, &shift));
	assert_true(shift.coverage >= 0.95 && shift.coverage < 0.96);
	/* All before alike: the differences are 0..9, ten times each, and 23 + 1 of them are cut off. */
	near(shift.low, 2);
	near(shift.high, 7);
	assert_true(stats_shift(zeros, STATS_SAMPLES_MAX, powers, STATS_SAMPLES_MAX, &shift));
	assert_true(shift.coverage >= 0.95 && shift.coverage < 0.955);
}

static void few_values_say_how_little_they_cover(void **state)
{
	const double before[] = {1, 2, 3}, after[] = {101, 102, 103};
	struct stats_shift shift;

	(void)state;
	assert_true(stats_shift(before, 3, after, 3, &shift));
	near(shift.coverage, 0.9);
	assert_true(stats_shift(before, 1, after, 1, &shift));
	near(shift.coverage, 0);
}

static void one_wild_value_does_not_make_a_shift(void **state)
{
	const double before[] = {100, 101, 99, 100, 102}, after[] = {101, 100, 99, 9000, 101};
	struct stats_shift shift;

	(void)state;
	assert_true(stats_shift(before, 5, after, 5, &shift));
	assert_true(shift.low <= 0 && shift.estimate < 2);
}

static void ties_are_no_shift(void **state)
{
	const double same[] = {7, 7, 7, 7, 7, 7};
	struct stats_shift shift;

	(void)state;
	assert_true(stats_shift(same, 6, same, 6, &shift));
	near(shift.estimate, 0);
	near(shift.low, 0);
	near(shift.high, 0);
}

static void values_that_have_no_difference_are_refused(void **state)
{
	const double good[STATS_SAMPLES_MAX + 1] = {0}, infinite[] = {INFINITY, 1}, nan[] = {NAN, 1};
	struct stats_shift shift;

	(void)state;
	assert_false(stats_shift(good, 2, infinite, 2, &shift));
	assert_false(stats_shift(nan, 2, good, 2, &shift));
	assert_false(stats_shift(good, 0, good, 2, &shift));
	assert_false(stats_shift(good, STATS_SAMPLES_MAX + 1, good, 2, &shift));
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
		cmocka_unit_test(a_constant_shift_is_found_exactly),
		cmocka_unit_test(coverage_is_mann_and_whitneys),
		cmocka_unit_test(few_values_say_how_little_they_cover),
		cmocka_unit_test(one_wild_value_does_not_make_a_shift),
		cmocka_unit_test(ties_are_no_shift),
		cmocka_unit_test(values_that_have_no_difference_are_refused),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
