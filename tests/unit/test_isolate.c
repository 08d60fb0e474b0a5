// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's other work off dedicated CPUs: which groups are confined to what, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/attach_bench.h"
#include "tests/unit/tree.h"
#include "tuner/journal.h"
#include "tuner/own_limits.h"
#include "tuner/plan/isolate.h"

#define HOST "host {\nisolate = true }\n"
#define VM(pins) "vm db { vcpus = 2 memory = 64M kernel = k pins = \"" pins "\" io_cpus = \"0\" dedicated = true }"

static void put_group(struct snapshot *snapshot, const char *name, const char *cpus)
{
	struct host_group_list *list = &snapshot->groups;
	struct host_group *group;

	list->groups = xreallocarray(list->groups, list->count + 1, sizeof(*group));
	group = &list->groups[list->count++];
	*group = (struct host_group){ .name = xstrdup(name) };
	assert_int_equal(idset_parse(cpus, &group->cpus, NULL), 0);
	group->foreign = group->cpus;
}

/* CPUs 0-3 on node 0, 4-7 on node 1. */
static struct snapshot *host(bool systemd)
{
	static const char *const units[] = { "dev-hugepages.mount", "init.scope", "machine.slice", "system.slice",
		"user.slice", "vmtune.slice" };
	static const char *const others[] = { "jobs", "machine", "vmtune" };
	struct snapshot *snapshot = two_nodes();

	snapshot->cgroup = CGROUP_V2;
	snprintf(snapshot->cgroup_mount, sizeof(snapshot->cgroup_mount), "/sys/fs/cgroup");
	snprintf(snapshot->kernel, sizeof(snapshot->kernel), "6.1.0-test");
	snapshot->systemd = systemd;
	snapshot->groups.offered = true;
	for (size_t i = 0; i < (systemd ? 6 : 3); i++)
		put_group(snapshot, systemd ? units[i] : others[i], "");
	return snapshot;
}

static void limit(struct snapshot *snapshot, const char *group, const char *now, const char *foreign)
{
	struct host_group *found = host_group_of(&snapshot->groups, group);

	assert_non_null(found);
	assert_int_equal(idset_parse(now, &found->cpus, NULL), 0);
	assert_int_equal(idset_parse(foreign, &found->foreign, NULL), 0);
}

/* "system.slice=0-1 init.scope=0-1": the plan's changes of CPUs, in their order. */
static void expect(struct bench *bench, const char *wanted)
{
	char text[512] = "";

	if (!bench->plan)
		fail_msg("%s", bench->err.text);
	for (unsigned int i = 0; i < bench->plan->actions.count; i++) {
		const struct action *action = &bench->plan->actions.actions[i];
		size_t used = strlen(text);

		if (action->kind != ACTION_UNIT_CPUS && action->kind != ACTION_GROUP_CPUS &&
		    (action->kind != ACTION_CGROUP_CONTROLLERS || strcmp(action->after, "cpuset") != 0))
			continue;
		assert_int_equal(action->undo_class, CLASS_REVERSIBLE);
		assert_non_null(strstr(action->reason, "x.conf:2"));
		snprintf(text + used, sizeof(text) - used, "%s%s=%s", used ? " " : "", action->target, action->after);
	}
	assert_string_equal(text, wanted);
}

static bool noted(const struct bench *bench, const char *what)
{
	bool found = false;

	for (unsigned int i = 0; bench->plan && i < bench->plan->notes.count; i++)
		found = found || (bench->plan->notes.notes[i].kind == NOTE_RESIDUAL &&
			strstr(bench->plan->notes.notes[i].what, what));
	return found;
}

