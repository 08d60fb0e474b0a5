/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan: which changes, in which order, and what is refused before anything is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/plan_bench.h"

/* Each node has an empty pool of 2M pages. */
static struct snapshot *machine(void)
{
	struct snapshot *snapshot = two_nodes();

	for (unsigned int i = 0; i < 2; i++) {
		snapshot->machine->nodes[i].pools[0].page_size = 2 * MIB;
		snapshot->machine->nodes[i].pool_count = 1;
	}
	snprintf(snapshot->kernel, sizeof(snapshot->kernel), "6.1.0-test");
	return snapshot;
}

static void set_knob(struct snapshot *snapshot, const char *name, const char *value)
{
	const struct knob *knob = knob_find(name);

	assert_non_null(knob);
	snprintf(snapshot->knobs[knob - knobs].value, KNOB_VALUE_MAX, "%s", value);
}

static void plan_on(struct bench *bench, struct snapshot *snapshot, const char *text)
{
	memset(bench, 0, sizeof(*bench));
	bench->snapshot = snapshot;
	bench->profile = profile_parse(text, strlen(text), "x.conf", &bench->err);
	if (!bench->profile)
		fail_msg("%s", bench->err.text);
	bench->plan = plan_make(bench->profile, snapshot, &context, &bench->err);
}

static const struct action *action(const struct bench *bench, unsigned int number)
{
	if (!bench->plan)
		fail_msg("%s", bench->err.text);
	if (number >= bench->plan->actions.count)
		fail_msg("only %u actions", bench->plan->actions.count);
	return &bench->plan->actions.actions[number];
}

static void expect(const struct bench *bench, unsigned int number, enum action_kind kind,
	const char *target, const char *before, const char *after)
{
	const struct action *found = action(bench, number);

	assert_string_equal(action_kind_name(found->kind), action_kind_name(kind));
	assert_string_equal(found->target, target);
	assert_string_equal(found->before ? found->before : "(unknown)", before);
	assert_string_equal(found->after, after);
	assert_non_null(found->reason);
}

static void expect_count(const struct bench *bench, unsigned int count)
{
	if (!bench->plan)
		fail_msg("%s", bench->err.text);
	assert_int_equal(bench->plan->actions.count, count);
}

static void expect_refused(struct bench *bench, const char *words)
{
	if (bench->plan)
		fail_msg("planned, should be refused: %s", words);
	if (!strstr(bench->err.text, words))
		fail_msg("%s\nshould say '%s'", bench->err.text, words);
	clear(bench);
}

#define POOL(node) "/sys/devices/system/node/node" #node "/hugepages/hugepages-2048kB/nr_hugepages"
#define KSM "/sys/kernel/mm/ksm/"

/* ---- settings ---- */

static void what_is_right_already_is_no_action(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_knob(snapshot, "ksm_run", "1");
	set_knob(snapshot, "thp_enabled", "madvise");
	set_knob(snapshot, "nmi_watchdog", "0");
	plan_on(&bench, snapshot, "host { ksm_run = 1 thp_enabled = madvise nmi_watchdog = 0 }");
	expect_count(&bench, 0);
	clear(&bench);
}

static void old_and_new_value_are_told(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_knob(snapshot, "swappiness", "60");
	plan_on(&bench, snapshot, "host {\nswappiness = 10 }");
	expect_count(&bench, 1);
	expect(&bench, 0, ACTION_SETTING, "/proc/sys/vm/swappiness", "60", "10");
	assert_string_equal(action(&bench, 0)->reason, "x.conf:2");
	clear(&bench);
}

/* Merging starts when everything else about KSM is as wanted, whatever the profile's order. */
static void ksm_runs_last_and_stops_first(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_knob(snapshot, "ksm_run", "0");
	set_knob(snapshot, "ksm_pages_to_scan", "100");
	set_knob(snapshot, "ksm_merge_across_nodes", "1");
	plan_on(&bench, snapshot,
		"host { ksm_run = 1 ksm_merge_across_nodes = 0 ksm_pages_to_scan = 1000 }");
	expect_count(&bench, 3);
	expect(&bench, 0, ACTION_SETTING, KSM "merge_across_nodes", "1", "0");
	expect(&bench, 2, ACTION_SETTING, KSM "run", "0", "1");
	clear(&bench);

	snapshot = machine();
	set_knob(snapshot, "ksm_run", "1");
	set_knob(snapshot, "ksm_merge_across_nodes", "1");
	plan_on(&bench, snapshot, "host { ksm_merge_across_nodes = 0 ksm_run = 0 }");
	expect(&bench, 0, ACTION_SETTING, KSM "run", "1", "0");
	clear(&bench);
}

