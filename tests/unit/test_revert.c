// SPDX-License-Identifier: GPL-2.0-or-later
/* The three-way comparison of revert: before, ours, now. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"
#include "tuner/apply.h"
#include "tuner/command.h"
#include "tuner/interrupt.h"
#include "tuner/revert.h"
#include "tuner/state.h"

#define KSM_RUN "/sys/kernel/mm/ksm/run"
#define THP     "/sys/kernel/mm/transparent_hugepage/enabled"
#define POOL    "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"

#define GOVERNOR  "/sys/devices/system/cpu/cpu3/cpufreq/scaling_governor"
#define SCHEDULER "/sys/block/vda/queue/scheduler"

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
	{"a thread of ours", ACTION_AFFINITY, "1:2/3:4", "0-3", "2,3", "2-3", true, "b", "2-3", false, false,
		REVERT_RESTORE},
	{"a thread that someone else has pinned", ACTION_AFFINITY, "1:2/3:4", "0-3", "2", "2", true, "b",
		"3", false, false, REVERT_FOREIGN},
	{"a thread killed before it was pinned", ACTION_AFFINITY, "1:2/3:4", "0-3", "2", NULL, false, "b",
		"0,1,2,3", false, false, REVERT_ALREADY},
	{"one file of many", ACTION_SETTING, GOVERNOR, "powersave\n", "performance", "performance\n", true,
		"b", "performance\n", false, false, REVERT_RESTORE},
	{"one file of many, of someone else", ACTION_SETTING, GOVERNOR, "powersave\n", "performance",
		"performance\n", true, "b", "schedutil\n", false, false, REVERT_FOREIGN},
	{"a disk's scheduler of someone else", ACTION_SETTING, SCHEDULER, "[mq-deadline] none\n", "none",
		"mq-deadline [none]\n", true, "b", "mq-deadline [kyber] none\n", false, false, REVERT_FOREIGN},
	{"a mask is a set", ACTION_SETTING, "/proc/irq/default_smp_affinity", "ffff,ffffffff\n", "3",
		"0000,00000003\n", true, "b", "3\n", false, false, REVERT_RESTORE},
	{"a weight of ours", ACTION_CGROUP_VALUE, "/sys/fs/cgroup/vmtune/db/cpu.weight", "100\n", "50",
		"50\n", true, "b", "50\n", false, false, REVERT_RESTORE},
	{"a weight of someone else", ACTION_CGROUP_VALUE, "/sys/fs/cgroup/vmtune/db/cpu.weight", "100\n", "50",
		"50\n", true, "b", "70\n", false, false, REVERT_FOREIGN},
	{"a limit the kernel has rounded", ACTION_CGROUP_VALUE, "/sys/fs/cgroup/vmtune/db/memory.high", "max\n",
		"5000", "4096\n", true, "b", "4096\n", false, false, REVERT_RESTORE},
	{"a group whose guest has gone", ACTION_CGROUP, "vmtune/db", "absent", "present", "present", true, "b",
		"absent", false, false, REVERT_ALREADY},
	{"controllers of ours and of others", ACTION_CGROUP_CONTROLLERS, "/sys/fs/cgroup/cgroup.subtree_control",
		"cpuset\n", "cpu memory", "cpuset cpu memory\n", true, "b", "cpuset cpu io memory\n", false,
		false, REVERT_RESTORE},
	{"controllers that someone else took away", ACTION_CGROUP_CONTROLLERS,
		"/sys/fs/cgroup/cgroup.subtree_control", "cpuset\n", "cpu memory", "cpuset cpu memory\n", true,
		"b", "cpuset memory\n", false, false, REVERT_FOREIGN},
	{"a balloon that someone else moved", ACTION_BALLOON, "1:2 db", "1048576", "524288", "524288", true,
		"b", "800000", false, false, REVERT_FOREIGN},
	{"a KSM mark of ours", ACTION_GUEST_KSM, "1:2 db", "off", "on", "on", true, "b", "on", false, false,
		REVERT_RESTORE},
	{"a KSM mark someone else took in part", ACTION_GUEST_KSM, "1:2 db", "off", "on", "on", true, "b",
		"partly", false, false, REVERT_FOREIGN},
	{"a ban in irqbalance", ACTION_IRQBALANCE, "1:2 irqbalance", "", "2-3", "2-3", true, "b", "2,3", false,
		false, REVERT_RESTORE},
	{"a ban that is no more", ACTION_IRQBALANCE, "1:2 irqbalance", "", "2-3", "2-3", true, "b", "", false,
		false, REVERT_ALREADY},
	{"a ban of someone else", ACTION_IRQBALANCE, "1:2 irqbalance", "", "2-3", "2-3", true, "b", "1-3", false,
		false, REVERT_FOREIGN},
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

/* ---- a journal with several changes of one file ---------------------------------------------- */

static struct action_context context;

static int setup(void **state)
{
	(void)state;
	context = (struct action_context){.run_dir = "/run/vmtune"};
	return tree_open(&context.root);
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(&context.root);
}

