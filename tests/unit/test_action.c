// SPDX-License-Identifier: GPL-2.0-or-later
/* Actions: JSON there and back, and the kinds that are files, on a captured machine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/xalloc.h"
#include "tests/unit/tree.h"
#include "tuner/action.h"

static struct action_context context;

static void expect(const char *file, const char *content)
{
	char now[4096];

	assert_true(root_read(&context.root, now, sizeof(now), "%s", file) >= 0);
	assert_string_equal(now, content);
}

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

/* prepare, apply, verify, undo; the file must read @shown in between and be the same afterwards. */
static void there_and_back(enum action_kind kind, const char *file, const char *content,
	const char *after, const char *shown)
{
	struct action_list list = {0};
	struct action *action = action_add(&list, kind, CLASS_REVERSIBLE, xstrdup(file), NULL, NULL,
		xstrdup(after), NULL, NULL);
	struct error err = {""};

	tree_put(&context.root, file, content);
	assert_int_equal(action_prepare(&context, action, &err), 0);
	assert_string_equal(action->before, content);
	assert_int_equal(action_verify(&context, action, NULL), STATE_BEFORE);
	if (action_apply(&context, action, &err) < 0)
		fail_msg("%s", err.text);
	expect(file, shown);
	assert_int_equal(action_verify(&context, action, NULL), STATE_OK);
	if (action_undo(&context, action, &err) < 0)
		fail_msg("%s", err.text);
	expect(file, content);
	action_list_release(&list);
}

static void settings_come_back_byte_for_byte(void **state)
{
	(void)state;
	there_and_back(ACTION_SETTING, "/sys/kernel/mm/ksm/run", "0\n", "1", "1\n");
	there_and_back(ACTION_SETTING, "/sys/kernel/mm/ksm/run", "0", "1", "1");
	there_and_back(ACTION_SETTING, "/sys/kernel/mm/transparent_hugepage/enabled",
		"always [madvise] never\n", "never", "always madvise [never]\n");
	there_and_back(ACTION_SETTING, "/sys/module/kvm/parameters/eager_page_split", "Y\n", "0", "0\n");
	there_and_back(ACTION_SETTING, "/proc/irq/default_smp_affinity", "ffff,00000001\n", "f", "f\n");
	there_and_back(ACTION_SETTING, "/sys/kernel/mm/numa/demotion_enabled", "false\n", "1", "1\n");
	there_and_back(ACTION_SETTING, "/sys/devices/system/cpu/cpu12/power/pm_qos_resume_latency_us", "n/a\n",
		"3", "3\n");
	there_and_back(ACTION_SETTING, "/sys/block/nvme0n1/queue/scheduler",
		"[mq-deadline] kyber none", "none", "mq-deadline kyber [none]");
	there_and_back(ACTION_HUGEPAGES, "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages",
		"3\n", "64", "64\n");
	there_and_back(ACTION_CGROUP_VALUE, "/sys/fs/cgroup/vmtune/db/cpu.weight", "100", "50", "50");
}

static void a_missing_file_is_unsupported_not_a_crash(void **state)
{
	struct action action = {.kind = ACTION_SETTING, .target = (char *)(uintptr_t)"/sys/none",
		.after = (char *)(uintptr_t)"1"};
	struct error err = {""};

	(void)state;
	assert_int_equal(action_verify(&context, &action, NULL), STATE_UNSUPPORTED);
	assert_true(action_prepare(&context, &action, &err) < 0);
	assert_non_null(strstr(err.text, "/sys/none"));
}

static void a_write_that_would_clear_another_setting_is_refused(void **state)
{
	struct action action = {.kind = ACTION_SETTING, .target = (char *)(uintptr_t)"/proc/sys/vm/dirty_ratio",
		.before = (char *)(uintptr_t)"0\n", .after = (char *)(uintptr_t)"10"};
	struct error err = {""};

	(void)state;
	tree_put(&context.root, "/proc/sys/vm/dirty_ratio", "0\n");
	tree_put(&context.root, "/proc/sys/vm/dirty_bytes", "67108864\n");
	assert_int_equal(action_apply(&context, &action, &err), -EBUSY);
	assert_non_null(strstr(err.text, "dirty_bytes"));
	expect("/proc/sys/vm/dirty_ratio", "0\n");
	tree_put(&context.root, "/proc/sys/vm/dirty_bytes", "0\n");
	assert_int_equal(action_apply(&context, &action, &err), 0);
}