static void the_advisor_owns_pages_to_scan(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_knob(snapshot, "ksm_advisor_mode", "scan-time");
	set_knob(snapshot, "ksm_pages_to_scan", "100");
	plan_on(&bench, snapshot, "host {\nksm_pages_to_scan = 1000 }");
	expect_refused(&bench, "x.conf:2: ksm_pages_to_scan is ksm_advisor_mode's");

	snapshot = machine();
	set_knob(snapshot, "ksm_advisor_mode", "scan-time");
	set_knob(snapshot, "ksm_pages_to_scan", "100");
	plan_on(&bench, snapshot, "host { ksm_pages_to_scan = 1000 ksm_advisor_mode = none }");
	expect(&bench, 0, ACTION_SETTING, KSM "advisor_mode", "scan-time", "none");
	expect(&bench, 1, ACTION_SETTING, KSM "pages_to_scan", "100", "1000");
	clear(&bench);
}

static void settings_the_kernel_lacks_are_refused(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	plan_on(&bench, snapshot, "host {\n\nksm_smart_scan = 1 }");
	expect_refused(&bench, "x.conf:3: ksm_smart_scan: this kernel 6.1.0-test has no");
}

static void expect_note(const struct bench *bench, unsigned int number, enum plan_note_kind kind,
	const char *what, const char *todo)
{
	const struct plan_note *note = &bench->plan->notes.notes[number];

	assert_true(number < bench->plan->notes.count);
	assert_int_equal(note->kind, kind);
	assert_string_equal(note->what, what);
	if (!strstr(note->todo, todo))
		fail_msg("%s\nshould say '%s'", note->todo, todo);
	assert_non_null(strstr(note->reason, "x.conf:"));
}

/* Nothing that needs a module reload or a boot is an action; what to do is said to the letter. */
static void module_parameters_are_told_with_their_line_and_never_planned(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_knob(snapshot, "kvm_intel_nested", "Y");
	set_knob(snapshot, "kvm_intel_ple_gap", "0");
	set_knob(snapshot, "kvm_enable_pmu", "N");
	snapshot->knobs[knob_find("kvm_enable_pmu") - knobs].built_in = true;
	plan_on(&bench, snapshot, "host { kvm_intel_nested = 0 kvm_intel_ple_gap = 0\nkvm_enable_pmu = 1 }");
	expect_count(&bench, 0);
	assert_int_equal(bench.plan->notes.count, 2);
	expect_note(&bench, 0, NOTE_MODULE_RELOAD, "kvm_intel_nested: Y -> 0",
		"\"options kvm_intel nested=0\" to /etc/modprobe.d/vmtune.conf");
	expect_note(&bench, 1, NOTE_BOOT, "kvm.enable_pmu=1", "part of the kernel");
	clear(&bench);
}

static void words_the_kernel_was_not_started_with_are_told(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;
	char *words;

	(void)state;
	snapshot->cmdline = xstrdup("quiet nohz_full=2-3 rcu_nocbs=2-3\n");
	plan_on(&bench, snapshot, "host { kernel_cmdline = { \"nohz_full=2-7\", \"rcu_nocbs=2,3\",\n"
		"\"skew_tick=1\" } }");
	expect_count(&bench, 0);
	assert_int_equal(bench.plan->notes.count, 2);
	expect_note(&bench, 0, NOTE_BOOT, "nohz_full=2-7", "in place of nohz_full=2-3");
	expect_note(&bench, 1, NOTE_BOOT, "skew_tick=1", "ticks do not come at one moment");
	assert_string_equal(bench.plan->notes.notes[1].reason, "x.conf:2");
	words = plan_notes_cmdline(&bench.plan->notes);
	assert_string_equal(words, "nohz_full=2-7 skew_tick=1");
	free(words);
	clear(&bench);
}