static void change(struct journal *journal, const char *before, const char *after)
{
	const struct action action = {.kind = ACTION_SETTING, .target = text(KSM_RUN), .before = text(before),
		.after = text(after)};
	long sequence = journal_intent(journal, "", &action, NULL);

	assert_true(sequence > 0);
	tree_put(&context.root, KSM_RUN, after);
	assert_int_equal(journal_done(journal, (unsigned long)sequence, after, NULL), 0);
}

/* 0 became 1, then 2. */
static struct journal *changed_twice(void)
{
	struct journal *journal = journal_open(&context.root, true, 0, NULL);

	assert_non_null(journal);
	change(journal, "0\n", "1\n");
	change(journal, "1\n", "2\n");
	return journal;
}

static struct revert_result reverted(struct journal *journal, bool force)
{
	const struct revert_options options = {.force = force};
	struct report report = {.rows = json_array()};
	struct revert_result result = {0};

	assert_int_equal(revert_run(&context, journal, &options, &report, &result, NULL), 0);
	json_decref(report.rows);
	return result;
}

static void holds(const char *wanted)
{
	char now[16];

	assert_true(root_read(&context.root, now, sizeof(now), KSM_RUN) >= 0);
	assert_string_equal(now, wanted);
}

static void two_changes_of_one_file_go_back_to_the_first_value(void **state)
{
	struct journal *journal = changed_twice();
	struct revert_result result = reverted(journal, false);

	(void)state;
	assert_int_equal(result.restored, 2);
	holds("0\n");
	assert_int_equal(journal_pending(journal), 0);
	journal_close(journal);
}

/* Were the first record settled as "already so", force would bring back 1, which is a value of ours. */
static void someone_else_puts_back_the_first_value_and_force_does_not_undo_that(void **state)
{
	struct journal *journal = changed_twice();
	struct revert_result result;

	(void)state;
	tree_put(&context.root, KSM_RUN, "0\n");
	result = reverted(journal, false);
	assert_int_equal(result.drifted, 1);
	assert_int_equal(result.pending, 1);
	assert_int_equal(journal_pending(journal), 2);
	holds("0\n");
	reverted(journal, true);
	holds("0\n");
	assert_int_equal(journal_pending(journal), 0);
	journal_close(journal);
}

static void a_value_between_two_changes_goes_all_the_way_back(void **state)
{
	struct journal *journal = changed_twice();
	struct revert_result result;

	(void)state;
	tree_put(&context.root, KSM_RUN, "1\n"); /* which is what our first change made */
	result = reverted(journal, false);
	assert_int_equal(result.restored, 1);
	assert_int_equal(result.already, 1);
	holds("0\n");
	journal_close(journal);
}

/* A daemon whose correction fails goes on holding, also where nothing else is in the journal. */
static void undoing_the_latest_changes_does_not_forget_the_profile(void **state)
{
	const struct revert_options latest = {.from = 1};
	struct report report = {.rows = json_array()};
	struct revert_result result = {0};
	struct journal *journal = changed_twice();
	char path[PATH_MAX];

	(void)state;
	tree_put(&context.root, "/var/lib/vmtune/profile", "host { }\n");
	assert_int_equal(revert_run(&context, journal, &latest, &report, &result, NULL), 0);
	json_decref(report.rows);
	assert_int_equal(result.restored, 2);
	assert_non_null(state_profile(&context.root, path));
	reverted(journal, false);
	assert_null(state_profile(&context.root, path));
	journal_close(journal);
}

/* A daemon that was told to end in the middle of a correction must not go on when that is undone. */
static void an_interrupt_is_one_still_when_all_is_undone(void **state)
{
	struct action action = {.kind = ACTION_SETTING, .target = text(KSM_RUN), .after = text("1")};
	struct action_list list = {&action, 1};
	struct report report = {.rows = json_array()};
	struct journal *journal = journal_open(&context.root, true, 0, NULL);
	struct error err;

	(void)state;
	tree_put(&context.root, KSM_RUN, "0\n");
	interrupt_watch();
	raise(SIGTERM);
	assert_int_equal(apply_run(&context, journal, &list, &report, &err), -EINTR);
	json_decref(report.rows);
	assert_true(interrupted());
	assert_true(interrupt_forget());
	assert_false(interrupted());
	holds("0\n");
	journal_close(journal);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_of_the_table),
		cmocka_unit_test(exit_status_says_what_is_left),
		TEST(two_changes_of_one_file_go_back_to_the_first_value),
		TEST(someone_else_puts_back_the_first_value_and_force_does_not_undo_that),
		TEST(a_value_between_two_changes_goes_all_the_way_back),
		TEST(undoing_the_latest_changes_does_not_forget_the_profile),
		TEST(an_interrupt_is_one_still_when_all_is_undone),
	};

	return cmocka_run_group_tests_name("revert", tests, NULL, NULL);
}
