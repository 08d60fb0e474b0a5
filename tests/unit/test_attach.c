/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests of others: which one an attach key names, what is taken from it, and where the plan puts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/attach_bench.h"

static void refused(struct snapshot *snapshot, const char *text, const char *words)
{
	struct bench bench;

	plan_on(&bench, snapshot, text);
	if (bench.plan)
		fail_msg("planned: %s", text);
	if (strncmp(bench.err.text, words, strlen(words)))
		fail_msg("%s\nshould begin with\n%s", bench.err.text, words);
	clear(&bench);
}

static const struct action *find_action(const struct bench *bench, enum action_kind kind, const char *what)
{
	if (!bench->plan)
		fail_msg("%s", bench->err.text);
	for (unsigned int i = 0; i < bench->plan->actions.count; i++) {
		const struct action *action = &bench->plan->actions.actions[i];

		if (action->kind == kind && (!what || (action->detail && !strcmp(action->detail, what))))
			return action;
	}
	return NULL;
}

/* The same, which must be there. */
static const struct action *the_action(const struct bench *bench, enum action_kind kind, const char *what)
{
	static char nothing[] = "";
	static const struct action none = { .target = nothing, .before = nothing, .after = nothing,
		.reason = nothing };
	const struct action *action = find_action(bench, kind, what);

	if (!action)
		fail_msg("no such action%s%s", what ? ": " : "", what ? what : "");
	return action ? action : &none;
}

/* ---- which guest ---------------------------------------------------------------------------- */

static void each_way_finds_its_guest(void **state)
{
	static const char *const ways[] = {
		"name:db", "pid:100", "qmp:/run/db-100.qmp", "cgroup:/machine.slice/vm-db-100.scope",
		"cgroup:machine.slice/vm-db-100.scope/libvirt/",
		"cgroup:/sys/fs/cgroup/machine.slice/vm-db-100.scope",
	};
	struct snapshot *snapshot = two_nodes();
	const struct guest *found;

	(void)state;
	run_guest(snapshot, "db", 100, 0, 1024);
	run_guest(snapshot, "web", 1000, 0, 1024);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		assert_int_equal(attach_find(&snapshot->guests, ways[i], &found), 1);
		assert_int_equal(found->pid, 100);
	}
	assert_int_equal(attach_find(&snapshot->guests, "name:d", &found), 0);
	assert_int_equal(attach_find(&snapshot->guests, "cgroup:/machine.slice/vm-db-10", &found), 0);
	assert_int_equal(attach_find(&snapshot->guests, "cgroup:/machine.slice", &found), 2);
	snapshot_free(snapshot);
}

static void none_and_many_are_told(void **state)
{
	struct snapshot *snapshot = two_nodes();

	(void)state;
	run_guest(snapshot, "db", 100, 0, 1024);
	refused(snapshot, "vm a {\n attach = \"name:web\" }",
		"x.conf:2: no guest is name:web; those that run are db (PID 100)");
	snapshot = two_nodes();
	run_guest(snapshot, "db", 100, 0, 1024);
	run_guest(snapshot, "db", 200, 0, 1024);
	refused(snapshot, "vm a { attach = \"name:db\" }",
		"x.conf:1: 2 guests are name:db; name one by \"pid:N\": db (PID 100), db (PID 200)");
	snapshot = two_nodes();
	run_guest(snapshot, "db", 100, 0, 1024);
	refused(snapshot, "vm a { attach = \"name:db\" }\nvm b { attach = \"pid:100\" }",
		"x.conf:2: b and a (line 1) are attached to the same guest, PID 100");
}

