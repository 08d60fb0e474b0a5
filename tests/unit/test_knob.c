// SPDX-License-Identifier: GPL-2.0-or-later
/* The settings table, its spellings, and the door to files of a captured machine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/knob.h"
#include "tests/unit/capture.h"
#include "tests/unit/tree.h"

static void rows_are_complete_and_names_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < knob_count; i++) {
		assert_non_null(knobs[i].name);
		assert_int_equal(knobs[i].path[0], '/');
		assert_true(strlen(knobs[i].what) > 5);
		assert_true(strlen(knobs[i].source) > 5);
		assert_true(knobs[i].min <= knobs[i].max);
		assert_ptr_equal(knob_find(knobs[i].name), &knobs[i]);
		if (knobs[i].undo == CLASS_PRECONDITION || knobs[i].undo == CLASS_MODULE_RELOAD)
			assert_non_null(knobs[i].precondition);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(knobs[i].path, knobs[j].path);
	}
	assert_null(knob_find("ksm"));
}

static void values_are_read_in_the_profiles_spelling(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"thp_enabled", "always"}, {"ksm_run", "0"}, {"kvm_tdp_mmu", "1"}, {"kvm_ignore_msrs", "0"},
		{"irq_default_smp_affinity", "ff"}, {"swappiness", "60"},
	};
	struct root root;
	char value[256];

	(void)state;
	assert_int_equal(capture_open(&root, "smt-two-nodes"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(knob_read(&root, knob_find(cases[i].name), value, sizeof(value)), 0);
		assert_string_equal(value, cases[i].value);
	}
	/* Linux 6.1 has no advisor. */
	assert_int_equal(knob_read(&root, knob_find("ksm_advisor_mode"), value, sizeof(value)), -ENOENT);
	assert_string_equal(value, "");
	capture_close();
}

#define CPUFREQ "/sys/devices/system/cpu/cpufreq/"

static void a_row_with_a_pattern_is_each_of_its_files_in_order_of_number(void **state)
{
	const struct knob *knob = knob_find("cpu_governor");
	struct knob_file *files;
	struct root root;

	(void)state;
	assert_int_equal(capture_open(&root, "smt-two-nodes"), 0);
	assert_int_equal(knob_read_files(&root, knob, &files), 0);
	tree_put(&root, CPUFREQ "policy10/scaling_governor", "schedutil\n");
	tree_put(&root, CPUFREQ "policy2/scaling_governor", "powersave\n");
	tree_put(&root, CPUFREQ "policyX/scaling_governor", "powersave\n");
	tree_put(&root, CPUFREQ "policy3/scaling_driver", "none\n"); /* without the file itself */
	assert_int_equal(knob_read_files(&root, knob, &files), 2);
	assert_string_equal(files[0].path, CPUFREQ "policy2/scaling_governor");
	assert_string_equal(files[0].value, "powersave");
	assert_string_equal(files[1].path, CPUFREQ "policy10/scaling_governor");
	assert_string_equal(files[1].value, "schedutil");
	knob_files_free(files, 2);
	capture_close();
}