static void controllers_are_a_set(void **state)
{
	struct action action = {.kind = ACTION_CGROUP_CONTROLLERS,
		.before = (char *)(uintptr_t)"cpuset\n", .after = (char *)(uintptr_t)"cpu memory"};

	(void)state;
	assert_true(action_same(&action, "cpuset cpu io memory\n", "cpu memory"));
	assert_false(action_same(&action, "cpuset memory\n", "cpu memory")); /* cpuset is not cpu */
	assert_true(action_same(&action, "cpuset\n", "cpuset\n"));
	assert_false(action_same(&action, "cpuset cpu memory\n", "cpuset\n"));
}

static void an_action_survives_json(void **state)
{
	for (int kind = 0; kind < ACTION_KIND_COUNT; kind++) {
		struct action action = {.kind = (enum action_kind)kind, .undo_class = CLASS_PRECONDITION,
			.target = (char *)(uintptr_t)"t", .after = (char *)(uintptr_t)"a\n",
			.detail = (char *)(uintptr_t)"[\"x\"]"}, back;
		json_t *json = action_to_json(&action);

		(void)state;
		assert_int_equal(action_from_json(json, &back, NULL), 0);
		assert_int_equal(back.kind, kind);
		assert_int_equal(back.undo_class, CLASS_PRECONDITION);
		assert_string_equal(back.after, "a\n");
		assert_string_equal(back.detail, "[\"x\"]");
		assert_null(back.before);
		action_release(&back);
		json_decref(json);
	}
}

static void json_that_is_no_action_is_refused(void **state)
{
	static const char *const bad[] = {"{}", "[]", "{\"kind\":\"setting\"}", "{\"kind\":1,\"class\":2}",
		"{\"kind\":\"setting\",\"class\":\"reversible\",\"target\":5,\"after\":\"1\"}",
		"{\"kind\":\"launch-rocket\",\"class\":\"reversible\",\"target\":\"t\",\"after\":\"1\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *json = json_loads(bad[i], 0, NULL);
		struct action action;

		assert_true(action_from_json(json, &action, NULL) < 0);
		json_decref(json);
	}
}

static void guests_do_not_start_on_a_captured_machine(void **state)
{
	struct action action = {.kind = ACTION_START_GUEST, .target = (char *)(uintptr_t)"db",
		.detail = (char *)(uintptr_t)"[\"/bin/true\"]", .after = (char *)(uintptr_t)"running"};
	struct error err = {""};

	(void)state;
	assert_true(action_apply(&context, &action, &err) < 0);
	assert_non_null(strstr(err.text, "captured"));
}

static void what_is_so_already_is_dropped_from_a_list(void **state)
{
	struct action_list list = {0};

	(void)state;
	tree_put(&context.root, "/sys/a", "1\n");
	tree_put(&context.root, "/sys/b", "1\n");
	action_add(&list, ACTION_SETTING, CLASS_REVERSIBLE, xstrdup("/sys/a"), NULL, NULL, xstrdup("1"),
		NULL, NULL);
	action_add(&list, ACTION_SETTING, CLASS_REVERSIBLE, xstrdup("/sys/b"), NULL, NULL, xstrdup("2"),
		NULL, NULL);
	action_list_drop_done(&context, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.actions[0].target, "/sys/b");
	action_list_release(&list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(settings_come_back_byte_for_byte),
		TEST(a_missing_file_is_unsupported_not_a_crash),
		TEST(a_write_that_would_clear_another_setting_is_refused),
		TEST(controllers_are_a_set),
		TEST(an_action_survives_json),
		TEST(json_that_is_no_action_is_refused),
		TEST(guests_do_not_start_on_a_captured_machine),
		TEST(what_is_so_already_is_dropped_from_a_list),
	};

	return cmocka_run_group_tests_name("action", tests, NULL, NULL);
}
