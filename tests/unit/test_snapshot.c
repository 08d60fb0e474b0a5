// SPDX-License-Identifier: GPL-2.0-or-later
/* Snapshots: taken of a captured machine, saved, loaded; and what else --host accepts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/snapshot.h"
#include "tests/unit/capture.h"

static const char *file_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/vmtune-snapshot-%d", (int)getpid());
	return path;
}

static void write_text(const char *text)
{
	FILE *file = fopen(file_path(), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct snapshot *take(const char *capture)
{
	struct snapshot *snapshot;
	struct error err = {{0}};
	struct root root;

	assert_int_equal(capture_open(&root, capture), 0);
	snapshot = snapshot_read(&root, &err);
	capture_close();
	if (!snapshot)
		fail_msg("%s", err.text);
	return snapshot;
}

static void a_captured_machine_is_taken_whole(void **state)
{
	struct snapshot *snapshot = take("smt-two-nodes");

	(void)state;
	assert_int_equal(snapshot->cgroup, CGROUP_V2);
	assert_string_equal(snapshot->cgroup_mount, "/sys/fs/cgroup");
	assert_true(snapshot->has_kvm);
	assert_non_null(strstr(snapshot->kernel, "6.1"));
	assert_string_equal(snapshot_knob(snapshot, "numa_balancing"), "1");
	assert_null(snapshot_knob(snapshot, "ksm_advisor_mode"));
	assert_int_equal(snapshot->guests.count, 3);
	snapshot_free(snapshot);
}

/* The capture, with a command line and two CPUs that differ in one setting. */
static struct snapshot *take_with_governors(void)
{
	struct snapshot *snapshot;
	char command[PATH_MAX + 512];
	struct root root;

	assert_int_equal(capture_open(&root, "smt-two-nodes"), 0);
	snprintf(command, sizeof(command), "cd %s && echo quiet >proc/cmdline && "
		"for i in 0 1; do mkdir -p sys/devices/system/cpu/cpufreq/policy$i && "
		"echo governor$i >sys/devices/system/cpu/cpufreq/policy$i/scaling_governor; done",
		root.dir);
	assert_int_equal(system(command), 0);
	snapshot = snapshot_read(&root, NULL);
	capture_close();
	assert_non_null(snapshot);
	assert_string_equal(snapshot_knob(snapshot, "cpu_governor"), "mixed");
	return snapshot;
}

static void what_is_saved_is_what_is_loaded(void **state)
{
	struct snapshot *snapshot = take_with_governors(), *again;
	struct error err = {{0}};
	json_t *json, *json_again;

	(void)state;
	assert_int_equal(snapshot_save(snapshot, file_path(), &err), 0);
	again = snapshot_load(file_path(), &err);
	if (!again) {
		fail_msg("%s", err.text);
		return;
	}
	assert_string_equal(again->cmdline, "quiet\n");
	assert_int_equal(snapshot_knob_row(again, knob_find("cpu_governor"))->file_count, 2);
	assert_true(snapshot_knob_row(again, knob_find("kvm_enable_pmu"))->built_in);
	json = snapshot_to_json(snapshot);
	json_again = snapshot_to_json(again);
	json_object_del(json_object_get(json, "machine"), "source");
	json_object_del(json_object_get(json_again, "machine"), "source");
	json_object_del(json_object_get(json, "machine"), "xml");
	json_object_del(json_object_get(json_again, "machine"), "xml");
	assert_true(json_equal(json, json_again));
	json_decref(json);
	json_decref(json_again);
	snapshot_free(snapshot);
	snapshot_free(again);
	unlink(file_path());
}

static void a_failed_save_leaves_the_old_file(void **state)
{
	struct snapshot *snapshot = take("uneven-three-nodes");
	struct error err = {{0}};

	(void)state;
	assert_true(snapshot_save(snapshot, "/nonexistent/dir/file", &err) < 0);
	assert_non_null(strstr(err.text, "/nonexistent/dir/file"));
	snapshot_free(snapshot);
}

static void xml_and_synthetic_strings_load_as_bare_machines(void **state)
{
	struct snapshot *captured = take("smt-two-nodes"), *snapshot;

	(void)state;
	write_text(captured->machine->xml);
	snapshot = snapshot_load(file_path(), NULL);
	assert_non_null(snapshot);
	assert_int_equal(snapshot->machine->cpu_count, 8);
	assert_false(snapshot->machine->live);
	assert_int_equal(snapshot->guests.count, 0);
	assert_null(snapshot_knob(snapshot, "ksm_run"));
	snapshot_free(snapshot);
	snapshot_free(captured);
	unlink(file_path());
	snapshot = snapshot_load("node:4 core:2 pu:2", NULL);
	assert_non_null(snapshot);
	assert_int_equal(snapshot->machine->node_count, 4);
	assert_int_equal(snapshot->cgroup, CGROUP_NONE);
	snapshot_free(snapshot);
}

static void damaged_files_are_one_clear_error(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{}", "{\"vmtune-snapshot\": 2}", "{\"vmtune-snapshot\": 1}", "<topology>",
		"{\"vmtune-snapshot\": 1, \"machine\": {\"xml\": \"<x>\"}}", "\177ELF",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = {{0}};

		write_text(texts[i]);
		assert_null(snapshot_load(file_path(), &err));
		assert_non_null(strstr(err.text, file_path()));
	}
	unlink(file_path());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_captured_machine_is_taken_whole),
		cmocka_unit_test(what_is_saved_is_what_is_loaded),
		cmocka_unit_test(a_failed_save_leaves_the_old_file),
		cmocka_unit_test(xml_and_synthetic_strings_load_as_bare_machines),
		cmocka_unit_test(damaged_files_are_one_clear_error),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
