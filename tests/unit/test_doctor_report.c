// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's report, the profile he writes, and reading the facts of captured machines. */
#include "tests/unit/doctor_bench.h"
#include "tests/unit/tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/capture.h"
#include "tests/unit/stdout.h"
#include "tuner/plan/plan.h"
#include "tuner/profile/profile.h"

static const struct action_context context = {.run_dir = "/run/vmtune", .vmm = "/bin/vmm"};

/* ---- the report --------------------------------------------------------------------------------- */

/* What report_print() and report_summary() say; the caller frees. */
static char *report_text(const struct findings *findings)
{
	struct printed printed;

	printed_begin(&printed);
	report_print(findings, true);
	report_summary(findings);
	return printed_end(&printed);
}

static struct facts *sick_machine(void)
{
	struct facts *facts = machine_running_two(guest("db", 2, "0", "1"), guest("web", 1, "0"));

	facts->cpu_flags = xstrdup("fpu vmx hypervisor");
	facts->cmdline = xstrdup("mitigations=auto,no_guest_host,no_guest_guest,no_user_user");
	facts->smt = xstrdup("1");
	add_vulnerability(facts, "mds", "Mitigation: Clear CPU buffers; SMT vulnerable");
	add_vulnerability(facts, "spec_rstack_overflow", "Vulnerable: Safe RET, no microcode");
	facts->swap_total = 8 * GIB;
	facts->swap_used = GIB;
	put_memory(facts, 0, 0, 4 * GIB);
	put_memory(facts, 1, 4 * GIB, 0);
	facts->guests[0].swapped = facts->guests[1].swapped = GIB;
	set_knob(facts, "smt", "on");
	set_knob(facts, "swappiness", "60");
	set_knob(facts, "ksm_run", "1");
	set_knob(facts, "ksm_merge_across_nodes", "1");
	set_knob(facts, "thp_enabled", "never");
	set_knob(facts, "numa_balancing", "1");
	set_knob(facts, "kvm_intel_nested", "1");
	return facts;
}

static void the_report_fits_eighty_columns_and_ends_with_the_sums(void **state)
{
	struct facts *facts = sick_machine();
	struct findings findings;
	char *text, *rest = NULL, *last = NULL;

	(void)state;
	doctor_run(facts, &findings);
	text = report_text(&findings);
	expect_text(text, "ERROR guest-node: a guest's memory is on another node than its vCPUs");
	expect_text(text, "    fix      no profile line: run: vmtune move db 0\n");
	expect_text(text, "    fix      swappiness = 10\n");
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strlen(line) > 80)
			fail_msg("%zu columns: %s", strlen(line), line);
		last = line;
	}
	expect_text(last, " errors, ");
	expect_text(last, " unknown");
	free(text);
	findings_release(&findings);
	facts_free(facts);
}

static void json_counts_and_lists_everything(void **state)
{
	struct facts *facts = sick_machine();
	struct findings findings;
	json_t *json, *first;

	(void)state;
	doctor_run(facts, &findings);
	json = report_json(&findings);
	assert_int_equal(json_array_size(json_object_get(json, "findings")), findings.count);
	assert_int_equal(json_integer_value(json_object_get(json, "errors")),
		findings_count(&findings, GRADE_ERROR));
	first = json_array_get(json_object_get(json, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "severity")), "error");
	assert_non_null(json_string_value(json_object_get(first, "fix")));
	json_decref(json);
	findings_release(&findings);
	facts_free(facts);
}

/* ---- the profile -------------------------------------------------------------------------------- */

static const char *setting(const struct profile *profile, const char *name)
{
	for (unsigned int i = 0; i < profile->setting_count; i++)
		if (!strcmp(profile->settings[i].knob->name, name))
			return profile->settings[i].value;
	return "(not set)";
}

static struct profile *profile_for(const struct findings *findings)
{
	char *text = fix_profile(findings);
	struct error err = {{0}};
	struct profile *profile = profile_parse(text, strlen(text), "fix.conf", &err);

	if (!profile)
		fail_msg("%s\n%s", err.text, text);
	free(text);
	return profile;
}

