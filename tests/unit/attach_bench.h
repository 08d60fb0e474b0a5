/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests of others on the machine of plan_bench.h. */
#ifndef VMTUNE_TESTS_ATTACH_BENCH_H
#define VMTUNE_TESTS_ATTACH_BENCH_H

#include "tests/unit/plan_bench.h"
#include "tuner/attach.h"

static inline void add_thread(struct guest *guest, enum thread_kind kind, int vcpu, const char *comm,
	const char *cpus)
{
	struct guest_thread *thread;

	guest->threads = xreallocarray(guest->threads, guest->thread_count + 1, sizeof(*thread));
	thread = &guest->threads[guest->thread_count++];
	*thread = (struct guest_thread){ .tid = guest->pid + (pid_t)guest->thread_count,
		.start = 7, .kind = kind, .vcpu = vcpu };
	snprintf(thread->comm, sizeof(thread->comm), "%s", comm);
	assert_int_equal(idset_parse(cpus, &thread->allowed, NULL), 0);
}

/* A QEMU guest of two vCPUs and 1 GiB, MiB of it on each node, its threads anywhere. */
static inline struct guest *run_guest(struct snapshot *snapshot, const char *name, pid_t pid, unsigned int on0,
	unsigned int on1)
{
	struct guest_list *list = &snapshot->guests;
	struct guest *guest;

	list->guests = xreallocarray(list->guests, list->count + 1, sizeof(*guest));
	guest = &list->guests[list->count++];
	*guest = (struct guest){ .pid = pid, .start = 5, .name = xstrdup(name), .vmm = xstrdup("qemu"),
		.qmp = xasprintf("/run/%s-%d.qmp", name, (int)pid),
		.cgroup = xasprintf("/machine.slice/vm-%s-%d.scope/libvirt/emulator", name, (int)pid),
		.vcpu_count = 2, .configured = GIB, .balloon = GUEST_UNKNOWN, .node_count = 2 };
	guest->ram = xcalloc(1, sizeof(*guest->ram));
	guest->ram[0] = (struct guest_ram){ .start = GIB, .size = GIB, .page_size = 4096, .thp = true,
		.guest_node = -1 };
	guest->ram_count = 1;
	guest->node_bytes = xcalloc(2, sizeof(*guest->node_bytes));
	guest->node_bytes[0] = on0 * MIB;
	guest->node_bytes[1] = on1 * MIB;
	add_thread(guest, THREAD_VCPU, 0, "CPU 0/KVM", "0-7");
	add_thread(guest, THREAD_VCPU, 1, "CPU 1/KVM", "0-7");
	add_thread(guest, THREAD_EMULATOR, -1, "qemu", "0-7");
	add_thread(guest, THREAD_IO, -1, "IO iothread1", "0-7");
	add_thread(guest, THREAD_VHOST, -1, "vhost-100", "0-7");
	add_thread(guest, THREAD_WORKER, -1, "call_rcu", "0-7");
	add_thread(guest, THREAD_WORKER, -1, "iou-wrk-100", "0-7");
	return guest;
}

static inline void plan_on(struct bench *bench, struct snapshot *snapshot, const char *text)
{
	memset(bench, 0, sizeof(*bench));
	bench->snapshot = snapshot;
	bench->profile = profile_parse(text, strlen(text), "x.conf", &bench->err);
	if (bench->profile && attach_guests(bench->profile, snapshot, ATTACH_ALL, &bench->err) == 0)
		bench->plan = plan_make(bench->profile, snapshot, &context, &bench->err);
}

#endif