static void refused(struct snapshot *snapshot, const char *text, const char *words)
{
	struct bench bench;

	plan_on(&bench, snapshot, text);
	if (bench.plan)
		fail_msg("planned: %s", text);
	if (strncmp(bench.err.text, words, strlen(words)) != 0)
		fail_msg("%s\nshould begin with\n%s", bench.err.text, words);
	clear(&bench);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static void systemds_units_are_confined_and_those_of_guests_are_not(void **state)
{
	struct bench bench;

	(void)state;
	plan_on(&bench, host(true), HOST VM("2,3"));
	expect(&bench, "init.scope=0-1,4-7 system.slice=0-1,4-7 user.slice=0-1,4-7");
	assert_string_equal(bench.plan->actions.actions[0].before, "");
	assert_non_null(strstr(bench.plan->actions.actions[0].reason, "CPUs 2-3 are dedicated to db"));
	assert_true(noted(&bench, "kernel threads of CPUs 2-3"));
	assert_true(noted(&bench, "no cpuset partition"));
	clear(&bench);
}

static void nothing_is_confined_unless_asked_for(void **state)
{
	struct bench bench;

	(void)state;
	plan_on(&bench, host(true), "host { isolate = false }\n" VM("2,3"));
	expect(&bench, "");
	assert_int_equal(bench.plan->notes.count, 0);
	clear(&bench);
}

static void groups_without_systemd_get_the_controller_first(void **state)
{
	struct snapshot *snapshot = host(false);
	struct bench bench;

	(void)state;
	plan_on(&bench, snapshot, HOST VM("2,3"));
	expect(&bench, "/sys/fs/cgroup/cgroup.subtree_control=cpuset /sys/fs/cgroup/jobs/cpuset.cpus=0-1,4-7");
	assert_true(noted(&bench, "tasks of the root control group"));
	clear(&bench);

	snapshot = host(false);
	snapshot->groups.enabled = true;
	plan_on(&bench, snapshot, HOST VM("2,3"));
	expect(&bench, "/sys/fs/cgroup/jobs/cpuset.cpus=0-1,4-7");
	clear(&bench);
}

static void a_unit_with_one_of_the_profiles_guests_is_left_alone_and_named(void **state)
{
	struct snapshot *snapshot = host(true);
	struct guest *guest = run_guest(snapshot, "a", 100, 0, 64);
	struct bench bench;

	(void)state;
	free(guest->cgroup);
	guest->cgroup = xstrdup("/user.slice/user-1000.slice/session-1.scope");
	plan_on(&bench, snapshot, HOST "vm a { attach = \"name:a\" pins = \"5,6\" io_cpus = \"4\" dedicated = true }");
	expect(&bench, "init.scope=0-4,7 system.slice=0-4,7");
	assert_true(noted(&bench, "user.slice is not confined"));
	clear(&bench);
}

static void another_slice_is_named_and_left_alone(void **state)
{
	struct snapshot *snapshot = host(true);
	struct bench bench;

	(void)state;
	put_group(snapshot, "kubepods.slice", "");
	plan_on(&bench, snapshot, HOST VM("2,3"));
	expect(&bench, "init.scope=0-1,4-7 system.slice=0-1,4-7 user.slice=0-1,4-7");
	assert_true(noted(&bench, "kubepods.slice is not confined"));
	assert_false(noted(&bench, "dev-hugepages.mount"));
	clear(&bench);
}

static void a_limit_of_someone_elses_is_kept(void **state)
{
	struct snapshot *snapshot = host(true);
	struct bench bench;

	(void)state;
	limit(snapshot, "system.slice", "0-2", "0-2");
	limit(snapshot, "user.slice", "0-1", "0-1"); /* narrower than ours: nothing to do */
	plan_on(&bench, snapshot, HOST VM("2,3"));
	expect(&bench, "init.scope=0-1,4-7 system.slice=0-1");
	clear(&bench);
}

static void a_limit_of_ours_gives_way_when_other_cpus_are_dedicated(void **state)
{
	struct snapshot *snapshot = host(true);
	struct bench bench;

	(void)state;
	limit(snapshot, "init.scope", "0-5", "");
	limit(snapshot, "system.slice", "0-1,4-7", "");
	limit(snapshot, "user.slice", "0-5", "0-6");
	plan_on(&bench, snapshot, HOST VM("2,3"));
	expect(&bench, "init.scope=0-1,4-7 user.slice=0-1,4-6");
	clear(&bench);
}

static void a_cpu_off_line_changes_nothing(void **state)
{
	struct snapshot *snapshot = host(true);
	struct bench bench;

	(void)state;
	idset_remove(&snapshot->machine->online, 7);
	limit(snapshot, "init.scope", "0-1,4-7", "");
	limit(snapshot, "system.slice", "0-1,4-7", "");
	limit(snapshot, "user.slice", "0-1,4-6", "");
	plan_on(&bench, snapshot, HOST VM("2,3"));
	expect(&bench, "");
	clear(&bench);
}

/* ---- refused -------------------------------------------------------------------------------- */

static void what_cannot_be_isolated_is_refused_by_line(void **state)
{
	struct snapshot *snapshot = host(true);
	const char *text = "host {\nisolate = true }\nvm a { vcpus = 1 memory = 64M kernel = k }";
	struct error err;

	(void)state;
	assert_null(profile_parse(text, strlen(text), "x.conf", &err));
	assert_non_null(strstr(err.text, "x.conf:2: isolate = true keeps the host's work off dedicated CPUs, and no VM "
		"has any"));
	limit(snapshot, "system.slice", "2-3", "2-3");
	refused(snapshot, HOST VM("2,3"), "x.conf:2: isolate leaves system.slice no CPU: its AllowedCPUs is 2-3, and all "
		"of these are dedicated to guests (db)");
	snapshot = host(true);
	snapshot->cgroup = CGROUP_V1;
	refused(snapshot, HOST VM("2,3"), "x.conf:2: isolate needs control groups of version 2");
	snapshot = host(false);
	snapshot->groups.offered = false;
	refused(snapshot, HOST VM("2,3"), "x.conf:2: isolate needs the cpuset controller");
	snapshot = host(true);
	assert_int_equal(idset_parse("7", &snapshot->machine->isolated, NULL), 0);
	refused(snapshot, HOST VM("2,3"), "x.conf:2: isolate does not go with CPUs that were isolated at boot");
}

static void a_machine_of_which_only_a_drawing_is_known_is_planned_for_all_the_same(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	plan_on(&bench, snapshot, HOST VM("2,3"));
	expect(&bench, "");
	clear(&bench);
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct root root;

static int setup(void **state)
{
	(void)state;
	if (tree_open(&root))
		return -1;
	tree_put(&root, "/proc/sys/kernel/random/boot_id", "boot-1\n");
	tree_put(&root, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n");
	tree_put(&root, "/sys/fs/cgroup/cgroup.subtree_control", "cpu cpuset\n");
	tree_put(&root, "/sys/fs/cgroup/system.slice/cgroup.procs", "");
	tree_put(&root, "/sys/fs/cgroup/system.slice/cpuset.cpus", "0-1,4-7\n");
	tree_put(&root, "/sys/fs/cgroup/init.scope/cgroup.procs", "1\n");
	tree_put(&root, "/sys/fs/cgroup/init.scope/cpuset.cpus", "\n");
	tree_put(&root, "/sys/fs/cgroup/no-group/file", "");
	tree_put(&root, "/sys/fs/cgroup/wide.slice/cgroup.procs", "");
	tree_put(&root, "/sys/fs/cgroup/wide.slice/cpuset.cpus", "0-7\n"); /* is no limit */
	tree_put(&root, "/sys/devices/system/cpu/possible", "0-7\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(&root);
}

static void groups_are_read_by_name_with_their_cpus(void **state)
{
	struct host_group_list list, back;
	json_t *json;

	(void)state;
	host_groups_read(&root, "/sys/fs/cgroup", &list);
	assert_true(list.offered && list.enabled);
	assert_int_equal(list.count, 3);
	assert_true(idset_empty(&host_group_of(&list, "wide.slice")->cpus));
	assert_string_equal(list.groups[0].name, "init.scope");
	assert_true(idset_empty(&list.groups[0].cpus));
	assert_int_equal(idset_count(&host_group_of(&list, "system.slice")->cpus), 6);
	json = host_groups_to_json(&list);
	json_array_append_new(json_object_get(json, "groups"), json_string("no group"));
	host_groups_from_json(json, &back);
	assert_true(back.offered && back.enabled);
	assert_int_equal(back.count, 3);
	assert_true(idset_equal(&back.groups[1].cpus, &list.groups[1].cpus));
	json_decref(json);
	host_groups_release(&list);
	host_groups_release(&back);
	host_groups_read(&root, "/nowhere", &list);
	assert_true(!list.offered && !list.enabled && !list.count);
	host_groups_release(&list);
}

static void record(enum action_kind kind, const char *target, const char *before, const char *after)
{
	struct action action = { .kind = kind, .target = (char *)(uintptr_t)target, .before = (char *)(uintptr_t)before,
		.after = (char *)(uintptr_t)after };
	struct error err;
	struct journal *journal = journal_open(&root, true, 1000, &err);
	long sequence;

	if (!journal)
		fail_msg("%s", err.text);
	sequence = journal_intent(journal, "boot-1", &action, &err);
	assert_true(sequence > 0);
	assert_int_equal(journal_done(journal, (unsigned long)sequence, after, &err), 0);
	journal_close(journal);
}

/* What ->foreign of system.slice is after the limit that it has now was looked up in the journal. */
static void expect_foreign(const char *wanted)
{
	struct snapshot snapshot = { .boot_id = "boot-1", .cgroup_mount = "/sys/fs/cgroup" };
	char text[64];

	snapshot.machine = machine_from_synthetic("node:2 core:4 pu:1", NULL);
	host_groups_read(&root, "/sys/fs/cgroup", &snapshot.groups);
	own_limits_lift(&snapshot, &root);
	assert_string_equal(idset_format(&host_group_of(&snapshot.groups, "system.slice")->foreign, text, sizeof(text)),
		wanted);
	host_groups_release(&snapshot.groups);
	machine_free(snapshot.machine);
}

static void a_limit_in_the_journal_is_not_taken_for_someone_elses(void **state)
{
	(void)state;
	tree_put(&root, "/var/lib/here", "");
	expect_foreign("0-1,4-7");
	record(ACTION_UNIT_CPUS, "init.scope", "", "0-1,4-7");
	expect_foreign("0-1,4-7");
	record(ACTION_UNIT_CPUS, "system.slice", "0-6", "0-5");
	expect_foreign("0-1,4-7"); /* someone has changed it since */
	record(ACTION_UNIT_CPUS, "system.slice", "0-5", "0-4");
	record(ACTION_UNIT_CPUS, "system.slice", "0-4", "0-1,4-7");
	expect_foreign("0-6");
	tree_put(&root, "/sys/fs/cgroup/system.slice/cpuset.cpus", "0-2\n");
	record(ACTION_UNIT_CPUS, "system.slice", "1-2", "0-2"); /* and in between */
	expect_foreign("1-2");
	tree_put(&root, "/sys/fs/cgroup/system.slice/cpuset.cpus", "3\n");
	expect_foreign("3");
}

static void a_limit_that_is_a_file_is_looked_up_as_well(void **state)
{
	(void)state;
	tree_put(&root, "/var/lib/here", "");
	record(ACTION_GROUP_CPUS, "/sys/fs/cgroup/system.slice/cpuset.cpus", "", "0-1,4-7");
	expect_foreign("");
}

#define TREE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(systemds_units_are_confined_and_those_of_guests_are_not),
		cmocka_unit_test(nothing_is_confined_unless_asked_for),
		cmocka_unit_test(groups_without_systemd_get_the_controller_first),
		cmocka_unit_test(a_unit_with_one_of_the_profiles_guests_is_left_alone_and_named),
		cmocka_unit_test(another_slice_is_named_and_left_alone),
		cmocka_unit_test(a_limit_of_someone_elses_is_kept),
		cmocka_unit_test(a_limit_of_ours_gives_way_when_other_cpus_are_dedicated),
		cmocka_unit_test(a_cpu_off_line_changes_nothing),
		cmocka_unit_test(what_cannot_be_isolated_is_refused_by_line),
		cmocka_unit_test(a_machine_of_which_only_a_drawing_is_known_is_planned_for_all_the_same),
		TREE(groups_are_read_by_name_with_their_cpus),
		TREE(a_limit_in_the_journal_is_not_taken_for_someone_elses),
		TREE(a_limit_that_is_a_file_is_looked_up_as_well),
	};

	return cmocka_run_group_tests_name("isolate", tests, NULL, NULL);
}