static void what_it_has_must_be_what_the_profile_says(void **state)
{
	static const struct { const char *keys, *words; } rows[] = {
		{ "vcpus = 3", "x.conf:2: a runs (PID 100) with 2 vCPUs, the profile says 3" },
		{ "memory = 2G", "x.conf:2: a runs (PID 100) with 1024M, the profile says 2048M" },
		{ "pages = 2M", "x.conf:2: a runs (PID 100) with THP pages, the profile says 2M" },
		{ "pins = \"1\"", "x.conf:2: pins has a place for 1 vCPUs, a has 2" },
		{ "cpu_weight = 7 nodes = \"9\"", "x.conf:2: a: this host has no node 9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snapshot *snapshot = two_nodes();
		char text[256];

		run_guest(snapshot, "db", 100, 0, 1024);
		snprintf(text, sizeof(text), "vm a { attach = \"name:db\"\n %s }", rows[i].keys);
		refused(snapshot, text, rows[i].words);
	}
}

/* Paused from its start, without a control socket: which thread is a vCPU cannot be known. */
static void unknown_vcpus_are_not_pinned_as_emulator(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "db", 100, 0, 1024)->threads[1].kind = THREAD_WORKER;
	refused(snapshot, "vm a { attach = \"name:db\" }",
		"x.conf:1: only 1 of the 2 vCPU threads of a (PID 100) can be told from its others");
	snapshot = two_nodes();
	run_guest(snapshot, "db", 100, 0, 1024)->threads[1].kind = THREAD_WORKER;
	plan_on(&bench, snapshot, "host { attach_all = true }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	assert_int_equal(bench.plan->actions.count, 0);
	clear(&bench);
}

static void verify_goes_on_without_an_ended_guest(void **state)
{
	static const char text[] = "vm a { attach = \"name:gone\" }";
	struct snapshot *snapshot = two_nodes();
	struct error err;
	struct profile *profile = profile_parse(text, strlen(text), "x.conf", &err);

	(void)state;
	assert_non_null(profile);
	assert_int_equal(attach_guests(profile, snapshot, ATTACH_PRESENT, &err), 0);
	assert_int_equal(profile->vms[0].guest_pid, 0);
	profile_free(profile);
	snapshot_free(snapshot);
}

static void all_others_are_attached_by_one_word(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "db", 100, 0, 1024);
	run_guest(snapshot, "we b", 200, 1024, 0);
	run_guest(snapshot, "we b", 300, 1024, 0);
	plan_on(&bench, snapshot, "host { attach_all = true }\nvm a { attach = \"name:db\" }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	assert_int_equal(bench.plan->vm_count, 3);
	assert_string_equal(bench.plan->vms[1].vm->name, "we_b");
	assert_string_equal(bench.plan->vms[2].vm->name, "we_b-2");
	assert_int_equal(bench.plan->vms[2].vm->guest_pid, 300);
	clear(&bench);
}

static void names_are_made_fit_for_a_profile(void **state)
{
	static const char *const rows[][2] = {
		{ "db", "db" }, { "", "guest" }, { ".a/b c", "_a_b_c" }, { "-x", "_x" }, { "\xc3\xa4", "__" },
		{ "0123456789012345678901234567890123456789", "01234567890123456789012345678901" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *name = profile_fit_name(NULL, rows[i][0]);

		assert_string_equal(name, rows[i][1]);
		free(name);
	}
}

/* ---- where it goes -------------------------------------------------------------------------- */

static void every_thread_and_the_memory_go_to_the_node(void **state)
{
	static const char *const comms[] = { "CPU 0/KVM", "CPU 1/KVM", "qemu", "IO iothread1", "vhost-100",
		"call_rcu" };
	struct snapshot *snapshot = two_nodes();
	const struct action *move;
	struct bench bench;

	(void)state;
	run_guest(snapshot, "db", 100, 1000, 24);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	for (size_t i = 0; i < sizeof(comms) / sizeof(comms[0]); i++) {
		const struct action *pin = the_action(&bench, ACTION_AFFINITY, comms[i]);

		assert_string_equal(pin->before, "0-7");
		assert_string_equal(pin->after, "4-7");
	}
	assert_null(find_action(&bench, ACTION_AFFINITY, "iou-wrk-100")); /* the kernel refuses these */
	assert_int_equal(bench.plan->actions.count, 7);
	move = the_action(&bench, ACTION_MOVE_PAGES, NULL);
	assert_ptr_equal(move, &bench.plan->actions.actions[6]); /* threads first */
	assert_string_equal(move->target, "100:5 a");
	assert_string_equal(move->before, "0-1");
	assert_string_equal(move->after, "1");
	assert_int_equal(move->undo_class, CLASS_IRREVERSIBLE);
	assert_string_equal(move->reason, "a: 1000M on node 0 go to node 1; revert does not move them back");
	clear(&bench);
}

static void memory_that_is_right_stays(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "db", 100, 0, 1024)->node_bytes[0] = 8 * KIB; /* not worth it */
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	assert_null(find_action(&bench, ACTION_MOVE_PAGES, NULL));
	clear(&bench);
}

static void left_to_vmtune_it_stays_where_its_memory_is(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "db", 100, 100, 924);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" }");
	assert_non_null(bench.plan);
	assert_int_equal(bench.plan->vms[0].nodes[0].host_node, 1);
	assert_int_equal(bench.plan->vms[0].nodes[0].memory, GIB);
	assert_int_equal(bench.plan->vms[0].nodes[0].incoming, 100 * MIB);
	assert_int_equal(bench.plan->vms[0].leaving[0], 100 * MIB);
	assert_int_equal(bench.plan->vms[0].leaving[1], 0);
	clear(&bench);
}