static void the_fix_is_a_profile_that_can_be_planned(void **state)
{
	struct facts *facts = sick_machine();
	struct findings findings;
	struct profile *profile;
	struct plan *plan;
	struct error err = {{0}};

	(void)state;
	doctor_run(facts, &findings);
	profile = profile_for(&findings);
	assert_string_equal(setting(profile, "swappiness"), "10"); /* two findings, one line */
	assert_string_equal(setting(profile, "ksm_merge_across_nodes"), "0");
	assert_string_equal(setting(profile, "thp_enabled"), "madvise");
	/* Notes are a choice: comments. */
	assert_string_equal(setting(profile, "smt"), "(not set)");
	assert_string_equal(setting(profile, "numa_balancing"), "(not set)");
	plan = plan_make(profile, facts->snapshot, &context, &err);
	if (!plan)
		fail_msg("%s", err.text);
	plan_free(plan);
	profile_free(profile);
	findings_release(&findings);
	facts_free(facts);
}

static void what_needs_a_boot_or_a_hand_is_a_comment(void **state)
{
	struct facts *facts = sick_machine();
	struct findings findings;
	char *text;

	(void)state;
	doctor_run(facts, &findings);
	text = fix_profile(&findings);
	expect_text(text, "#     mitigations=auto (in place of");
	expect_text(text, "#     options kvm_intel nested=0\n");
	expect_text(text, "#     vmtune move db 0\n");
	expect_text(text, "\t# smt = off\n");
	expect_text(text, "\t# swappiness = 10 is above already\n");
	free(text);
	findings_release(&findings);
	facts_free(facts);
}

static void a_guests_name_cannot_add_a_line_to_the_profile(void **state)
{
	struct facts *facts = machine_running(guest("db\n\tksm_run = 1\n}#*/", 1, "0"));
	struct findings findings;
	struct profile *profile;

	(void)state;
	facts->guests[0].swapped = GIB;
	set_knob(facts, "swappiness", "60");
	doctor_run(facts, &findings);
	profile = profile_for(&findings);
	assert_int_equal(profile->setting_count, 1);
	assert_string_equal(setting(profile, "swappiness"), "10");
	profile_free(profile);
	findings_release(&findings);
	facts_free(facts);
}

static void a_setting_this_kernel_lacks_is_not_proposed(void **state)
{
	struct facts *facts = machine_running(guest("db", 1, "0"));

	(void)state;
	facts->guests[0].swapped = GIB;
	expect(facts, "guest-swap", GRADE_ERROR, "1.0G", FIX_HAND, "memory");
}

static void an_existing_file_is_never_overwritten(void **state)
{
	char path[] = "/tmp/vmtune-doctor-XXXXXX";
	struct findings none = {0};
	struct error err = {{0}};
	struct profile *profile;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_true(fix_write(&none, path, &err) < 0);
	expect_text(err.text, "is there already");
	unlink(path);
	assert_int_equal(fix_write(&none, path, &err), 0);
	profile = profile_read(path, &err);
	assert_non_null(profile);
	assert_int_equal(profile->setting_count, 0);
	profile_free(profile);
	unlink(path);
}

/* ---- captured machines -------------------------------------------------------------------------- */

static struct facts *examine(const struct root *root)
{
	struct error err = {{0}};
	struct facts *facts = facts_read(root, &err);

	if (!facts)
		fail_msg("%s", err.text);
	return facts;
}