static void set_files(struct snapshot *snapshot, const char *name, const char *path,
	const char *const *values, unsigned int count)
{
	struct knob_value *row = &snapshot->knobs[knob_find(name) - knobs];

	row->files = xcalloc(count, sizeof(*row->files));
	row->file_count = count;
	for (unsigned int i = 0; i < count; i++) {
		char number[2] = {(char)('0' + i), '\0'};

		row->files[i].path = xasprintf("%.*s%s%s", (int)strcspn(path, "#"), path, number,
			strchr(path, '#') + 1);
		snprintf(row->files[i].value, sizeof(row->files[i].value), "%s", values[i]);
	}
	snapshot_knob_join(row);
}

#define GOVERNOR(cpu) "/sys/devices/system/cpu/cpufreq/policy" cpu "/scaling_governor"
#define PREFERENCE(cpu) "/sys/devices/system/cpu/cpufreq/policy" cpu "/energy_performance_preference"

static void each_file_of_a_setting_is_an_action_of_its_own(void **state)
{
	static const char *const values[] = {"powersave", "performance", "schedutil"};
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_files(snapshot, "cpu_governor", GOVERNOR("#"), values, 3);
	plan_on(&bench, snapshot, "host { cpu_governor = performance }");
	expect_count(&bench, 2);
	expect(&bench, 0, ACTION_SETTING, GOVERNOR("0"), "powersave", "performance");
	expect(&bench, 1, ACTION_SETTING, GOVERNOR("2"), "schedutil", "performance");
	clear(&bench);
}

static void a_value_for_some_cpus_leaves_the_others(void **state)
{
	static const char *const values[] = {"powersave", "powersave", "performance", "powersave"};
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_files(snapshot, "cpu_governor", GOVERNOR("#"), values, 4);
	plan_on(&bench, snapshot, "host { cpu_governor = \"performance@1-2\" }");
	expect_count(&bench, 1);
	expect(&bench, 0, ACTION_SETTING, GOVERNOR("1"), "powersave", "performance");
	clear(&bench);

	snapshot = machine();
	set_files(snapshot, "cpu_governor", GOVERNOR("#"), values, 4);
	plan_on(&bench, snapshot, "host {\ncpu_governor = \"performance@3-5\" }");
	expect_refused(&bench, "x.conf:2: cpu_governor: there is no /sys/devices/system/cpu/cpufreq/"
		"policy[0-9]*/scaling_governor for 4-5");
}

/* intel_pstate and amd_pstate refuse the preference once the governor is performance. */
static void the_energy_preference_comes_before_the_performance_governor(void **state)
{
	static const char *const governor[] = {"powersave"}, *const preference[] = {"balance_power"};
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_files(snapshot, "cpu_governor", GOVERNOR("#"), governor, 1);
	set_files(snapshot, "cpu_energy_preference", PREFERENCE("#"), preference, 1);
	plan_on(&bench, snapshot, "host { cpu_governor = performance cpu_energy_preference = performance }");
	expect_count(&bench, 2);
	expect(&bench, 0, ACTION_SETTING, PREFERENCE("0"), "balance_power", "performance");
	expect(&bench, 1, ACTION_SETTING, GOVERNOR("0"), "powersave", "performance");
	clear(&bench);

	snapshot = machine();
	set_files(snapshot, "cpu_governor", GOVERNOR("#"), governor, 1);
	set_files(snapshot, "cpu_energy_preference", PREFERENCE("#"), preference, 1);
	plan_on(&bench, snapshot, "host { cpu_governor = performance\ncpu_energy_preference = default }");
	expect_refused(&bench, "x.conf:2: cpu_energy_preference is cpu_governor's while that is performance");
}

static void run_service(struct snapshot *snapshot, const char *name, int pid)
{
	json_t *json = json_pack("[{s:s, s:i}]", "name", name, "pid", pid);

	services_from_json(json, &snapshot->services);
	json_decref(json);
}

