// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finding guests in a captured /proc: two QEMUs (one names its threads, one does not), a vmm with two
 * guest nodes, a vhost thread that is a process of its own. And this test's own memory, asked for.
 */
#include <errno.h>
#include <numaif.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/guest_internal.h"
#include "host/proc.h"
#include "lib/size.h"
#include "tests/unit/capture.h"

struct captured {
	struct root root;
	struct guest_list list;
};

static int open_guests(void **state)
{
	struct captured *captured = calloc(1, sizeof(*captured));

	if (!captured || capture_open(&captured->root, "smt-two-nodes") < 0) {
		free(captured);
		return -1;
	}
	guests_read(&captured->root, &captured->list);
	*state = captured;
	return 0;
}

static int close_guests(void **state)
{
	struct captured *captured = *state;

	guests_release(&captured->list);
	free(captured);
	capture_close();
	return 0;
}

static const struct guest *find(void **state, const char *name)
{
	const struct captured *captured = *state;
	const struct guest *guest = guest_find(&captured->list, name);

	if (!guest) {
		fail_msg("no guest %s", name);
		return &captured->list.guests[0];
	}
	return guest;
}

static unsigned int count_kind(const struct guest *guest, enum thread_kind kind)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < guest->thread_count; i++)
		count += guest->threads[i].kind == kind;
	return count;
}

static void guests_of_all_vmms_are_found(void **state)
{
	const struct captured *captured = *state;

	assert_int_equal(captured->list.count, 3);
	assert_string_equal(find(state, "alpha")->vmm, "qemu");
	assert_string_equal(find(state, "beta")->vmm, "vmm");
	assert_string_equal(find(state, "gamma")->vmm, "qemu");
	assert_string_equal(find(state, "alpha")->qmp, "/run/alpha.qmp");
	assert_string_equal(find(state, "beta")->qmp, "/run/beta.qmp");
	assert_ptr_equal(find(state, "203"), find(state, "alpha")); /* by PID, too */
	assert_null(guest_find(&captured->list, "delta"));
}

static void a_guest_named_like_anothers_pid_is_not_that_one(void **state)
{
	struct captured *captured = *state;
	struct guest *beta = (struct guest *)(uintptr_t)find(state, "beta");
	char *name = beta->name, number[] = "203"; /* the PID of alpha */

	beta->name = number;
	assert_string_equal(guest_by_pid(&captured->list, 203)->name, "alpha");
	assert_ptr_equal(guest_find(&captured->list, "203"), beta);
	beta->name = name;
	assert_null(guest_by_pid(&captured->list, 1));
}

static void threads_have_kinds_by_their_names(void **state)
{
	const struct guest *alpha = find(state, "alpha");

	assert_int_equal(alpha->vcpu_count, 2);
	assert_int_equal(count_kind(alpha, THREAD_VCPU), 2);
	assert_int_equal(alpha->threads[0].vcpu, 0);
	assert_int_equal(alpha->threads[1].vcpu, 1);
	assert_int_equal(count_kind(alpha, THREAD_IO), 1);
	assert_int_equal(count_kind(alpha, THREAD_VHOST), 1);
	assert_int_equal(count_kind(alpha, THREAD_EMULATOR), 2);
}

static void vcpus_without_names_are_found_all_the_same(void **state)
{
	const struct guest *gamma = find(state, "gamma");

	assert_int_equal(gamma->vcpu_count, 2);
	assert_int_equal(count_kind(gamma, THREAD_VCPU), 2);
	assert_string_equal(gamma->threads[0].comm, "qemu-system-x86");
	/* What the capture's /proc/204/task/229/syscall and the order of creation say. */
	assert_int_equal(gamma->threads[0].tid, 229);
	assert_int_equal(gamma->threads[1].tid, 230);
}

