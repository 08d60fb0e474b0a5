// SPDX-License-Identifier: GPL-2.0-or-later
/* What the daemon plans and measures, and which of the kernel's messages wake it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/attach_bench.h"
#include "tuner/daemon/events.h"
#include "tuner/daemon/measure.h"
#include "tuner/scope.h"

/* ---- measuring ------------------------------------------------------------------------------ */

/* The guest db with its memory on node 0 while the profile wants it on node 1; at the last look and now. */
struct story {
	struct bench bench;
	struct guest_list before;
	struct measure measure;
};

static void look_twice(struct story *story, const char *profile, uint64_t busy_ns, uint64_t wait_ns, int cpu)
{
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 1024, 0);

	memset(story, 0, sizeof(*story));
	story->before.guests = xcalloc(1, sizeof(*story->before.guests));
	story->before.count = 1;
	story->before.guests[0] = *guest;
	story->before.guests[0].threads = xcalloc(guest->thread_count, sizeof(*guest->threads));
	memcpy(story->before.guests[0].threads, guest->threads, guest->thread_count * sizeof(*guest->threads));
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		guest->threads[i].cpu = cpu;
		guest->threads[i].cpu_ns += busy_ns;
		guest->threads[i].wait_ns += wait_ns;
	}
	plan_on(&story->bench, snapshot, profile);
	if (!story->bench.plan)
		fail_msg("%s", story->bench.err.text);
	measure_plan(&story->measure, story->bench.plan, snapshot, &story->before, 1000);
}

static void end(struct story *story)
{
	measure_release(&story->measure);
	free(story->before.guests[0].threads);
	free(story->before.guests);
	clear(&story->bench);
}

static const struct drift *drift_of_guest(const struct story *story)
{
	static const struct drift none;
	const struct drift *found = NULL;

	for (unsigned int i = 0; i < story->measure.count; i++)
		if (story->measure.drifts[i].weighed) {
			assert_null(found); /* all of a guest is one drift */
			found = &story->measure.drifts[i];
		}
	assert_non_null(found);
	return found ? found : &none;
}

#define TO_NODE_1 "vm db { attach = \"name:db\" nodes = \"1\" }\n"

static void a_guest_on_the_wrong_node_is_one_drift_with_its_numbers(void **state)
{
	struct story story;
	const struct drift *drift;

	(void)state;
	look_twice(&story, TO_NODE_1, 0, 0, 0);
	drift = drift_of_guest(&story);
	assert_string_equal(drift->key, "guest 100:5 db");
	assert_int_equal(drift->bytes, GIB);
	assert_true(drift->threads >= 5);
	assert_int_equal(drift->cost_us, 1024 * 1000); /* of its threads none has run */
	assert_int_equal(drift->gain_us, 0);
	end(&story);
}

/* Two vCPUs on node 1 with all pages on node 0: twice the distance, so all of the stall share is lost. */
static void far_pages_cost_the_share_of_busy_time_that_waits_for_memory(void **state)
{
	struct story story;

	(void)state;
	look_twice(&story, TO_NODE_1, UINT64_C(1000000000), 0, 5);
	assert_int_equal(drift_of_guest(&story)->gain_us, UINT64_C(2) * 1000000 * MEASURE_STALL / 100);
	end(&story);
	/* on node 0 they are with their pages: nothing is lost, whatever the profile wants */
	look_twice(&story, TO_NODE_1, UINT64_C(1000000000), 0, 1);
	assert_int_equal(drift_of_guest(&story)->gain_us, 0);
	end(&story);
}

static void waiting_for_a_cpu_counts_where_threads_are_off_theirs(void **state)
{
	struct story story;

	(void)state;
	look_twice(&story, TO_NODE_1, 0, UINT64_C(500000000), 1);
	assert_int_equal(drift_of_guest(&story)->gain_us, 2 * 500000);
	end(&story);
}

/* vCPU 0 shall be on CPU 5 and is there, vCPU 1 on CPU 6: only its cache is cold afterwards. */
static void a_thread_that_is_there_already_costs_nothing(void **state)
{
	struct story story;

	(void)state;
	look_twice(&story, "vm db { attach = \"name:db\" pins = \"5,6\" io_cpus = \"5\" }\n", 1000000, 0, 5);
	assert_int_equal(drift_of_guest(&story)->cost_us, 1024 * 1000 + MEASURE_THREAD_US);
	end(&story);
}

static void values_are_drifts_of_their_own_and_not_weighed(void **state)
{
	struct story story;
	unsigned int values = 0;

	(void)state;
	look_twice(&story, "vm db { attach = \"name:db\" nodes = \"1\" balloon = 512M ksm = true }\n", 0, 0, 0);
	for (unsigned int i = 0; i < story.measure.count; i++)
		values += !story.measure.drifts[i].weighed;
	assert_int_equal(values, 2);
	assert_int_equal(story.measure.count, 3);
	for (unsigned int i = 0; i < story.bench.plan->actions.count; i++)
		assert_true(story.measure.drift_of[i] < story.measure.count);
	end(&story);
}

/* ---- planning ------------------------------------------------------------------------------- */

