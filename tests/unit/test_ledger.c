// SPDX-License-Identifier: GPL-2.0-or-later
/* The books of a node: every byte on one line, whatever the guests' figures say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/ledger.h"
#include "lib/size.h"

/* A node of 16 GiB with a pool of 1024 2M pages and one of 2 1G pages. */
static struct ledger_figures node(void)
{
	struct ledger_figures figures = { .at_hand = 32 * MIB, .pool = { 2 * GIB, 2 * GIB },
		.pool_free = { GIB, GIB }, .pool_reserved = { 256 * MIB, 0 } };

	memset(&figures.memory, 0xff, sizeof(figures.memory)); /* unknown */
	figures.memory.total = 16 * GIB;
	figures.memory.free = 4 * GIB;
	figures.memory.anon = 5 * GIB;
	figures.memory.file = 2 * GIB;
	figures.memory.shmem = GIB;
	figures.memory.slab = 512 * MIB;
	figures.memory.page_tables = 16 * MIB;
	figures.memory.second_tables = 8 * MIB;
	figures.memory.kernel_stacks = 4 * MIB;
	return figures;
}

static int64_t sum(const struct ledger *ledger)
{
	int64_t all = 0;

	for (int line = 0; line < LEDGER_LINES; line++)
		all += ledger->line[line];
	return all;
}

static void every_byte_is_on_one_line(void **state)
{
	struct ledger_figures figures = node();
	struct ledger ledger;

	(void)state;
	figures.small_own = 2 * GIB;
	figures.small_shared = 512 * MIB;
	figures.thp = GIB;
	figures.merged = 256 * MIB;
	figures.vmm = 64 * MIB;
	figures.huge_2m = 768 * MIB;
	figures.huge_1g = GIB;
	ledger_make(&figures, &ledger);
	assert_int_equal(ledger.line[LEDGER_FREE], 4 * GIB + 32 * MIB);
	assert_int_equal(ledger.line[LEDGER_GUEST_SMALL], 2 * GIB + 512 * MIB);
	assert_int_equal(ledger.line[LEDGER_GUEST_THP], GIB);
	assert_int_equal(ledger.line[LEDGER_GUEST_MERGED], 256 * MIB);
	assert_int_equal(ledger.line[LEDGER_VMM], 64 * MIB);
	assert_int_equal(ledger.line[LEDGER_PROGRAMS], 2 * GIB - 320 * MIB);
	assert_int_equal(ledger.line[LEDGER_SHARED], 512 * MIB);
	assert_int_equal(ledger.line[LEDGER_CACHE], GIB); /* FilePages has the shared memory in it */
	assert_int_equal(ledger.line[LEDGER_GUEST_2M], 768 * MIB);
	assert_int_equal(ledger.line[LEDGER_GUEST_1G], GIB);
	assert_int_equal(ledger.line[LEDGER_POOL_OTHER], 256 * MIB);
	assert_int_equal(ledger.line[LEDGER_POOL_RESERVED], 256 * MIB);
	assert_int_equal(ledger.line[LEDGER_POOL_FREE], GIB + 768 * MIB);
	assert_int_equal(ledger.line[LEDGER_REST], 16 * GIB - 15 * GIB - (32 + 540) * MIB);
	assert_int_equal(sum(&ledger), 16 * GIB);
}

/* Sampled figures, and pages that two guests share, can come to more than there is of that kind. */
static void what_guests_seem_to_have_is_bounded_by_what_the_kernel_counts(void **state)
{
	struct ledger_figures figures = node();
	struct ledger ledger;

	(void)state;
	figures.small_own = 40 * GIB;
	figures.thp = 3 * GIB;
	figures.small_shared = 2 * GIB;
	figures.vmm = GIB;
	figures.huge_2m = 3 * GIB;
	figures.huge_1g = 3 * GIB;
	ledger_make(&figures, &ledger);
	assert_int_equal(ledger.line[LEDGER_GUEST_SMALL] + ledger.line[LEDGER_GUEST_THP], 5 * GIB + GIB);
	assert_int_equal(ledger.line[LEDGER_VMM] + ledger.line[LEDGER_PROGRAMS] + ledger.line[LEDGER_SHARED], 0);
	assert_int_equal(ledger.line[LEDGER_GUEST_2M], GIB);
	assert_int_equal(ledger.line[LEDGER_GUEST_1G], GIB);
	assert_int_equal(ledger.line[LEDGER_POOL_OTHER], 0);
	assert_int_equal(sum(&ledger), 16 * GIB);
}

/* Counters that are read one after the other can overlap: that is told, not hidden. */
static void more_than_there_is_shows_as_a_negative_rest(void **state)
{
	struct ledger_figures figures = node();
	struct ledger ledger;

	(void)state;
	figures.memory.total = 8 * GIB;
	ledger_make(&figures, &ledger);
	assert_true(ledger.line[LEDGER_REST] < 0);
	assert_int_equal(sum(&ledger), 8 * GIB);
}

static void an_old_kernel_without_some_counters_still_adds_up(void **state)
{
	struct ledger_figures figures = { 0 };
	struct ledger ledger;

	(void)state;
	memset(&figures.memory, 0xff, sizeof(figures.memory));
	figures.memory.total = GIB;
	figures.memory.free = GIB / 2;
	ledger_make(&figures, &ledger);
	assert_int_equal(ledger.line[LEDGER_REST], GIB / 2);
	assert_int_equal(sum(&ledger), GIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_on_one_line),
		cmocka_unit_test(what_guests_seem_to_have_is_bounded_by_what_the_kernel_counts),
		cmocka_unit_test(more_than_there_is_shows_as_a_negative_rest),
		cmocka_unit_test(an_old_kernel_without_some_counters_still_adds_up),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