/* ksmtuned writes again each minute: it keeps what it holds, and everything else is planned. */
static void what_another_daemon_holds_is_named_and_left_to_it(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_knob(snapshot, "ksm_run", "0");
	set_knob(snapshot, "swappiness", "60");
	run_service(snapshot, "ksmtuned", 77);
	plan_on(&bench, snapshot, "host {\nksm_run = 1\nswappiness = 10 }");
	expect_count(&bench, 1);
	expect(&bench, 0, ACTION_SETTING, "/proc/sys/vm/swappiness", "60", "10");
	assert_int_equal(bench.plan->notes.count, 1);
	expect_note(&bench, 0, NOTE_CONFLICT,
		"ksmtuned (PID 77) manages ksm_run as well; while it runs, that is left to it",
		"systemctl stop ksmtuned");
	assert_string_equal(bench.plan->notes.notes[0].reason, "x.conf:2");
	clear(&bench);
}

/* tuned writes when it starts: what the profile says is done, and the two are named. */
static void a_daemon_that_writes_once_is_named_and_the_profile_holds(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_knob(snapshot, "swappiness", "60");
	run_service(snapshot, "tuned", 78);
	plan_on(&bench, snapshot, "host { swappiness = 10 }");
	expect_count(&bench, 1);
	expect_note(&bench, 0, NOTE_CONFLICT, "tuned (PID 78) manages swappiness as well", "tuned-adm off");
	clear(&bench);

	snapshot = machine();
	set_knob(snapshot, "watchdog_thresh", "10");
	run_service(snapshot, "tuned", 78);
	plan_on(&bench, snapshot, "host { watchdog_thresh = 30 }");
	expect_count(&bench, 1);
	assert_int_equal(bench.plan->notes.count, 0); /* none of tuned's business */
	clear(&bench);
}

/* ---- pools ---- */

static void pools_grow_by_what_guests_lack(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	snapshot->machine->nodes[1].pools[0].total = 200;
	snapshot->machine->nodes[1].pools[0].free = 100;
	plan_on(&bench, snapshot, "vm a { kernel = k nodes = \"1\" pages = 2M memory = 512M }\n"
		"vm b { kernel = k nodes = \"1\" pages = 2M memory = 256M }");
	expect(&bench, 0, ACTION_HUGEPAGES, POOL(1), "200", "484");
	assert_string_equal(action(&bench, 0)->reason, "a needs 256, b needs 128");
	clear(&bench);
}

static void pools_of_the_profile_are_exact(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	snapshot->machine->nodes[0].pools[0].total = snapshot->machine->nodes[0].pools[0].free = 300;
	plan_on(&bench, snapshot, "host { hugepages { node = 0 count = 100 }\n"
		"hugepages { node = 1 count = 512 } }\nvm a { kernel = k pages = 2M memory = 1G }");
	/* What shrinks comes first: its memory is wanted elsewhere. */
	expect(&bench, 0, ACTION_HUGEPAGES, POOL(0), "300", "100");
	expect(&bench, 1, ACTION_HUGEPAGES, POOL(1), "0", "512");
	assert_int_equal(bench.plan->vms[0].nodes[0].host_node, 1);
	clear(&bench);

	plan_on(&bench, machine(), "host { hugepages { node = 0 count = 100 }\n"
		"hugepages { node = 1 count = 100 } }\nvm a { kernel = k pages = 2M memory = 1G }");
	expect_refused(&bench, "x.conf:3: a needs 512 pages of 2M");
}

static void at_least_grows_further(void **state)
{
	struct bench bench;

	(void)state;
	plan_on(&bench, machine(), "host { hugepages { node = 0 at_least = 100 } }\n"
		"vm a { kernel = k nodes = \"0\" pages = 2M memory = 1G }");
	expect(&bench, 0, ACTION_HUGEPAGES, POOL(0), "0", "512");
	clear(&bench);
}