static void the_row_of_a_path_is_found_also_through_a_pattern(void **state)
{
	static const struct {
		const char *path, *name;
	} cases[] = {
		{"/proc/sys/vm/swappiness", "swappiness"}, {CPUFREQ "policy7/scaling_governor", "cpu_governor"},
		{"/sys/devices/system/cpu/cpu11/power/pm_qos_resume_latency_us", "cpu_resume_latency_us"},
		{"/sys/devices/virtual/workqueue/writeback/cpumask", "workqueue_writeback_cpumask"},
		{"/sys/devices/virtual/workqueue/nvme-wq/cpumask", "workqueue_each_cpumask"},
		{"/sys/block/nvme0n1/queue/scheduler", "nvme_scheduler"},
		{CPUFREQ "policy7/more/scaling_governor", NULL}, {"/sys/block/a/b/queue/scheduler", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct knob *knob = knob_of_path(cases[i].path);

		assert_ptr_equal(knob, cases[i].name ? knob_find(cases[i].name) : NULL);
	}
}

static void the_number_of_a_file_is_that_of_its_cpu(void **state)
{
	const struct knob *knob = knob_find("cpu_resume_latency_us");

	(void)state;
	assert_true(knob_numbered(knob));
	assert_int_equal(knob_file_number(knob,
		"/sys/devices/system/cpu/cpu12/power/pm_qos_resume_latency_us"), 12);
	assert_int_equal(knob_file_number(knob, "/sys/devices/system/cpu/cpufreq/x"), -1);
	assert_int_equal(knob_file_number(knob_find("nvme_scheduler"), "/sys/block/nvme0n1/queue/scheduler"), -1);
	assert_false(knob_numbered(knob_find("nvme_scheduler")));
	assert_false(knob_numbered(knob_find("swappiness")));
}

static void a_module_of_the_kernel_image_is_told_from_a_loaded_one(void **state)
{
	const struct knob *knob = knob_find("kvm_intel_ple_gap");
	const char *parameter;
	struct root root;
	char module[64];

	(void)state;
	assert_int_equal(capture_open(&root, "smt-two-nodes"), 0);
	assert_string_equal(knob_module(knob, module, &parameter), "kvm_intel");
	assert_string_equal(parameter, "ple_gap");
	assert_null(knob_module(knob_find("swappiness"), module, NULL));
	assert_true(knob_built_in(&root, knob));
	tree_put(&root, "/sys/module/kvm_intel/initstate", "live\n");
	assert_false(knob_built_in(&root, knob));
	assert_false(knob_built_in(&root, knob_find("kvm_halt_poll_ns"))); /* written at run time */
	capture_close();
}

static void equal_values_in_different_spellings_are_the_same(void **state)
{
	static const struct {
		const char *name, *a, *b;
		bool same;
	} cases[] = {
		{"kvm_tdp_mmu", "Y", "1", true}, {"kvm_tdp_mmu", "N\n", "1", false},
		{"thp_enabled", "always [madvise] never\n", "madvise", true},
		{"thp_enabled", "always [madvise] never", "always", false},
		{"irq_default_smp_affinity", "0,00000003", "0x3", true},
		{"irq_default_smp_affinity", "1,00000000", "1", false},
		{"irq_default_smp_affinity", "FF", "ff", true},
		{"swappiness", "060", "60", true}, {"sched_rt_runtime_us", "-1\n", "-1", true},
		{"watchdog_cpumask", "0-1", "0-2", false},
		{"numa_demotion_enabled", "false\n", "0", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(knob_same(knob_find(cases[i].name), cases[i].a, cases[i].b), cases[i].same);
}

static void wanted_values_are_checked(void **state)
{
	static const struct {
		const char *name, *value;
		int result;
	} cases[] = {
		{"swappiness", "10", 0}, {"swappiness", "201", -EINVAL}, {"swappiness", "-1", -EINVAL},
		{"swappiness", "ten", -EINVAL}, {"swappiness", "", -EINVAL},
		{"swappiness", "99999999999999999999", -EINVAL}, {"sched_rt_runtime_us", "-1", 0},
		{"ksm_use_zero_pages", "1", 0}, {"ksm_use_zero_pages", "2", -EINVAL},
		{"thp_enabled", "madvise", 0}, {"thp_enabled", "sometimes", -EINVAL},
		{"thp_enabled", "advise", -EINVAL}, {"thp_enabled", "[never]", -EINVAL},
		{"irq_default_smp_affinity", "ff,0", 0}, {"irq_default_smp_affinity", "0-3", -EINVAL},
		{"watchdog_cpumask", "0-1\n2", -EINVAL},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err.text[0] = '\0';
		assert_int_equal(knob_check(knob_find(cases[i].name), cases[i].value, &err), cases[i].result);
		if (cases[i].result)
			assert_non_null(strstr(err.text, cases[i].name));
	}
}

static void a_captured_tree_is_never_left(void **state)
{
	char path[PATH_MAX], text[64];
	struct root root;

	(void)state;
	assert_int_equal(capture_open(&root, "uneven-three-nodes"), 0);
	/* Links that lead to this machine outside the tree lead into it from inside. */
	assert_int_equal(symlink("/proc/version", root_path(&root, path, "/dev/away")), 0);
	assert_int_equal(symlink("../../../../../../etc/passwd", root_path(&root, path, "/dev/up")), 0);
	assert_int_equal(root_read(&root, text, sizeof(text), "/dev/away"), -ENOENT);
	assert_int_equal(root_read(&root, text, sizeof(text), "/dev/up"), -ENOENT);
	assert_int_equal(root_write(&root, "/../../etc/vmtune-test", "x", 1), -ENOENT);
	capture_close();
}

static void writing_replaces_a_longer_value_and_creates_nothing(void **state)
{
	struct root root;
	char text[64];

	(void)state;
	assert_int_equal(capture_open(&root, "smt-two-nodes"), 0);
	assert_int_equal(root_write(&root, "/proc/sys/vm/swappiness", "7\n", 2), 0);
	assert_int_equal(root_read(&root, text, sizeof(text), "/proc/sys/vm/swappiness"), 2);
	assert_string_equal(text, "7\n");
	assert_int_equal(root_write(&root, "/proc/sys/vm/no_such", "7", 1), -ENOENT);
	assert_int_equal(root_read(&root, text, 2, "/proc/sys/kernel/osrelease"), -EFBIG);
	capture_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete_and_names_unique),
		cmocka_unit_test(values_are_read_in_the_profiles_spelling),
		cmocka_unit_test(a_row_with_a_pattern_is_each_of_its_files_in_order_of_number),
		cmocka_unit_test(the_row_of_a_path_is_found_also_through_a_pattern),
		cmocka_unit_test(the_number_of_a_file_is_that_of_its_cpu),
		cmocka_unit_test(a_module_of_the_kernel_image_is_told_from_a_loaded_one),
		cmocka_unit_test(equal_values_in_different_spellings_are_the_same),
		cmocka_unit_test(wanted_values_are_checked),
		cmocka_unit_test(a_captured_tree_is_never_left),
		cmocka_unit_test(writing_replaces_a_longer_value_and_creates_nothing),
	};

	return cmocka_run_group_tests_name("knob", tests, NULL, NULL);
}
