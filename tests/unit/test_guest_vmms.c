// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which VMM a process is, what the guest is called, and what each thread is for. The /proc trees are made
 * up from what the VMMs' sources say: names of threads and programs, options, default names (Firecracker
 * 1.1x, Cloud Hypervisor 4x, crosvm and kvmtool of 2024 to 2026). Names have 15 characters at most.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/guest_internal.h"
#include "lib/size.h"
#include "tests/unit/tree.h"

#define PID 500

struct thread_row {
	const char *comm;
	enum thread_kind kind;
	int vcpu;
};

struct process_row {
	const char *comm;
	const char *args[12];
	const char *cgroup;
	unsigned int vcpus;
	struct thread_row threads[12]; /* the first is the main thread */
	const char *vmm, *name;
	uint64_t memory; /* bytes on the command line; 0: none */
};

static const struct process_row processes[] = {
	{ "firecracker", { "/usr/bin/firecracker-v1.10.1-x86_64", "--api-sock", "/run/fc/web.socket", "--id", "web-1" },
		"/", 2, { { "firecracker", THREAD_EMULATOR, -1 }, { "fc_api", THREAD_EMULATOR, -1 },
			{ "fc_vcpu 0", THREAD_VCPU, 0 }, { "fc_vcpu 1", THREAD_VCPU, 1 } },
		"firecracker", "web-1", 0 },
	{ "firecracker", { "firecracker", "--api-sock", "/run/fc/web.socket" }, "/", 1,
		{ { "firecracker", THREAD_EMULATOR, -1 }, { "fc_api", THREAD_EMULATOR, -1 },
			{ "fc_vcpu 0", THREAD_VCPU, 0 }, { "kvm-nx-lpage-re", THREAD_WORKER, -1 } },
		"firecracker", "web", 0 },
	{ "cloud-hyperviso", { "/opt/cloud-hypervisor-static", "--api-socket", "path=/run/ch/db.sock", "--memory",
			"size=2G,shared=on" },
		"/", 2, { { "cloud-hyperviso", THREAD_EMULATOR, -1 }, { "vmm", THREAD_EMULATOR, -1 },
			{ "http-server", THREAD_EMULATOR, -1 }, { "vcpu0", THREAD_VCPU, 0 },
			{ "vcpu1", THREAD_VCPU, 1 }, { "_disk0_q0", THREAD_IO, -1 }, { "_net1_qp0", THREAD_IO, -1 },
			{ "__rng", THREAD_IO, -1 }, { "vhost-500", THREAD_VHOST, -1 } },
		"cloud-hypervisor", "db", 2 * GIB },
	{ "crosvm", { "crosvm", "run", "--name", "arc", "-s", "/run/crosvm.sock", "-m", "512" }, "/", 2,
		{ { "crosvm", THREAD_EMULATOR, -1 }, { "crosvm_vcpu0", THREAD_VCPU, 0 },
			{ "crosvm_vcpu1", THREAD_VCPU, 1 }, { "v_net:0", THREAD_IO, -1 },
			{ "virtio_blk", THREAD_IO, -1 }, { "irq_handler_thr", THREAD_WORKER, -1 } },
		"crosvm", "arc", 512 * MIB },
	{ "lkvm", { "lkvm", "run", "-m", "256", "-c", "2" }, "/", 2,
		{ { "lkvm", THREAD_EMULATOR, -1 }, { "kvm-vcpu-0", THREAD_VCPU, 0 }, { "kvm-vcpu-1", THREAD_VCPU, 1 },
			{ "kvm-ipc", THREAD_EMULATOR, -1 }, { "ioeventfd-worke", THREAD_IO, -1 },
			{ "virtio-net-rx", THREAD_IO, -1 }, { "threadpool-work", THREAD_IO, -1 },
			{ "vhost-irq-worke", THREAD_IO, -1 }, { "vhost-500", THREAD_VHOST, -1 },
			{ "term-poll", THREAD_EMULATOR, -1 } },
		"kvmtool", "guest-500", 256 * MIB },
	{ "qemu-system-x86", { "/usr/bin/qemu-system-x86_64", "-name", "guest=a,,b,debug-threads=on", "-m", "1024" },
		"/machine/qemu-1-a.libvirt-qemu/emulator", 1,
		{ { "qemu-system-x86", THREAD_EMULATOR, -1 }, { "CPU 0/KVM", THREAD_VCPU, 0 },
			{ "IO iothread1", THREAD_IO, -1 }, { "IO mon_iothread", THREAD_EMULATOR, -1 },
			{ "iou-wrk-500", THREAD_WORKER, -1 } },
		"qemu", "a,b", GIB },
};

static void put_stat(const struct root *root, const char *file, unsigned int pid, const char *comm)
{
	char text[256];

	snprintf(text, sizeof(text), "%u (%s) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 77 0 0 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 0 17 0 0 0 0 0 0\n", pid, comm);
	tree_put(root, file, text);
}

