// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Domains of libvirt, on libvirt's own test driver: a host of its making inside of this process, without a
 * daemon. Reading and writing properties, the action that does it, and what a plan does with them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/libvirt.h"
#include "tests/unit/plan_bench.h"
#include "tuner/guests.h"
#include "tuner/revert.h"

/* The domain that the driver begins with: two vCPUs on a host of 8 CPUs. */
#define URI  "test:///default"
#define UUID "6695eb01-f6a4-8304-79aa-97f2502e193f"

static int need_library(void **state)
{
	struct error err;

	(void)state;
	if (libvirt_find(URI, UUID, &err) == 0)
		return 0;
	print_message("%s\n", err.text);
	return -1;
}

static void is_value(const char *word, const char *wanted)
{
	struct error err;
	char *value = libvirt_read(URI, UUID, word, &err);

	if (!value)
		fail_msg("%s", err.text);
	assert_string_equal(value, wanted);
	free(value);
}

/* ---- properties ----------------------------------------------------------------------------- */

static void a_pin_is_read_and_written(void **state)
{
	struct error err;
	char *before = libvirt_read(URI, UUID, "vcpupin 1", &err);

	(void)state;
	assert_non_null(before);
	assert_int_equal(libvirt_write(URI, UUID, "vcpupin 1", "1,3-4", &err), 0);
	is_value("vcpupin 1", "1,3-4");
	is_value("vcpupin 0", before); /* the other one has what it had */
	assert_int_equal(libvirt_write(URI, UUID, "vcpupin 1", before, &err), 0);
	is_value("vcpupin 1", before);
	free(before);
}