/* Node 1 has no room for four dedicated vCPUs beside the host; so it moves. */
static void dedicated_cpus_decide_where_memory_does_not_fit(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "other", 200, 0, 1024);
	run_guest(snapshot, "db", 100, 0, 1024);
	plan_on(&bench, snapshot, "vm o { attach = \"name:other\" pins = \"4,5\" dedicated = true }\n"
		"vm a { attach = \"name:db\" dedicated = true pins = \"1,2\" }");
	assert_string_equal(the_action(&bench, ACTION_MOVE_PAGES, NULL)->target, "100:5 a");
	clear(&bench);
}

/* Its own memory counts as free where it lies: a node that is full of it has room for it. */
static void a_node_full_of_the_guest_has_room_for_it(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "db", 100, 0, 1024);
	snapshot->machine->nodes[1].free = snapshot->machine->nodes[1].available = 200 * MIB;
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	clear(&bench);
	snapshot = two_nodes();
	run_guest(snapshot, "db", 100, 1024, 0);
	snapshot->machine->nodes[1].free = snapshot->machine->nodes[1].available = 200 * MIB;
	refused(snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }",
		"x.conf:1: a needs 1024M on node 1; it has 0M there and can have ");
}

/* Node 1 is full of b, so a cannot come before b has left. */
static void who_makes_room_is_moved_first(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;
	const char *first = NULL;

	(void)state;
	run_guest(snapshot, "a", 100, 1024, 0);
	run_guest(snapshot, "b", 200, 0, 1024);
	snapshot->machine->nodes[0].free = snapshot->machine->nodes[0].available = 2048 * MIB;
	snapshot->machine->nodes[1].free = snapshot->machine->nodes[1].available = 512 * MIB;
	plan_on(&bench, snapshot, "vm a { attach = \"name:a\" nodes = \"1\" }\n"
		"vm b { attach = \"name:b\" nodes = \"0\" }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	for (unsigned int i = 0; !first && i < bench.plan->actions.count; i++)
		if (bench.plan->actions.actions[i].kind == ACTION_MOVE_PAGES)
			first = bench.plan->actions.actions[i].vm;
	assert_non_null(first);
	assert_string_equal(first, "b");
	clear(&bench);
}

/* Huge pages move into free ones only: the pool they come to is made large enough first. */
static void the_pool_of_the_new_node_grows(void **state)
{
	struct snapshot *snapshot = two_nodes();
	const struct action *pool;
	struct guest *guest;
	struct bench bench;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		snapshot->machine->nodes[i].pools[0].page_size = 2 * MIB;
		snapshot->machine->nodes[i].pool_count = 1;
	}
	snapshot->machine->nodes[0].pools[0].total = 512;
	snapshot->machine->nodes[1].pools[0].total = snapshot->machine->nodes[1].pools[0].free = 12;
	guest = run_guest(snapshot, "db", 100, 1024, 0);
	guest->ram[0].page_size = 2 * MIB;
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	pool = the_action(&bench, ACTION_HUGEPAGES, NULL);
	assert_string_equal(pool->target, "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages");
	assert_string_equal(pool->after, "512");
	clear(&bench);
}

static void keep_changes_nothing(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_guest(snapshot, "db", 100, 500, 524);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" placement = keep }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	assert_int_equal(bench.plan->actions.count, 0);
	clear(&bench);
}