static void put_args(const struct root *root, const char *const *args)
{
	char path[PATH_MAX];
	FILE *file;

	tree_put(root, "/proc/500/cmdline", "");
	file = fopen(root_path(root, path, "/proc/500/cmdline"), "w");
	assert_non_null(file);
	for (; *args; args++)
		fwrite(*args, 1, strlen(*args) + 1, file);
	fclose(file);
}

static void put_link(const struct root *root, const char *to, unsigned int fd)
{
	char path[PATH_MAX];

	assert_int_equal(symlink(to, root_path(root, path, "/proc/500/fd/%u", fd)), 0);
}

static void put_process(const struct root *root, const struct process_row *row)
{
	char file[64], text[128];

	put_stat(root, "/proc/500/stat", PID, row->comm);
	put_args(root, row->args);
	snprintf(text, sizeof(text), "0::%s\n", row->cgroup);
	tree_put(root, "/proc/500/cgroup", text);
	tree_put(root, "/proc/500/fd/x", "");
	put_link(root, "anon_inode:kvm-vm", 5);
	for (unsigned int i = 0; i < row->vcpus; i++) {
		snprintf(text, sizeof(text), "anon_inode:kvm-vcpu:%u", i);
		put_link(root, text, 10 + i);
	}
	for (unsigned int i = 0; row->threads[i].comm; i++) {
		snprintf(file, sizeof(file), "/proc/500/task/%u/stat", PID + i);
		put_stat(root, file, PID + i, row->threads[i].comm);
	}
}

static void is_thread(const struct guest *guest, unsigned int index, const struct thread_row *row)
{
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];

		if (thread->tid != (pid_t)(PID + index))
			continue;
		if (thread->kind != row->kind || thread->vcpu != row->vcpu)
			fail_msg("%s of %s is %s, vCPU %d", row->comm, guest->vmm, thread_kind_name(thread->kind),
				thread->vcpu);
		return;
	}
	fail_msg("no thread %s of %s", row->comm, guest->vmm);
}

static void each_vmm_is_known_by_its_threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
		const struct process_row *row = &processes[i];
		struct guest_list list;
		struct root root;

		assert_int_equal(tree_open(&root), 0);
		put_process(&root, row);
		guests_read(&root, &list);
		assert_int_equal(list.count, 1);
		assert_string_equal(list.guests[0].vmm, row->vmm);
		assert_string_equal(list.guests[0].name, row->name);
		assert_int_equal(list.guests[0].vcpu_count, row->vcpus);
		if (row->memory)
			assert_int_equal(list.guests[0].configured, row->memory);
		for (unsigned int j = 0; row->threads[j].comm; j++)
			is_thread(&list.guests[0], j, &row->threads[j]);
		guests_release(&list);
		tree_remove(&root);
	}
}

/* Before Linux 6.4 vhost threads are processes named after the guest's; since then they are its threads. */
static void vhost_threads_are_found_on_old_and_new_kernels(void **state)
{
	struct guest_list list;
	unsigned int vhosts = 0;
	struct root root;

	(void)state;
	assert_int_equal(tree_open(&root), 0);
	put_process(&root, &processes[2]); /* one of its own threads */
	put_stat(&root, "/proc/600/stat", 600, "vhost-500");
	put_stat(&root, "/proc/600/task/600/stat", 600, "vhost-500");
	put_stat(&root, "/proc/601/stat", 601, "vhost-50");
	put_stat(&root, "/proc/601/task/601/stat", 601, "vhost-50");
	tree_put(&root, "/proc/600/fd/.keep", "");
	tree_put(&root, "/proc/601/fd/.keep", "");
	guests_read(&root, &list);
	assert_int_equal(list.count, 1);
	for (unsigned int i = 0; i < list.guests[0].thread_count; i++) {
		const struct guest_thread *thread = &list.guests[0].threads[i];

		vhosts += thread->kind == THREAD_VHOST;
		if (thread->tid == 600)
			assert_true(thread->process);
		assert_int_not_equal(thread->tid, 601);
	}
	assert_int_equal(vhosts, 2);
	guests_release(&list);
	tree_remove(&root);
}

/* ---- what libvirt and control groups say ---------------------------------------------------- */

static void a_domain_of_libvirt_has_its_uuid(void **state)
{
	static const struct process_row domain = { "qemu-system-x86",
		{ "/usr/bin/qemu-system-x86_64", "-name", "guest=db,debug-threads=on", "-object",
			"{\"qom-type\":\"secret\",\"file\":\"/var/lib/libvirt/qemu/domain-1-db/master-key.aes\"}", "-uuid",
			"648fbfe0-0c46-4dd9-9a90-d8ba4a42f03f" },
		"/", 1, { { "qemu-system-x86", THREAD_EMULATOR, -1 } }, "qemu", "db", 0 };
	struct guest_list list;
	struct root root;

	(void)state;
	assert_int_equal(tree_open(&root), 0);
	put_process(&root, &domain);
	guests_read(&root, &list);
	assert_int_equal(list.count, 1);
	assert_non_null(list.guests[0].domain);
	assert_string_equal(list.guests[0].domain->uuid, "648fbfe0-0c46-4dd9-9a90-d8ba4a42f03f");
	assert_null(list.guests[0].domain->uri); /* not asked: it is not of this machine */
	guests_release(&list);
	tree_remove(&root);
}