static void facts_are_read_below_the_sysroot(void **state)
{
	struct root root;
	struct facts *facts;

	(void)state;
	assert_int_equal(capture_open(&root, "smt-two-nodes"), 0);
	tree_put(&root, "/proc/buddyinfo", "Node 0, zone      DMA      1      0      0\n"
		"Node 0, zone   Normal      2      0      0      0      0      0      0      0      0      3\n"
		"Node 1, zone   Normal      0      1      0\n");
	tree_put(&root, "/proc/vmstat", "pswpin 7\nthp_fault_alloc 12\nthp_fault_fallback 3\n"
		"thp_fault_fallback_charge 9\n");
	tree_put(&root, "/proc/cmdline", "quiet ro\n");
	tree_put(&root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	tree_put(&root, "/sys/devices/system/cpu/vulnerabilities/mds", "Not affected\n");
	tree_put(&root, "/sys/devices/system/cpu/vulnerabilities/l1tf", "Vulnerable\n");
	tree_put(&root, "/sys/kernel/iommu_groups/0/type", "DMA-FQ\n");
	tree_put(&root, "/sys/kernel/iommu_groups/11/type", "identity\n");
	facts = examine(&root);
	capture_close();
	assert_int_equal(facts->block_count, 2);
	assert_true(facts->blocks[0].huge == 3 * 2 * MIB);
	assert_true(facts->blocks[0].free == 3 * 2 * MIB + 3 * 4 * KIB);
	assert_true(facts->blocks[1].free == 8 * KIB);
	assert_true(facts->thp_fault_alloc == 12);
	assert_true(facts->thp_fault_fallback == 3);
	assert_string_equal(facts->cmdline, "quiet ro");
	assert_string_equal(facts->clock, "hpet");
	assert_null(facts->clocks);
	assert_int_equal(facts->vulnerability_count, 2);
	assert_string_equal(facts->vulnerabilities[0].name, "l1tf");
	assert_true(facts->iommu_groups == 2);
	assert_true(facts->iommu_translated == 1);
	assert_true(facts_word(facts->cpu_flags, "svm"));
	assert_false(facts_word(facts->cpu_flags, "sv"));
	assert_true(facts->swap_total == 0);
	assert_null(facts->vmx_flags);
	facts_free(facts);
}

/* The PIDs in a capture belong to other processes here: their memory must not be asked for. */
static void guests_of_a_capture_are_examined_without_this_machines_processes(void **state)
{
	struct root root;
	struct facts *facts;

	(void)state;
	assert_int_equal(capture_open(&root, "smt-two-nodes"), 0);
	facts = examine(&root);
	capture_close();
	assert_int_equal(facts->snapshot->guests.count, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_null(facts->guests[i].map.node_bytes);
		assert_true(facts->guests[i].swapped == 0);
	}
	facts_free(facts);
}

static void a_captured_machine_gets_a_profile_that_fits_it(void **state)
{
	static const char *const names[] = {"smt-two-nodes", "uneven-three-nodes"};
	struct findings findings;
	struct profile *profile;
	struct error err = {{0}};
	struct facts *facts;
	struct plan *plan;
	struct root root;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(capture_open(&root, names[i]), 0);
		tree_put(&root, "/sys/kernel/mm/ksm/run", "1\n");
		tree_put(&root, "/sys/kernel/mm/ksm/merge_across_nodes", "1\n");
		tree_put(&root, "/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
		facts = examine(&root);
		capture_close();
		doctor_run(facts, &findings);
		assert_true(findings_count(&findings, GRADE_WARNING) >= 1);
		profile = profile_for(&findings);
		assert_string_equal(setting(profile, "ksm_merge_across_nodes"), "0");
		plan = plan_make(profile, facts->snapshot, &context, &err);
		if (!plan)
			fail_msg("%s: %s", names[i], err.text);
		plan_free(plan);
		profile_free(profile);
		findings_release(&findings);
		facts_free(facts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_report_fits_eighty_columns_and_ends_with_the_sums),
		cmocka_unit_test(json_counts_and_lists_everything),
		cmocka_unit_test(the_fix_is_a_profile_that_can_be_planned),
		cmocka_unit_test(what_needs_a_boot_or_a_hand_is_a_comment),
		cmocka_unit_test(a_guests_name_cannot_add_a_line_to_the_profile),
		cmocka_unit_test(a_setting_this_kernel_lacks_is_not_proposed),
		cmocka_unit_test(an_existing_file_is_never_overwritten),
		cmocka_unit_test(facts_are_read_below_the_sysroot),
		cmocka_unit_test(guests_of_a_capture_are_examined_without_this_machines_processes),
		cmocka_unit_test(a_captured_machine_gets_a_profile_that_fits_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