static void what_cannot_be_is_told_apart(void **state)
{
	static const struct { const char *uuid, *word; int errnum; const char *text; } rows[] = {
		{ UUID, "vcpupin 77", ENOENT, "libvirt has no such vCPU" },
		{ "00000000-f6a4-8304-79aa-97f2502e193f", "vcpupin 0", ESRCH, "libvirt, " URI ": Domain not found" },
		{ UUID, "vcpupin", EINVAL, "libvirt has no 'vcpupin' for us" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;

		errno = 0;
		assert_null(libvirt_read(URI, rows[i].uuid, rows[i].word, &err));
		assert_int_equal(errno, rows[i].errnum);
		if (strncmp(err.text, rows[i].text, strlen(rows[i].text)))
			fail_msg("%s\nshould begin with\n%s", err.text, rows[i].text);
	}
}

static void no_daemon_is_no_answer_and_not_gone(void **state)
{
	struct error err;

	(void)state;
	errno = 0;
	assert_null(libvirt_read("test:///nowhere/there/is/no/such.xml", UUID, "vcpupin 0", &err));
	assert_int_equal(errno, EAGAIN);
	is_value("vcpupin 0", "0-7"); /* the right one answers after that */
}

static void nonsense_is_refused(void **state)
{
	struct error err;

	(void)state;
	assert_true(libvirt_write(URI, UUID, "vcpupin 0", "4000", &err) < 0);
	assert_true(libvirt_write(URI, UUID, "vcpupin 0", "one", &err) < 0);
	assert_true(libvirt_write(URI, UUID, "vcpupin 0", "", &err) < 0);
	is_value("vcpupin 0", "0-7");
}

static void everything_that_libvirt_has_is_listed(void **state)
{
	struct libvirt_values values;
	struct error err;

	(void)state;
	assert_int_equal(libvirt_read_all(URI, UUID, 2, &values, &err), 0);
	assert_string_equal(libvirt_value_of(&values, "vcpupin 0"), "0-7");
	assert_string_equal(libvirt_value_of(&values, "vcpupin 1"), "0-7");
	assert_string_equal(libvirt_value_of(&values, "emulatorpin"), "0-7");
	assert_null(libvirt_value_of(&values, "vcpupin 2"));
	assert_null(libvirt_value_of(&values, "cpu_shares")); /* this driver has none */
	libvirt_values_release(&values);
}

/* ---- the action ----------------------------------------------------------------------------- */

/* An action on a domain whose process, so to say, is this one. */
static struct action pin_action(const char *word, const char *after)
{
	return (struct action){ .kind = ACTION_LIBVIRT, .undo_class = CLASS_REVERSIBLE,
		.target = xasprintf("%d:%llu %s", (int)getpid(),
			(unsigned long long)thread_start(&context.root, getpid(), getpid()), word),
		.detail = xstrdup(URI " " UUID), .after = xstrdup(after), .vm = xstrdup("db") };
}

static void the_action_does_and_undoes(void **state)
{
	struct action action = pin_action("emulatorpin", "2-3");
	struct error err;
	char *line;

	(void)state;
	assert_int_equal(action_prepare(&context, &action, &err), 0);
	assert_string_equal(action.before, "0-7");
	line = action_describe(&action);
	assert_string_equal(line, "set libvirt's emulatorpin of db: 0-7 -> 2-3");
	free(line);
	assert_int_equal(action_verify(&context, &action, NULL), STATE_BEFORE);
	assert_int_equal(action_apply(&context, &action, &err), 0);
	assert_int_equal(action_verify(&context, &action, NULL), STATE_OK);
	assert_int_equal(libvirt_write(URI, UUID, "emulatorpin", "5", &err), 0);
	assert_int_equal(action_verify(&context, &action, NULL), STATE_DRIFTED);
	assert_int_equal(action_undo(&context, &action, &err), 0);
	is_value("emulatorpin", "0-7");
	action_release(&action);
}

/* The domain was started again: it has what its definition says, and nothing of it is ours. */
static void another_process_is_another_domain(void **state)
{
	struct action action = pin_action("emulatorpin", "2-3");
	char *target = strchr(action.target, ':') + 1;
	struct error err;

	(void)state;
	*target = *target == '1' ? '2' : '1';
	errno = 0;
	assert_null(action_current(&context, &action));
	assert_int_equal(errno, ESRCH);
	action.before = xstrdup("0-7");
	assert_int_equal(action_undo(&context, &action, &err), -ESRCH);
	is_value("emulatorpin", "0-7");
	action_release(&action);
}

static void a_libvirt_that_is_away_keeps_the_journal(void **state)
{
	struct action action = pin_action("vcpupin 0", "2-3");

	(void)state;
	free(action.detail);
	action.detail = xstrdup("test:///nowhere/there/is/no/such.xml " UUID);
	errno = 0;
	assert_null(action_current(&context, &action));
	assert_int_equal(errno, EAGAIN); /* which revert leaves pending */
	action_release(&action);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static void add_thread(struct guest *guest, enum thread_kind kind, int vcpu, const char *comm)
{
	struct guest_thread *thread;

	guest->threads = xreallocarray(guest->threads, guest->thread_count + 1, sizeof(*thread));
	thread = &guest->threads[guest->thread_count];
	*thread = (struct guest_thread){ .tid = guest->pid + (pid_t)guest->thread_count++, .start = 7,
		.kind = kind, .vcpu = vcpu };
	snprintf(thread->comm, sizeof(thread->comm), "%s", comm);
	assert_int_equal(idset_parse("0-7", &thread->allowed, NULL), 0);
}

enum { NUMA_MODE = 7, NUMA_NODESET }; /* where run_domain() has them */

/* A domain of two vCPUs and an IOThread on node 0, libvirt's word for it included. */
static struct guest *run_domain(struct snapshot *snapshot)
{
	static const char *const values[][2] = { { "vcpupin 0", "0-7" }, { "vcpupin 1", "0-7" },
		{ "emulatorpin", "0-7" }, { "iothreadpin 2", "0-7" }, { "cpu_shares", "100" },
		{ "global_period", "50000" }, { "global_quota", "-1" }, { "numa_mode", "0" },
		{ "numa_nodeset", "" } };
	struct guest_list *list = &snapshot->guests;
	struct guest *guest;

	list->guests = xreallocarray(list->guests, list->count + 1, sizeof(*guest));
	guest = &list->guests[list->count++];
	*guest = (struct guest){ .pid = 100, .start = 5, .name = xstrdup("db"), .vmm = xstrdup("qemu"),
		.cgroup = xstrdup("/machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/emulator"),
		.vcpu_count = 2, .configured = GIB, .balloon = GUEST_UNKNOWN, .node_count = 2 };
	guest->domain = xcalloc(1, sizeof(*guest->domain));
	guest->domain->uuid = xstrdup(UUID);
	guest->domain->uri = xstrdup("qemu:///system");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		libvirt_value_add(&guest->domain->values, values[i][0], values[i][1]);
	guest->ram = xcalloc(1, sizeof(*guest->ram));
	guest->ram[0] = (struct guest_ram){ .start = GIB, .size = GIB, .page_size = 4096, .guest_node = -1 };
	guest->ram_count = 1;
	guest->node_bytes = xcalloc(2, sizeof(*guest->node_bytes));
	guest->node_bytes[0] = GIB;
	add_thread(guest, THREAD_EMULATOR, -1, "qemu-system-x86");
	add_thread(guest, THREAD_VCPU, 0, "CPU 0/KVM");
	add_thread(guest, THREAD_VCPU, 1, "CPU 1/KVM");
	add_thread(guest, THREAD_IO, -1, "IO iothread2");
	add_thread(guest, THREAD_WORKER, -1, "call_rcu");
	add_thread(guest, THREAD_VHOST, -1, "vhost-100");
	guest->threads[5].process = true;
	return guest;
}

static void plan_for(struct bench *bench, struct snapshot *snapshot, const char *text)
{
	memset(bench, 0, sizeof(*bench));
	bench->snapshot = snapshot;
	bench->profile = profile_parse(text, strlen(text), "x.conf", &bench->err);
	if (bench->profile) {
		bench->profile->vms[0].guest_pid = 100;
		bench->profile->vms[0].guest_start = 5;
		bench->profile->vms[0].vcpus = 2;
		bench->profile->vms[0].memory = GIB;
		bench->plan = plan_make(bench->profile, snapshot, &context, &bench->err);
	}
	if (!bench->plan)
		fail_msg("%s", bench->err.text);
}

/* The list of changes in short: "vcpupin 0=4-7 ...", other kinds by their name. */
static void is_plan(const struct bench *bench, const char *wanted)
{
	char text[1024] = "";

	for (unsigned int i = 0; i < bench->plan->actions.count; i++) {
		const struct action *action = &bench->plan->actions.actions[i];
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s=%s", used ? "; " : "",
			action->kind == ACTION_LIBVIRT ? strchr(action->target, ' ') + 1
			: action->kind == ACTION_AFFINITY ? action->detail : action_kind_name(action->kind),
			action->after);
	}
	assert_string_equal(text, wanted);
}

/* Threads through libvirt; the vhost process, of which libvirt knows nothing, directly. */
static void a_domain_is_pinned_through_libvirt(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	run_domain(snapshot);
	plan_for(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	is_plan(&bench, "emulatorpin=4-7; vcpupin 0=4-7; vcpupin 1=4-7; iothreadpin 2=4-7; vhost-100=4-7; "
		"move-pages=1");
	assert_string_equal(bench.plan->actions.actions[1].target, "100:5 vcpupin 0");
	assert_string_equal(bench.plan->actions.actions[1].detail, "qemu:///system " UUID);
	assert_string_equal(bench.plan->actions.actions[1].before, "0-7");
	assert_int_equal(bench.plan->notes.count, 0);
	clear(&bench);
}

static void what_libvirt_shows_already_is_not_set(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct libvirt_values *values = &run_domain(snapshot)->domain->values;
	struct bench bench;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		free(values->list[i].value);
		values->list[i].value = xstrdup("0-3");
	}
	plan_for(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"0\" }");
	is_plan(&bench, "vhost-100=0-3");
	clear(&bench);
}

static void weights_are_libvirts_parameters(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct bench bench;

	(void)state;
	snapshot->cgroup = CGROUP_V2;
	run_domain(snapshot);
	plan_for(&bench, snapshot, "vm a { attach = \"name:db\" placement = keep cpu_weight = 70 cpu_quota = 150 }");
	is_plan(&bench, "cpu_shares=70; global_quota=75000"); /* of libvirt's period of 50 ms */
	clear(&bench);
	snapshot = two_nodes();
	snapshot->cgroup = CGROUP_V1;
	run_domain(snapshot);
	plan_for(&bench, snapshot, "vm a { attach = \"name:db\" placement = keep cpu_weight = 50 }");
	is_plan(&bench, "cpu_shares=512");
	clear(&bench);
}

static void set_value(struct guest *guest, unsigned int index, const char *value)
{
	free(guest->domain->values.list[index].value);
	guest->domain->values.list[index].value = xstrdup(value);
}

/* numatune: wide, move, narrow, in the one mode (restrictive) in which libvirt does that. */
static void numatune_is_widened_and_narrowed_around_the_move(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_domain(snapshot);
	struct bench bench;

	(void)state;
	set_value(guest, NUMA_MODE, "3");
	set_value(guest, NUMA_NODESET, "0");
	plan_for(&bench, snapshot, "vm a { attach = \"name:db\" io_cpus = \"4\" pins = \"4,5\" }");
	is_plan(&bench, "emulatorpin=4; vcpupin 0=4; vcpupin 1=5; iothreadpin 2=4; vhost-100=4; "
		"numa_nodeset=0-1; move-pages=1; numa_nodeset=1");
	assert_string_equal(bench.plan->actions.actions[7].before, "0-1");
	clear(&bench);
}

static void a_strict_numatune_is_for_the_domains_life(void **state)
{
	static const char text[] = "vm a { attach = \"name:db\" nodes = \"1\" }";
	struct snapshot *snapshot = two_nodes();
	struct guest *guest = run_domain(snapshot);
	struct profile *profile;
	struct error err;

	(void)state;
	set_value(guest, NUMA_NODESET, "0");
	profile = profile_parse(text, strlen(text), "x.conf", &err);
	assert_non_null(profile);
	profile->vms[0].guest_pid = 100;
	profile->vms[0].guest_start = 5;
	profile->vms[0].vcpus = 2;
	profile->vms[0].memory = GIB;
	assert_null(plan_make(profile, snapshot, &context, &err));
	if (!strstr(err.text, "x.conf:1: a (PID 100) cannot be moved to node 1: libvirt keeps it on node 0 by numatune "
		"mode strict"))
		fail_msg("%s", err.text);
	profile_free(profile);
	snapshot_free(snapshot);
}

static void a_domain_without_libvirt_is_pinned_past_it_and_told(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest_domain *domain = run_domain(snapshot)->domain;
	struct bench bench;

	(void)state;
	free(domain->uri);
	domain->uri = NULL;
	domain->why = xstrdup("no daemon");
	plan_for(&bench, snapshot, "vm a { attach = \"name:db\" nodes = \"1\" }");
	is_plan(&bench, "qemu-system-x86=4-7; CPU 0/KVM=4-7; CPU 1/KVM=4-7; IO iothread2=4-7; call_rcu=4-7; "
		"vhost-100=4-7; move-pages=1");
	assert_int_equal(bench.plan->notes.count, 1);
	assert_string_equal(bench.plan->notes.notes[0].what,
		"a (PID 100) is libvirt's, but is pinned past it: no daemon");
	clear(&bench);
}

static void libvirts_word_is_part_of_a_snapshot(void **state)
{
	struct snapshot *snapshot = two_nodes();
	struct guest_list list;
	json_t *json;

	(void)state;
	run_domain(snapshot);
	json = guests_to_json(&snapshot->guests);
	assert_int_equal(guests_from_json(json, &list, NULL), 0);
	assert_string_equal(list.guests[0].domain->uuid, UUID);
	assert_string_equal(list.guests[0].domain->uri, "qemu:///system");
	assert_string_equal(libvirt_value_of(&list.guests[0].domain->values, "iothreadpin 2"), "0-7");
	json_decref(json);
	guests_release(&list);
	snapshot_free(snapshot);
}

static void a_libvirt_elsewhere_is_refused(void **state)
{
	static const char text[] = "host { libvirt_uri = \"qemu+ssh://other/system\" }";
	struct error err;

	(void)state;
	assert_null(profile_parse(text, strlen(text), "x.conf", &err));
	assert_string_equal(err.text, "x.conf:1: libvirt_uri: 'qemu+ssh://other/system' is no libvirt on this "
		"machine; write \"qemu:///system\" or \"qemu:///session\"");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_is_read_and_written),
		cmocka_unit_test(what_cannot_be_is_told_apart),
		cmocka_unit_test(no_daemon_is_no_answer_and_not_gone),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(everything_that_libvirt_has_is_listed),
		cmocka_unit_test(the_action_does_and_undoes),
		cmocka_unit_test(another_process_is_another_domain),
		cmocka_unit_test(a_libvirt_that_is_away_keeps_the_journal),
		cmocka_unit_test(a_domain_is_pinned_through_libvirt),
		cmocka_unit_test(what_libvirt_shows_already_is_not_set),
		cmocka_unit_test(weights_are_libvirts_parameters),
		cmocka_unit_test(numatune_is_widened_and_narrowed_around_the_move),
		cmocka_unit_test(a_strict_numatune_is_for_the_domains_life),
		cmocka_unit_test(a_domain_without_libvirt_is_pinned_past_it_and_told),
		cmocka_unit_test(libvirts_word_is_part_of_a_snapshot),
		cmocka_unit_test(a_libvirt_elsewhere_is_refused),
	};

	return cmocka_run_group_tests_name("libvirt", tests, need_library, NULL);
}