static void impossible_pools_are_refused_with_figures(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	plan_on(&bench, snapshot, "host {\nhugepages { node = 5 count = 1 } }");
	expect_refused(&bench, "x.conf:2: hugepages: node 5 is not on this host; nodes with memory are 0-1");
	plan_on(&bench, machine(), "host {\nhugepages { node = 0 count = 2048 } }");
	expect_refused(&bench, "x.conf:2: hugepages: 2048 more 2M pages on node 0 need 4096M; there is memory "
		"for 1984 (128M of 4096M stay with the host)");
	snapshot = machine();
	snapshot->machine->nodes[0].pools[0].total = 100;
	snapshot->machine->nodes[0].pools[0].free = 10;
	plan_on(&bench, snapshot, "host {\nhugepages { node = 0 count = 50 } }");
	expect_refused(&bench, "x.conf:2: hugepages: 90 of the 100 2M pages on node 0 are in use");
	plan_on(&bench, machine(), "host {\nhugepages { node = 0 size = 1G count = 1 } }");
	expect_refused(&bench, "this kernel has no 1G pages on node 0");
}

/* ---- guests ---- */

static void settings_pools_groups_guests_balloons_in_that_order(void **state)
{
	struct snapshot *snapshot = machine();
	struct bench bench;
	static const enum action_kind order[] = {
		ACTION_SETTING, ACTION_HUGEPAGES, ACTION_CGROUP_CONTROLLERS, ACTION_CGROUP,
		ACTION_CGROUP_CONTROLLERS, ACTION_CGROUP, ACTION_CGROUP_VALUE, ACTION_START_GUEST,
		ACTION_CGROUP, ACTION_START_GUEST, ACTION_BALLOON,
	};

	(void)state;
	snapshot->cgroup = CGROUP_V2;
	snprintf(snapshot->cgroup_mount, sizeof(snapshot->cgroup_mount), "/sys/fs/cgroup");
	set_knob(snapshot, "ksm_run", "0");
	plan_on(&bench, snapshot, "vm a { kernel = k pages = 2M cpu_weight = 200 }\n"
		"vm b { kernel = k balloon = 256M }\nhost { ksm_run = 1 }");
	expect_count(&bench, sizeof(order) / sizeof(order[0]));
	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_string_equal(action_kind_name(action(&bench, i)->kind), action_kind_name(order[i]));
	expect(&bench, 10, ACTION_BALLOON, "b", "536870912", "268435456");
	clear(&bench);
}

static void the_command_line_tells_the_whole_place(void **state)
{
	static const char *const wanted[] = {
		"/bin/vmm", "--name", "a", "--kernel", "/k", "--initrd", "/i", "--append", "x=1 y", "--cpus", "3",
		"--numa", "cpus=0+2,memory=340M,host-node=0,pages=4K,mergeable,distance=10+20",
		"--numa", "cpus=1,memory=172M,host-node=1,pages=4K,mergeable,distance=20+10",
		"--pin", "0=1,1=5-6,2=2", "--io-cpus", "0,3", "--disk", "/d,readonly", "--net", "tap=vnet0",
		"--serial", "unix:/run/vmtune/a/console.sock", "--qmp", "/run/vmtune/a/qmp.sock",
	};
	struct bench bench;
	char **argv;

	(void)state;
	plan_on(&bench, machine(), "vm a { kernel = /k initrd = /i append = \"x=1 y\" vcpus = 3 ksm = true "
		"pages = 4K pins = \"0=1,1=5-6,2=2\" io_cpus = \"0,3\" disks = { \"/d:ro\" } "
		"nets = { \"tap:vnet0\" } }");
	assert_non_null(bench.plan);
	argv = plan_vmm_argv(&bench.plan->vms[0], &context);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_non_null(argv[i]);
		assert_string_equal(argv[i], wanted[i]);
	}
	assert_null(argv[sizeof(wanted) / sizeof(wanted[0])]);
	argv_free(argv);
	clear(&bench);
}

