// SPDX-License-Identifier: GPL-2.0-or-later
/* The three-way comparison of revert: before, ours, now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tuner/command.h"
#include "tuner/revert.h"

#define KSM_RUN "/sys/kernel/mm/ksm/run"
#define THP     "/sys/kernel/mm/transparent_hugepage/enabled"
#define POOL    "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"

/* One case: an entry, what is there now, and what is to be done about it. */
static const struct judged {
	const char *what;
	enum action_kind kind;
	const char *target, *before, *after, *observed;
	bool done;
	const char *boot, *now;
	bool force, unfinished;
	enum revert_verdict verdict;
} cases[] = {
	{"ours: goes back", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "b", "1\n", false, false,
		REVERT_RESTORE},
	{"someone put it back already", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "b", "0\n",
		false, false, REVERT_ALREADY},
	{"someone else changed it", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "b", "2\n", false,
		false, REVERT_FOREIGN},
	{"and --force does not mind", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "b", "2\n", true,
		false, REVERT_RESTORE},
	{"killed after the write", ACTION_SETTING, KSM_RUN, "0\n", "1", NULL, false, "b", "1\n", false,
		false, REVERT_RESTORE},
	{"killed before the write", ACTION_SETTING, KSM_RUN, "0\n", "1", NULL, false, "b", "0\n", false,
		false, REVERT_ALREADY},
	{"killed, and someone else came", ACTION_SETTING, KSM_RUN, "0\n", "1", NULL, false, "b", "2\n",
		false, false, REVERT_FOREIGN},
	{"just failed: odd values are ours", ACTION_SETTING, KSM_RUN, "0\n", "1", NULL, false, "b", "2\n",
		false, true, REVERT_RESTORE},
	{"but not where it had succeeded", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "b", "2\n",
		false, true, REVERT_FOREIGN},
	{"a choice is its bracketed word", ACTION_SETTING, THP, "always [madvise] never\n", "always",
		"[always] madvise never\n", true, "b", "[always] madvise never\n", false, false,
		REVERT_RESTORE},
	{"a choice that is back", ACTION_SETTING, THP, "always [madvise] never\n", "always", NULL, true,
		"b", "always [madvise] never\n", false, false, REVERT_ALREADY},
	{"a choice of someone else", ACTION_SETTING, THP, "always [madvise] never\n", "always", NULL,
		true, "b", "always madvise [never]\n", false, false, REVERT_FOREIGN},
	{"the kernel spelled it its own way", ACTION_SETTING, "/proc/sys/x", "0\n", "4k", "4096\n", true,
		"b", "4096\n", false, false, REVERT_RESTORE},
	{"another boot took it away", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "a", "1\n", false,
		false, REVERT_OTHER_BOOT},
	{"also with --force", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "a", "1\n", true, false,
		REVERT_OTHER_BOOT},
	{"a captured machine has no boot id", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "", "1\n",
		false, false, REVERT_RESTORE},
	{"the file is gone", ACTION_SETTING, KSM_RUN, "0\n", "1", "1\n", true, "b", NULL, false, false,
		REVERT_GONE},
	{"a pool of ours", ACTION_HUGEPAGES, POOL, "0\n", "64", "64\n", true, "b", "64\n", false, false,
		REVERT_RESTORE},
	{"a pool someone else has grown", ACTION_HUGEPAGES, POOL, "0\n", "64", "64\n", true, "b", "80\n",
		false, false, REVERT_FOREIGN},
	{"a pool that was growing when killed", ACTION_HUGEPAGES, POOL, "0\n", "64", NULL, false, "b",
		"17\n", false, false, REVERT_RESTORE},
	{"a pool that was shrinking when killed", ACTION_HUGEPAGES, POOL, "64\n", "0", NULL, false, "b",
		"17\n", false, false, REVERT_RESTORE},
	{"a finished pool is not half-way", ACTION_HUGEPAGES, POOL, "0\n", "64", "64\n", true, "b",
		"17\n", false, false, REVERT_FOREIGN},
	{"a balloon on its way when killed", ACTION_BALLOON, "1:2 db", "1048576", "524288", NULL, false,
		"b", "800000", false, false, REVERT_RESTORE},
	{"CPU lists are sets", ACTION_AFFINITY, "1:2/3:4", "0,1", "2", "2", true, "b", "0-1", false,
		false, REVERT_ALREADY},
	{"a thread that has ended", ACTION_AFFINITY, "1:2/3:4", "0-1", "2", "2", true, "b", NULL, false,
		false, REVERT_GONE},
	{"an interrupt of ours", ACTION_IRQ, "9 - x", "0-3\n", "0,1", "0-1\n", true, "b", "0-1\n", false,
		false, REVERT_RESTORE},
	{"an interrupt irqbalance has moved", ACTION_IRQ, "9 - x", "0-3\n", "0-1", "0-1\n", true, "b",
		"3\n", false, false, REVERT_FOREIGN},
	{"an interrupt whose device is gone", ACTION_IRQ, "9 - x", "0-3\n", "0-1", "0-1\n", true, "b",
		NULL, false, false, REVERT_GONE},
	{"a guest that runs", ACTION_START_GUEST, "db", "stopped", "running", "running", true, "b",
		"running", false, false, REVERT_RESTORE},
	{"a guest that has ended", ACTION_START_GUEST, "db", "stopped", "running", "running", true, "b",
		"stopped", false, false, REVERT_ALREADY},
	{"moved pages stay", ACTION_MOVE_PAGES, "1:2 db", "0", "1", "1", true, "b", "1", false, false,
		REVERT_PERMANENT},
};

static char *text(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

static void every_case_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct judged *row = &cases[i];
		const struct journal_entry entry = {
			.sequence = 1, .done = row->done, .observed = text(row->observed), .boot_id = "b",
			.action = {.kind = row->kind, .target = text(row->target),
				.before = text(row->before), .after = text(row->after)},
		};
		const struct revert_options options = {.force = row->force,
			.unfinished = row->unfinished};
		enum revert_verdict verdict = revert_judge(&entry, row->boot, row->now, &options);

		if (verdict != row->verdict)
			fail_msg("%s: verdict %d, wanted %d", row->what, (int)verdict, (int)row->verdict);
	}
}

static void exit_status_says_what_is_left(void **state)
{
	const struct revert_result clean = {.restored = 3, .dropped = 1}, drifted = {.drifted = 1},
		pending = {.pending = 1, .restored = 2}, failed = {.failed = 1, .drifted = 1};

	(void)state;
	assert_int_equal(revert_exit_status(&clean), EXIT_SUCCESS);
	assert_int_equal(revert_exit_status(&drifted), EXIT_DRIFT);
	assert_int_equal(revert_exit_status(&pending), EXIT_DRIFT);
	assert_int_equal(revert_exit_status(&failed), EXIT_FAILURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_of_the_table),
		cmocka_unit_test(exit_status_says_what_is_left),
	};

	return cmocka_run_group_tests_name("revert", tests, NULL, NULL);
}