static void limits_are_for_groups_of_its_own(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest *guest;
	struct bench bench;

	(void)state;
	snapshot->cgroup = CGROUP_V2;
	snprintf(snapshot->cgroup_mount, sizeof(snapshot->cgroup_mount), "/sys/fs/cgroup");
	run_guest(snapshot, "db", 100, 0, 1024);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" cpu_weight = 50 placement = keep }");
	assert_string_equal(the_action(&bench, ACTION_CGROUP_VALUE, NULL)->target,
		"/sys/fs/cgroup/machine.slice/vm-db-100.scope/cpu.weight");
	assert_int_equal(bench.plan->actions.count, 1);
	clear(&bench);
	/* a group of systemd's is set through systemd, or a daemon-reload would set it back */
	snapshot = two_nodes();
	snapshot->cgroup = CGROUP_V2;
	snapshot->systemd = true;
	run_guest(snapshot, "db", 100, 0, 1024);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" cpu_weight = 50 placement = keep }");
	assert_string_equal(the_action(&bench, ACTION_UNIT_PROPERTY, NULL)->target, "100:5 a");
	assert_string_equal(the_action(&bench, ACTION_UNIT_PROPERTY, NULL)->detail, "vm-db-100.scope CPUWeight");
	assert_int_equal(bench.plan->actions.count, 1);
	clear(&bench);
	snapshot = two_nodes();
	snapshot->cgroup = CGROUP_V2;
	guest = run_guest(snapshot, "db", 100, 0, 1024);
	free(guest->cgroup);
	guest->cgroup = xstrdup("/user.slice/user-0.slice/session-3.scope");
	refused(snapshot, "vm a { attach = \"name:db\" cpu_weight = 50 }",
		"x.conf:1: a (PID 100) has no control group of its own");
}

/* ---- groups that do not allow the new node -------------------------------------------------- */

static void add_cpuset(struct guest *guest, const char *group, const char *nodes)
{
	struct guest_cpuset *cpuset;

	guest->cpusets = xreallocarray(guest->cpusets, guest->cpuset_count + 1, sizeof(*cpuset));
	cpuset = &guest->cpusets[guest->cpuset_count++];
	*cpuset = (struct guest_cpuset){ .group = xstrdup(group),
		.file = xasprintf("/sys/fs/cgroup%s/cpuset.mems", group) };
	assert_int_equal(idset_parse(nodes, &cpuset->mems, NULL), 0);
}

/* The changes that are no pins, in short: "/vms/db: 0 -> 0-1; move: 0 -> 1". */
static void is_way(struct bench *bench, const char *wanted)
{
	char text[512] = "";

	if (!bench->plan)
		fail_msg("%s", bench->err.text);
	for (unsigned int i = 0; i < bench->plan->actions.count; i++) {
		const struct action *action = &bench->plan->actions.actions[i];
		bool move = action->kind == ACTION_MOVE_PAGES;
		size_t used = strlen(text);
		char group[64] = "move";

		if (action->kind == ACTION_AFFINITY)
			continue;
		if (!move)
			assert_int_equal(sscanf(action->target, "/sys/fs/cgroup%63[a-z/.]", group), 1);
		snprintf(text + used, sizeof(text) - used, "%s%s: %s -> %s", used ? "; " : "", group,
			action->before, action->after);
	}
	assert_string_equal(text, wanted);
	clear(bench);
}

static void a_group_is_widened_and_narrowed_around_the_move(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 1024, 0);
	struct bench bench;

	(void)state;
	add_cpuset(guest, "/vms", "0-1");
	add_cpuset(guest, "/vms/db", "0");
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	is_way(&bench, "/vms/db/cpuset.mems: 0 -> 0-1; move: 0 -> 1; /vms/db/cpuset.mems: 0-1 -> 1");
}

/* Outermost first when they become wider, innermost first when they become narrower: v1 insists on it. */
static void groups_in_groups_go_in_order(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 1024, 0);
	struct bench bench;

	(void)state;
	add_cpuset(guest, "/a.scope", "0");
	add_cpuset(guest, "/a.scope/in", "0");
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	is_way(&bench, "/a.scope/cpuset.mems: 0 -> 0-1; /a.scope/in/cpuset.mems: 0 -> 0-1; move: 0 -> 1; "
		"/a.scope/in/cpuset.mems: 0-1 -> 1; /a.scope/cpuset.mems: 0-1 -> 1");
}

/* The administrator's group says node 0; only a section that says node 1 is a stronger word. */
static void left_to_vmtune_it_stays_where_its_group_keeps_it(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 512, 512); /* v1 does not move by itself */
	struct bench bench;

	(void)state;
	add_cpuset(guest, "/vms", "0");
	add_cpuset(guest, "/vms/db", "0");
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" }");
	is_way(&bench, "move: 0-1 -> 0");
}