/* Adds a running guest with one vCPU a list, and an I/O thread. */
static struct guest *run_guest(struct snapshot *snapshot, const char *name, const char *const *vcpus,
	unsigned int count, const char *io)
{
	struct guest_list *list = &snapshot->guests;
	struct guest *guest;

	list->guests = xreallocarray(list->guests, list->count + 1, sizeof(*list->guests));
	guest = &list->guests[list->count++];
	*guest = (struct guest){ .pid = 100, .start = 7, .vcpu_count = count, .thread_count = count + 1,
		.balloon = GUEST_UNKNOWN, .name = xstrdup(name), .vmm = xstrdup("vmm") };
	guest->threads = xcalloc(count + 1, sizeof(*guest->threads));
	for (unsigned int i = 0; i <= count; i++) {
		struct guest_thread *thread = &guest->threads[i];

		*thread = (struct guest_thread){ .tid = (int)(101 + i), .start = 8,
			.kind = i < count ? THREAD_VCPU : THREAD_IO, .vcpu = i < count ? (int)i : -1 };
		assert_int_equal(idset_parse(i < count ? vcpus[i] : io, &thread->allowed, NULL), 0);
	}
	return guest;
}

static void set_argv(struct guest *guest, const char *numa, const char *pin)
{
	const char *const words[] = { "vmm", "--numa", numa, "--pin", pin };

	guest->argv = xcalloc(6, sizeof(*guest->argv));
	for (size_t i = 0; i < 5; i++)
		guest->argv[i] = xstrdup(words[i]);
}

#define TWO "vm a { kernel = k vcpus = 2 memory = 512M dedicated = true pages = 4K }"

static void a_guest_that_runs_as_planned_needs_nothing(void **state)
{
	static const char *const cpus[] = { "5", "6" };
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_argv(run_guest(snapshot, "a", cpus, 2, "4,7"),
		"cpus=0-1,memory=512M,host-node=1,pages=4K", "0=5,1=6");
	plan_on(&bench, snapshot, TWO);
	expect_count(&bench, 0);
	assert_true(bench.plan->vms[0].running);
	assert_int_equal(bench.plan->vms[0].nodes[0].host_node, 1);
	clear(&bench);
}

static void a_thread_that_was_moved_is_pinned_back(void **state)
{
	static const char *const cpus[] = { "5", "0-7" };
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_argv(run_guest(snapshot, "a", cpus, 2, "4,7"),
		"cpus=0-1,memory=512M,host-node=1,pages=4K", "0=5,1=6");
	plan_on(&bench, snapshot, TWO);
	expect_count(&bench, 1);
	expect(&bench, 0, ACTION_AFFINITY, "100:7/102:8", "0-7", "6");
	assert_string_equal(action(&bench, 0)->reason, "a: vCPU 1");
	clear(&bench);
}

/* Pages are not moved behind one's back: the plan pins the threads and says what to do. */
static void memory_on_other_nodes_is_told(void **state)
{
	static const char *const cpus[] = { "5", "6" };
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	set_argv(run_guest(snapshot, "a", cpus, 2, "4,7"),
		"cpus=0-1,memory=512M,host-node=1,pages=4K", "0=5,1=6");
	plan_on(&bench, snapshot, "vm a { kernel = k vcpus = 2 pages = 4K nodes = \"0\" }");
	expect(&bench, 0, ACTION_AFFINITY, "100:7/101:8", "5", "0-3");
	assert_non_null(strstr(bench.plan->vms[0].why,
		"its memory was put on node 1; 'vmtune move a 0' brings it here"));
	clear(&bench);
}

/* A guest of another VMM has no command line of ours: its threads say where it lives. */
static void a_foreign_guest_keeps_its_node(void **state)
{
	static const char *const cpus[] = { "6", "7" };
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "a", cpus, 2, "4-5");
	plan_on(&bench, snapshot, TWO);
	expect_count(&bench, 0);
	assert_int_equal(bench.plan->vms[0].nodes[0].host_node, 1);
	clear(&bench);
}

static void cpus_of_strangers_are_not_given_away(void **state)
{
	static const char *const cpus[] = { "1", "2" };
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "stranger", cpus, 2, "0-7");
	plan_on(&bench, snapshot, "vm a { kernel = k vcpus = 3 dedicated = true }");
	assert_non_null(bench.plan);
	assert_true(idset_has(&bench.plan->vms[0].pins[0], 5));
	clear(&bench);
}