static void pinned_vcpus_show_where_they_may_run(void **state)
{
	const struct guest *beta = find(state, "beta");
	char cpus[64];

	assert_string_equal(idset_format(&beta->threads[0].allowed, cpus, sizeof(cpus)), "0");
	assert_string_equal(idset_format(&beta->threads[1].allowed, cpus, sizeof(cpus)), "4");
	assert_true(beta->threads[0].cpu_ns > UINT64_C(1000000000));
	assert_true(beta->threads[0].wait_ns != GUEST_UNKNOWN);
}

static void ram_is_what_the_guest_was_given(void **state)
{
	const struct guest *alpha = find(state, "alpha"), *beta = find(state, "beta");

	assert_int_equal(alpha->ram_count, 1);
	assert_true(alpha->ram[0].size == 192 * MIB);
	assert_true(alpha->ram[0].mergeable && alpha->ram[0].thp);
	assert_int_equal(beta->ram_count, 2);
	assert_true(beta->configured == 192 * MIB);
	assert_true(beta->ram[0].page_size == 2 * MIB && beta->ram[0].size == 64 * MIB);
	assert_true(beta->ram[1].page_size == 4 * KIB);
	assert_true(beta->hugetlb == 64 * MIB);
}

static void unknown_figures_are_unknown_and_not_zero(void **state)
{
	assert_true(find(state, "alpha")->exits == GUEST_UNKNOWN);
	assert_true(find(state, "alpha")->balloon == GUEST_UNKNOWN);
}

static void a_captured_guest_is_never_looked_up_here(void **state)
{
	struct machine *machine = machine_from_synthetic("node:2 pu:2", NULL);
	struct guest_memory_map map;

	assert_int_equal(guest_map_read(find(state, "alpha"), machine, 0, &map), -ESRCH);
	guest_map_release(&map);
	machine_free(machine);
}

static void json_brings_the_same_guests_back(void **state)
{
	const struct captured *captured = *state;
	json_t *json = guests_to_json(&captured->list), *again;
	struct guest_list list;
	struct error err = {{0}};

	if (guests_from_json(json, &list, &err) < 0)
		fail_msg("%s", err.text);
	again = guests_to_json(&list);
	assert_true(json_equal(json, again));
	json_decref(again);
	guests_release(&list);
	json_object_set_new(json_array_get(json, 1), "vcpus", json_string("many"));
	assert_true(guests_from_json(json, &list, &err) < 0);
	assert_non_null(strstr(err.text, "guests[1]"));
	json_decref(json);
}

static void a_guest_that_ended_is_gone(void **state)
{
	struct captured *captured = *state;
	struct guest *guest = (struct guest *)find(state, "gamma");
	char path[PATH_MAX], gone[PATH_MAX];

	assert_true(guest_refresh(&captured->root, guest));
	assert_int_equal(count_kind(guest, THREAD_VCPU), 2); /* what was found out stays */
	root_path(&captured->root, path, "/proc/204");
	root_path(&captured->root, gone, "/gone");
	assert_int_equal(rename(path, gone), 0);
	assert_false(guest_refresh(&captured->root, guest));
	guests_update(&captured->root, &captured->list);
	assert_int_equal(captured->list.count, 2);
	assert_int_equal(rename(gone, path), 0);
	guests_update(&captured->root, &captured->list);
	assert_int_equal(captured->list.count, 3);
}