static void a_group_that_allows_the_node_is_left_alone(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 1024, 0);
	struct bench bench;

	(void)state;
	add_cpuset(guest, "/vms", "0-1");
	add_cpuset(guest, "/vms/db", ""); /* inherits */
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	is_way(&bench, "move: 0 -> 1");
	snapshot = two_nodes();
	add_cpuset(run_guest(snapshot, "db", 100, 1024, 0), "/vms/db", "1"); /* v1 does not move by itself */
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" placement = keep }");
	is_way(&bench, "");
}

static void what_its_vmm_has_bound_is_not_put_on_one_node(void **state)
{
	static const char text[] = "vm a { attach = \"name:db\" nodes = \"1\" }";
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 1024, 0);
	struct bench bench;

	(void)state;
	add_cpuset(guest, "/vms/db", "0");
	idset_add(&guest->bound, 0); /* to one: it goes along */
	plan_on(&bench, snapshot, text);
	is_way(&bench, "/vms/db/cpuset.mems: 0 -> 0-1; move: 0 -> 1; /vms/db/cpuset.mems: 0-1 -> 1");
	snapshot = two_nodes();
	guest = run_guest(snapshot, "db", 100, 1024, 0);
	add_cpuset(guest, "/vms/db", "0,3");
	idset_add(&guest->bound, 0);
	idset_add(&guest->bound, 3); /* to two, and node 1 would come before node 3 */
	refused(snapshot, text, "x.conf:1: a (PID 100) cannot be moved to node 1: its group allows node 0,3 only, "
		"and to let it use others would rebind");
	snapshot = two_nodes();
	guest = run_guest(snapshot, "db", 100, 1024, 0);
	add_cpuset(guest, "/vms/db", "0");
	idset_add(&guest->bound, 0);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"0-1\" }"); /* to one, of two: stays wide */
	is_way(&bench, "/vms/db/cpuset.mems: 0 -> 0-1");
}

static void a_group_of_several_is_not_widened(void **state)
{
	static const char text[] = "vm a { attach = \"name:db\" nodes = \"1\" }";
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_guest(snapshot, "db", 100, 1024, 0);

	(void)state;
	add_cpuset(guest, "/vms", "0");
	add_cpuset(guest, "/vms/db", "");
	refused(snapshot, text, "x.conf:1: a (PID 100) cannot be moved to node 1: the control group /vms allows node 0 "
		"only, and is not its own");
	snapshot = two_nodes();
	add_cpuset(run_guest(snapshot, "web", 200, 1024, 0), "/vms/in", "");
	add_cpuset(run_guest(snapshot, "db", 100, 1024, 0), "/vms", "0");
	refused(snapshot, text, "x.conf:1: a (PID 100) cannot be moved to node 1: the control group /vms");
}

/* ---- guests with nodes of their own --------------------------------------------------------- */

/* Its nodes have one vCPU and half of the memory each, the vCPUs in the other order than the nodes. */
static struct guest *run_two_node_guest(struct snapshot *snapshot, unsigned int on0, unsigned int on1)
{
	struct guest *guest = run_guest(snapshot, "db", 100, on0, on1);

	guest->threads[0].guest_node = 1;
	guest->threads[1].guest_node = 0;
	guest->ram = xreallocarray(guest->ram, 2, sizeof(*guest->ram));
	guest->ram[0].size = GIB / 4;
	guest->ram[0].guest_node = 0;
	guest->ram[1] = guest->ram[0];
	guest->ram[1].start = 4 * GIB;
	guest->ram[1].size = GIB / 4 * 3;
	guest->ram[1].guest_node = 1;
	guest->ram_count = 2;
	return guest;
}