static void a_guest_that_differs_must_be_stopped_first(void **state)
{
	static const char *const cpus[] = { "1", "2" };
	struct snapshot *snapshot = machine();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "a", cpus, 2, "0");
	plan_on(&bench, snapshot, "vm a { kernel = k\nvcpus = 3 }");
	expect_refused(&bench, "x.conf:2: a runs already (PID 100) with 2 vCPUs, the profile says 3");
	snapshot = machine();
	set_argv(run_guest(snapshot, "a", cpus, 2, "0"), "cpus=0-1,memory=512M,host-node=0", "0=1,1=2");
	plan_on(&bench, snapshot, "vm a { kernel = k vcpus = 2\nmemory = 1G }");
	expect_refused(&bench, "x.conf:2: a runs already (PID 100) with 512M, the profile says 1024M");
}

static void unmarked_memory_of_a_running_guest_is_marked(void **state)
{
	static const char *const cpus[] = { "0-3" };
	struct snapshot *snapshot = machine();
	struct guest *guest = run_guest(snapshot, "a", cpus, 1, "0-3");
	struct bench bench;

	(void)state;
	guest->ram = xcalloc(1, sizeof(*guest->ram));
	guest->ram_count = 1;
	plan_on(&bench, snapshot, "vm a { kernel = k ksm = true balloon = 256M }");
	expect_count(&bench, 2);
	expect(&bench, 0, ACTION_GUEST_KSM, "a", "off", "on");
	expect(&bench, 1, ACTION_BALLOON, "a", "(unknown)", "268435456");
	clear(&bench);
}

/* ---- JSON ---- */

static void json_has_the_promised_names(void **state)
{
	static const char *const names[] = { "name", "running", "vcpus", "memory", "pages", "dedicated", "ksm",
		"balloon", "nodes", "pins", "io-cpus", "why" };
	struct bench bench;
	json_t *json, *vm;

	(void)state;
	plan_on(&bench, machine(), "vm a { kernel = k }");
	assert_non_null(bench.plan);
	json = plan_to_json(bench.plan);
	vm = json_array_get(json_object_get(json, "vms"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!json_object_get(vm, names[i]))
			fail_msg("no %s", names[i]);
	assert_int_equal(json_array_size(json_object_get(json, "actions")), 1);
	json_decref(json);
	clear(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_already_is_no_action),
		cmocka_unit_test(old_and_new_value_are_told),
		cmocka_unit_test(ksm_runs_last_and_stops_first),
		cmocka_unit_test(the_advisor_owns_pages_to_scan),
		cmocka_unit_test(settings_the_kernel_lacks_are_refused),
		cmocka_unit_test(module_parameters_are_told_with_their_line_and_never_planned),
		cmocka_unit_test(words_the_kernel_was_not_started_with_are_told),
		cmocka_unit_test(what_another_daemon_holds_is_named_and_left_to_it),
		cmocka_unit_test(a_daemon_that_writes_once_is_named_and_the_profile_holds),
		cmocka_unit_test(each_file_of_a_setting_is_an_action_of_its_own),
		cmocka_unit_test(a_value_for_some_cpus_leaves_the_others),
		cmocka_unit_test(the_energy_preference_comes_before_the_performance_governor),
		cmocka_unit_test(pools_grow_by_what_guests_lack),
		cmocka_unit_test(pools_of_the_profile_are_exact),
		cmocka_unit_test(at_least_grows_further),
		cmocka_unit_test(impossible_pools_are_refused_with_figures),
		cmocka_unit_test(settings_pools_groups_guests_balloons_in_that_order),
		cmocka_unit_test(the_command_line_tells_the_whole_place),
		cmocka_unit_test(a_guest_that_runs_as_planned_needs_nothing),
		cmocka_unit_test(a_thread_that_was_moved_is_pinned_back),
		cmocka_unit_test(memory_on_other_nodes_is_told),
		cmocka_unit_test(a_foreign_guest_keeps_its_node),
		cmocka_unit_test(cpus_of_strangers_are_not_given_away),
		cmocka_unit_test(a_guest_that_differs_must_be_stopped_first),
		cmocka_unit_test(unmarked_memory_of_a_running_guest_is_marked),
		cmocka_unit_test(json_has_the_promised_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