/* The kernel has let a thread run anywhere when its CPU went; the other vCPU stays where it is. */
static void a_vcpu_whose_cpu_went_off_line_gets_another(void **state)
{
	static const char *const words[] = { "vmm", "--numa", "cpus=0-1,memory=1G,host-node=1", "--pin", "0=5,1=6" };
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 0, 1024);
	struct bench bench;
	struct idset pin;

	(void)state;
	guest->argv = xcalloc(6, sizeof(*guest->argv));
	for (size_t i = 0; i < 5; i++)
		guest->argv[i] = xstrdup(words[i]);
	idset_remove(&snapshot->machine->online, 6);
	idset_remove(&snapshot->machine->allowed, 6);
	idset_remove(&snapshot->machine->nodes[1].cpus, 6);
	plan_on(&bench, snapshot, "vm db { kernel = k vcpus = 2 memory = 1G dedicated = true }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	assert_int_equal(idset_next(&bench.plan->vms[0].pins[0], -1), 5);
	pin = bench.plan->vms[0].pins[1];
	assert_int_equal(idset_count(&pin), 1);
	assert_true(idset_has(&pin, 7) || idset_has(&pin, 4));
	clear(&bench);
}

/* Where systemd runs the group comes with the guest, as a scope; weights and limits are its properties. */
static void under_systemd_a_guest_gets_a_scope_and_properties(void **state)
{
	static const char *const wanted[][2] = { { "vmtune-a.scope CPUWeight", "200" },
		{ "vmtune-a.scope CPUQuotaPerSecUSec", "1500000" }, { "vmtune-a.scope MemoryMax", "1073741824" } };
	struct snapshot *snapshot = two_nodes();
	const struct action *actions;
	struct bench bench;

	(void)state;
	snapshot->cgroup = CGROUP_V2;
	snapshot->systemd = true;
	plan_on(&bench, snapshot, "vm a { kernel = k cpu_weight = 200 cpu_quota = 150 memory_max = 1G }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	assert_int_equal(bench.plan->actions.count, 4);
	actions = bench.plan->actions.actions;
	assert_int_equal(actions[0].kind, ACTION_START_GUEST);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(actions[i + 1].kind, ACTION_UNIT_PROPERTY);
		assert_string_equal(actions[i + 1].target, "a");
		assert_string_equal(actions[i + 1].detail, wanted[i][0]);
		assert_string_equal(actions[i + 1].after, wanted[i][1]);
	}
	clear(&bench);
}

/* What a user's own systemd calls init.scope or machine-db.scope is not the host's unit of that name. */
static void only_scopes_in_slices_are_the_hosts(void **state)
{
	static const struct {
		const char *group;
		bool scope;
	} cases[] = {
		{"/vmtune.slice/vmtune-a.scope", true},
		{"/machine.slice/machine-qemu\\x2d1\\x2ddb.scope", true},
		{"/user.slice/user-1000.slice/session-3.scope", true},
		{"/user.slice/user-1000.slice/user@1000.service/init.scope", false},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/machine-db.scope", false},
		{"/machine.slice/machine-db.scope/libvirt", false},
		{"/vmtune/a", false},
		{"", false},
	};
	const struct snapshot host = {.systemd = true}, other = {.systemd = false};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (scope_is(&host, cases[i].group) != cases[i].scope)
			fail_msg("%s", cases[i].group);
		assert_false(scope_is(&other, cases[i].group));
	}
}

/* ---- waking --------------------------------------------------------------------------------- */

#define MESSAGE(text) text, sizeof(text)

static void the_kernels_messages_that_concern_it(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		bool wakes;
	} cases[] = {
		{MESSAGE("change@/devices/virtual/misc/kvm\0ACTION=change\0SUBSYSTEM=misc\0CREATED=1\0COUNT=1\0"
			 "EVENT=create\0PID=12\0DEVNAME=kvm"), true},
		{MESSAGE("offline@/devices/system/cpu/cpu3\0ACTION=offline\0SUBSYSTEM=cpu"), true},
		{MESSAGE("online@/devices/system/memory/memory3\0ACTION=online\0SUBSYSTEM=memory"), true},
		{MESSAGE("add@/devices/virtual/misc/kvm\0ACTION=add\0SUBSYSTEM=misc\0DEVNAME=kvm"), false},
		{MESSAGE("add@/devices/virtual/net/tap0\0ACTION=add\0SUBSYSTEM=net\0INTERFACE=tap0"), false},
		{MESSAGE("x@/y\0SUBSYSTEM=cpufreq"), false},
		{"SUBSYSTEM=cpu", 13, false}, /* cut */
		{"", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (events_concerns(cases[i].text, cases[i].size) != cases[i].wakes)
			fail_msg("%s", cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_on_the_wrong_node_is_one_drift_with_its_numbers),
		cmocka_unit_test(far_pages_cost_the_share_of_busy_time_that_waits_for_memory),
		cmocka_unit_test(waiting_for_a_cpu_counts_where_threads_are_off_theirs),
		cmocka_unit_test(a_thread_that_is_there_already_costs_nothing),
		cmocka_unit_test(values_are_drifts_of_their_own_and_not_weighed),
		cmocka_unit_test(a_vcpu_whose_cpu_went_off_line_gets_another),
		cmocka_unit_test(under_systemd_a_guest_gets_a_scope_and_properties),
		cmocka_unit_test(only_scopes_in_slices_are_the_hosts),
		cmocka_unit_test(the_kernels_messages_that_concern_it),
	};

	return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