/* A process with /proc files as hostile as they can be is skipped or cut, never a crash. */
static void odd_proc_files_do_no_harm(void **state)
{
	static const struct {
		const char *file, *text;
	} files[] = {
		{"stat", "301 (a) b) (c) S 1 2"}, {"stat", "301"}, {"stat", ""}, {"status", "VmRSS:\t x kB\n"},
		{"maps", "7f-7e rw-p 0 0:0 0\nzz\n1-ffffffffffffffff rw-p 00000000 00:00 0 \n"},
		{"cmdline", "qemu-system-x86_64"}, {"smaps", "VmFlags: mg\nKernelPageSize: 4 kB\n"},
		{"task/301/stat", ")("}, {"task/301/schedstat", "1 2"},
	};
	struct captured *captured = *state;
	char path[PATH_MAX];
	struct guest_list list;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file;

		mkdir(root_path(&captured->root, path, "/proc/301"), 0755);
		mkdir(root_path(&captured->root, path, "/proc/301/task"), 0755);
		mkdir(root_path(&captured->root, path, "/proc/301/task/301"), 0755);
		mkdir(root_path(&captured->root, path, "/proc/301/fd"), 0755);
		assert_true(symlink("anon_inode:kvm-vm", root_path(&captured->root, path, "/proc/301/fd/3")) == 0 ||
			errno == EEXIST);
		assert_true(symlink("anon_inode:kvm-vcpu:99999999999",
			root_path(&captured->root, path, "/proc/301/fd/4")) == 0 || errno == EEXIST);
		file = fopen(root_path(&captured->root, path, "/proc/301/%s", files[i].file), "w");
		assert_non_null(file);
		fputs(files[i].text, file);
		fclose(file);
		guests_read(&captured->root, &list);
		assert_true(list.count >= 3);
		guests_release(&list);
	}
}

/* ---- pages, on this machine ------------------------------------------------------------------- */

#define OWN_SIZE (32 * MIB)

static void resident_pages_are_counted_by_node(void **state)
{
	struct root here = {{0}};
	struct machine *machine = machine_read(&here, NULL);
	uint8_t *memory = mmap(NULL, OWN_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct guest_ram ram = { .start = (uint64_t)(uintptr_t)memory, .size = OWN_SIZE, .page_size = 4 * KIB };
	struct guest_fds fds = { .vm = -1, .vm_stats = -1 };
	struct guest guest = { .pid = getpid(), .ram = &ram, .ram_count = 1 };
	struct guest_memory_map map;
	struct proc_stat stat;
	int result;

	(void)state;
	assert_non_null(machine);
	madvise(memory, OWN_SIZE, MADV_NOHUGEPAGE);
	memset(memory, 1, OWN_SIZE / 2);
	assert_int_equal(proc_stat_read(&here, guest.pid, 0, &stat), 0);
	guest.start = stat.start;
	guest.handles = guest_handles_open(&here, guest.pid, guest.start, &fds);
	result = guest_map_read(&guest, machine, 0, &map);
	if (result == -EPERM || result == -ENOSYS)
		skip();
	assert_int_equal(result, 0);
	assert_true(map.exact);
	assert_true(map.resident == OWN_SIZE / 2);
	guest_map_release(&map);
	/* A sample says the same to a few percent. */
	assert_int_equal(guest_map_read(&guest, machine, 512, &map), 0);
	assert_false(map.exact);
	assert_true(map.resident > OWN_SIZE / 2 * 9 / 10 && map.resident < OWN_SIZE / 2 * 11 / 10);
	guest_map_release(&map);
	guest.start++; /* another process of the same PID */
	assert_int_equal(guest_map_read(&guest, machine, 0, &map), -ESRCH);
	guest_map_release(&map);
	guest_handles_close(guest.handles);
	munmap(memory, OWN_SIZE);
	machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_of_all_vmms_are_found),
		cmocka_unit_test(a_guest_named_like_anothers_pid_is_not_that_one),
		cmocka_unit_test(threads_have_kinds_by_their_names),
		cmocka_unit_test(vcpus_without_names_are_found_all_the_same),
		cmocka_unit_test(pinned_vcpus_show_where_they_may_run),
		cmocka_unit_test(ram_is_what_the_guest_was_given),
		cmocka_unit_test(unknown_figures_are_unknown_and_not_zero),
		cmocka_unit_test(a_captured_guest_is_never_looked_up_here),
		cmocka_unit_test(json_brings_the_same_guests_back),
		cmocka_unit_test(a_guest_that_ended_is_gone),
		cmocka_unit_test(odd_proc_files_do_no_harm),
		cmocka_unit_test(resident_pages_are_counted_by_node),
	};

	return cmocka_run_group_tests_name("guest", tests, open_guests, close_guests);
}