static void each_guest_node_goes_to_a_node_of_its_own(void **state)
{
	struct snapshot *snapshot = two_nodes();
	const struct placed_node *nodes;
	const struct action *move;
	struct bench bench;

	(void)state;
	run_two_node_guest(snapshot, 512, 512);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"0-1\" }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	nodes = bench.plan->vms[0].nodes;
	assert_int_equal(nodes[0].memory, GIB / 4);
	assert_int_equal(nodes[1].memory, GIB / 4 * 3);
	assert_true(idset_has(&nodes[0].vcpus, 1) && idset_count(&nodes[0].vcpus) == 1);
	assert_string_equal(the_action(&bench, ACTION_AFFINITY, "CPU 1/KVM")->after, "0-3");
	assert_string_equal(the_action(&bench, ACTION_AFFINITY, "CPU 0/KVM")->after, "4-7");
	move = the_action(&bench, ACTION_MOVE_PAGES, "node 0");
	assert_string_equal(move->after, "0");
	move = the_action(&bench, ACTION_MOVE_PAGES, "node 1");
	assert_string_equal(move->after, "1");
	clear(&bench);
}

/* One place for all of it, or a node whose vCPUs are not known: as any other guest. */
static void without_a_place_for_each_node_it_is_one_guest(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_two_node_guest(snapshot, 512, 512);
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	assert_null(the_action(&bench, ACTION_MOVE_PAGES, NULL)->detail);
	clear(&bench);
	snapshot = two_nodes();
	run_two_node_guest(snapshot, 512, 512)->threads[0].guest_node = -1;
	plan_on(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"0-1\" }");
	if (!bench.plan)
		fail_msg("%s", bench.err.text);
	assert_int_equal(bench.plan->vms[0].nodes[0].memory, GIB / 2);
	assert_null(find_action(&bench, ACTION_MOVE_PAGES, NULL)); /* all of it is on one of the two */
	clear(&bench);
}

static void where_memory_is_is_part_of_a_snapshot(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest_list list;
	struct guest *guest;
	json_t *json;

	(void)state;
	guest = run_guest(snapshot, "db", 100, 100, 924);
	add_cpuset(guest, "/vms", "0-1");
	idset_add(&guest->bound, 1);
	json = guests_to_json(&snapshot->guests);
	assert_int_equal(guests_from_json(json, &list, NULL), 0);
	assert_int_equal(list.guests[0].node_count, 2);
	assert_int_equal(list.guests[0].node_bytes[1], 924 * MIB);
	assert_int_equal(list.guests[0].cpuset_count, 1);
	assert_string_equal(list.guests[0].cpusets[0].file, "/sys/fs/cgroup/vms/cpuset.mems");
	assert_int_equal(idset_count(&list.guests[0].cpusets[0].mems), 2);
	assert_true(idset_has(&list.guests[0].bound, 1));
	json_decref(json);
	guests_release(&list);
	snapshot_free(snapshot);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_finds_its_guest),
		cmocka_unit_test(none_and_many_are_told),
		cmocka_unit_test(what_it_has_must_be_what_the_profile_says),
		cmocka_unit_test(unknown_vcpus_are_not_pinned_as_emulator),
		cmocka_unit_test(verify_goes_on_without_an_ended_guest),
		cmocka_unit_test(all_others_are_attached_by_one_word),
		cmocka_unit_test(names_are_made_fit_for_a_profile),
		cmocka_unit_test(every_thread_and_the_memory_go_to_the_node),
		cmocka_unit_test(memory_that_is_right_stays),
		cmocka_unit_test(left_to_vmtune_it_stays_where_its_memory_is),
		cmocka_unit_test(dedicated_cpus_decide_where_memory_does_not_fit),
		cmocka_unit_test(a_node_full_of_the_guest_has_room_for_it),
		cmocka_unit_test(who_makes_room_is_moved_first),
		cmocka_unit_test(the_pool_of_the_new_node_grows),
		cmocka_unit_test(keep_changes_nothing),
		cmocka_unit_test(limits_are_for_groups_of_its_own),
		cmocka_unit_test(a_group_is_widened_and_narrowed_around_the_move),
		cmocka_unit_test(groups_in_groups_go_in_order),
		cmocka_unit_test(left_to_vmtune_it_stays_where_its_group_keeps_it),
		cmocka_unit_test(a_group_that_allows_the_node_is_left_alone),
		cmocka_unit_test(what_its_vmm_has_bound_is_not_put_on_one_node),
		cmocka_unit_test(a_group_of_several_is_not_widened),
		cmocka_unit_test(each_guest_node_goes_to_a_node_of_its_own),
		cmocka_unit_test(without_a_place_for_each_node_it_is_one_guest),
		cmocka_unit_test(where_memory_is_is_part_of_a_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
