// SPDX-License-Identifier: GPL-2.0-or-later
/* What merging would save, estimated from a sample, against guests of which all is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/xalloc.h"
#include "tuner/ksm/worth.h"

#define PAGES  131072 /* 512 MiB */
#define GUESTS 8
#define ZERO   UINT64_C(0xfeed)
#define SAMPLE 10000

static uint64_t seed = 1;

static uint64_t next(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(2685821657736338717);
}

/* Page @page of a guest with so many pages in a thousand that are zero, common to guests of one @image, unique. */
struct made {
	unsigned int zero, common, image, rewritten;
};

static uint64_t hash_of(const struct made *made, unsigned int guest, unsigned int page)
{
	unsigned int kind = page * 7919u % 1000;

	if (kind < made->zero)
		return ZERO;
	if (kind < made->zero + made->common)
		return ((uint64_t)made->image << 40 | page) + 1000000007;
	if (kind >= 1000 - made->rewritten)
		return next();
	return (uint64_t)(guest + 1) << 52 | page;
}

static void sample(const struct made *made, unsigned int guest, struct worth_sample *out)
{
	unsigned int count = worth_sample_size(PAGES);
	uint64_t *first = xcalloc(count, sizeof(*first)), *second = xcalloc(count, sizeof(*second));

	for (unsigned int i = 0; i < count; i++) {
		unsigned int begin = (unsigned int)((uint64_t)PAGES * i / count), end = (unsigned int)((uint64_t)PAGES * (i + 1) / count);
		unsigned int page = begin + (unsigned int)(next() % (end - begin));

		first[i] = hash_of(made, guest, page);
		second[i] = hash_of(made, guest, page);
	}
	*out = (struct worth_sample){ PAGES, first, second, count };
}

static void estimate(const struct made *made, unsigned int count, struct worth *worths)
{
	struct worth_sample samples[GUESTS];

	for (unsigned int g = 0; g < count; g++)
		sample(&made[g], g, &samples[g]);
	worth_estimate(samples, count, ZERO, worths);
	for (unsigned int g = 0; g < count; g++) {
		free((void *)(uintptr_t)samples[g].first);
		free((void *)(uintptr_t)samples[g].second);
	}
}

static void near(double value, double wanted, double by)
{
	if (value < wanted - by || value > wanted + by)
		fail_msg("%f, wanted %f", value, wanted);
}

static void guests_of_one_image_are_worth_it_and_the_others_are_not(void **state)
{
	static const struct made made[GUESTS] = { { 0, 700, 1, 0 }, { 0, 700, 1, 0 }, { 0, 700, 1, 0 }, { 0, 700, 1, 0 },
		{ 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 1000 }, { 100, 0, 0, 0 } };
	struct worth worths[GUESTS];

	(void)state;
	estimate(made, GUESTS, worths);
	for (unsigned int g = 0; g < 4; g++) {
		near(worths[g].common, 0.7, 0.15);
		assert_in_range(worths[g].partner, 0, 3);
		/* four guests keep one of four pages */
		near((double)worths[g].saved / PAGES / KSM_PAGE, 0.7 * 3 / 4, 0.12);
		assert_true(worths[g].profit > 0);
	}
	for (unsigned int g = 4; g < 7; g++) {
		near(worths[g].common, 0, 0.01);
		assert_true(worths[g].profit < 0);
	}
	near(worths[6].stable, 0, 0.001);
	near(worths[7].zero, 0.1, 0.03);
	near((double)worths[7].saved / PAGES / KSM_PAGE, 0.1, 0.03);
}

/* Equal pages that are being rewritten are not equal for long enough to be merged. */
static void what_changes_between_the_looks_does_not_count(void **state)
{
	static const struct made made[2] = { { 0, 500, 1, 500 }, { 0, 500, 1, 500 } };
	struct worth worths[2];

	(void)state;
	estimate(made, 2, worths);
	for (int g = 0; g < 2; g++) {
		near(worths[g].stable, 0.5, 0.05);
		near(worths[g].common, 0.5, 0.15);
		assert_true(worths[g].common <= worths[g].stable);
	}
}

static void pages_that_are_equal_within_a_guest_are_twins(void **state)
{
	uint64_t hashes[1000];
	struct worth_sample all = { 1000, hashes, hashes, 1000 };
	struct worth worth;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		hashes[i] = 10 + i / 4;
	worth_estimate(&all, 1, ZERO, &worth);
	near(worth.twin, 1, 1e-9);
	assert_int_equal(worth.saved / KSM_PAGE, 500); /* of twins half at least; how many there are of each is not known */
	assert_int_equal(worth.partner, -1);
}

/* One page in a hundred, all of the same pattern, are equal to very many pages; they are one in a hundred all the same. */
static void one_pattern_is_not_the_whole_guest(void **state)
{
	static uint64_t hashes[2][SAMPLE];
	struct worth_sample samples[2];
	struct worth worths[2];

	(void)state;
	for (unsigned int g = 0; g < 2; g++) {
		for (unsigned int i = 0; i < SAMPLE; i++)
			hashes[g][i] = i % 100 ? (uint64_t)(g + 1) << 40 | i : 77;
		samples[g] = (struct worth_sample){ 100 * SAMPLE, hashes[g], hashes[g], SAMPLE };
	}
	worth_estimate(samples, 2, ZERO, worths);
	for (unsigned int g = 0; g < 2; g++) {
		near(worths[g].common, 0.01, 0.001);
		near(worths[g].twin, 0.01, 0.001);
		assert_true(worths[g].profit < 0);
	}
}

/* Break-even: 64 bytes a page are an equal page in 64. */
static void few_equal_pages_do_not_pay_for_being_scanned(void **state)
{
	static const struct made made[2] = { { 10, 0, 0, 0 }, { 25, 0, 0, 0 } };
	struct worth worths[2];

	(void)state;
	estimate(made, 2, worths);
	assert_int_equal(worths[0].metadata, (uint64_t)PAGES * 64);
	assert_true(worths[0].profit < 0);
	assert_true(worths[1].profit > 0);
}

static void nothing_seen_is_nothing_worth(void **state)
{
	struct worth_sample none = { 0, NULL, NULL, 0 };
	struct worth worth;

	(void)state;
	worth_estimate(&none, 1, ZERO, &worth);
	assert_int_equal(worth.saved, 0);
	assert_int_equal(worth.profit, 0);
	worth_estimate(NULL, 0, ZERO, NULL);
}

static void samples_are_a_hundredth_and_never_more_than_there_is(void **state)
{
	(void)state;
	assert_int_equal(worth_sample_size(0), 0);
	assert_int_equal(worth_sample_size(100), 100);
	assert_int_equal(worth_sample_size(131072), 4096);
	assert_int_equal(worth_sample_size(1000000), 10000);
	assert_int_equal(worth_sample_size(UINT64_C(1) << 40), 65536);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_of_one_image_are_worth_it_and_the_others_are_not),
		cmocka_unit_test(what_changes_between_the_looks_does_not_count),
		cmocka_unit_test(pages_that_are_equal_within_a_guest_are_twins),
		cmocka_unit_test(one_pattern_is_not_the_whole_guest),
		cmocka_unit_test(few_equal_pages_do_not_pay_for_being_scanned),
		cmocka_unit_test(nothing_seen_is_nothing_worth),
		cmocka_unit_test(samples_are_a_hundredth_and_never_more_than_there_is),
	};

	return cmocka_run_group_tests_name("worth", tests, NULL, NULL);
}