static void the_nodes_that_groups_allow_are_read(void **state)
{
	static const struct { const char *top; unsigned int count; } trees[] = {
		{ "/sys/fs/cgroup", 2 }, { "/sys/fs/cgroup/cpuset", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		char file[PATH_MAX], nodes[64];
		struct guest_list list;
		struct root root;

		assert_int_equal(tree_open(&root), 0);
		put_process(&root, &processes[5]);
		tree_put(&root, "/proc/500/cpuset", "/vms/db/in\n");
		snprintf(file, sizeof(file), "%s/vms/cpuset.mems", trees[i].top);
		tree_put(&root, file, "0-1\n");
		snprintf(file, sizeof(file), "%s/vms/db/cpuset.mems", trees[i].top);
		tree_put(&root, file, "\n"); /* inherits: no list of its own */
		snprintf(file, sizeof(file), "%s/vms/db/in/cpuset.mems", trees[i].top);
		tree_put(&root, file, "\n");
		guests_read(&root, &list);
		assert_int_equal(list.guests[0].cpuset_count, trees[i].count);
		assert_string_equal(list.guests[0].cpusets[0].group, "/vms");
		assert_string_equal(idset_format(&list.guests[0].cpusets[0].mems, nodes, sizeof(nodes)), "0-1");
		assert_string_equal(list.guests[0].cpusets[1].group, "/vms/db/in");
		assert_string_equal(list.guests[0].cpusets[1].file, file);
		assert_true(idset_empty(&list.guests[0].cpusets[1].mems));
		guests_release(&list);
		tree_remove(&root);
	}
}

static void policies_of_ram_are_read_and_no_others(void **state)
{
	struct guest_ram ram[] = { { .start = 0x1000000, .size = 0x1000000 }, { .start = 0x5000000, .size = 0x1000 } };
	struct guest guest = { .pid = PID, .ram = ram, .ram_count = 2 };
	struct root root;
	char nodes[64];

	(void)state;
	assert_int_equal(tree_open(&root), 0);
	tree_put(&root, "/proc/500/numa_maps",
		"00400000 bind:7 file=/bin/x:y mapped=4 N0=4\n"     /* no RAM */
		"01000000 default anon=3 dirty=3 N0=3\n"
		"01200000 bind:2 anon=3 dirty=3 N2=3 kernelpagesize_kB=4\n"
		"01400000 prefer (many):4-5 anon=1 N4=1\n"
		"01600000 interleave=static:0-1 anon=1 N0=1\n"
		"01800000 local anon=1 N0=1\n"
		"05000000 prefer:9 huge anon=1 N0=1\n"
		"05001000 bind:8 anon=1 N0=1\n");                   /* just past it */
	guest_read_policies(&root, &guest);
	assert_string_equal(idset_format(&guest.bound, nodes, sizeof(nodes)), "0-2,4-5,9");
	tree_remove(&root);
}

/* What QEMU 7.2 says, shortened: node 0 is "ra", of which a ROM hides a part; others have similar names. */
static void memory_of_guest_nodes_is_found_in_qemus_words(void **state)
{
	static const char mtree[] = "FlatView #0\r\n AS \"memory\", root: system\r\n Root memory region: system\r\n"
		"  0000000000000000-00000000000bffff (prio 0, ram): ra\r\n"
		"  00000000000c0000-00000000000dffff (prio 1, rom): pc.rom\r\n"
		"  0000000000100000-0000000001ffffff (prio 0, ram): ra @0000000000100000\r\n"
		"  0000000002000000-0000000005ffffff (prio 0, ram): rb2 @0000000000200000 KVM\r\n"
		"  0000000006000000-0000000007ffffff (prio 0, ram): rb KVM\r\n"
		"  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic\r\n";
	uint64_t gpa, offset;

	(void)state;
	assert_true(guest_find_backend(mtree, "ra", &gpa, &offset));
	assert_int_equal(gpa, 0);
	assert_int_equal(offset, 0);
	assert_true(guest_find_backend(mtree, "rb", &gpa, &offset));
	assert_int_equal(gpa, 0x6000000);
	assert_int_equal(offset, 0);
	assert_true(guest_find_backend(mtree, "rb2", &gpa, &offset));
	assert_int_equal(gpa, 0x2000000);
	assert_int_equal(offset, 0x200000);
	assert_false(guest_find_backend(mtree, "r", &gpa, &offset));
	assert_false(guest_find_backend(mtree, "ioapic", &gpa, &offset));
	assert_false(guest_find_backend("", "ra", &gpa, &offset));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_vmm_is_known_by_its_threads),
		cmocka_unit_test(vhost_threads_are_found_on_old_and_new_kernels),
		cmocka_unit_test(a_domain_of_libvirt_has_its_uuid),
		cmocka_unit_test(the_nodes_that_groups_allow_are_read),
		cmocka_unit_test(memory_of_guest_nodes_is_found_in_qemus_words),
		cmocka_unit_test(policies_of_ram_are_read_and_no_others),
	};

	return cmocka_run_group_tests_name("guest_vmms", tests, NULL, NULL);
}
