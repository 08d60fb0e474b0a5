/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads of a guest and what each is for. Names tell most of it; QEMU names its threads only
 * with debug-threads=on, so vCPUs without a name are found by what the kernel says, best first:
 * KVM's debugfs (TID of each vCPU), the KVM_RUN call a thread sits in (its descriptor is the vCPU),
 * time spent in guest mode, and last the order of creation.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/guest_internal.h"
#include "host/proc.h"
#include "lib/xalloc.h"

#define KVM_RUN_REQUEST 0xae80 /* _IO(KVMIO, 0x80), linux/kvm.h */
#define SYS_IOCTL_X86   16

/* ---- kinds by name ---------------------------------------------------------------------------- */

/* %u stands for the vCPU index; a row without it matches as a prefix. First match wins. */
static const struct {
	const char *pattern;
	enum thread_kind kind;
} names[] = {
	{"vcpu%u", THREAD_VCPU},         /* vmm, cloud-hypervisor */
	{"CPU %u/", THREAD_VCPU},        /* QEMU */
	{"fc_vcpu %u", THREAD_VCPU},     /* Firecracker, libkrun */
	{"crosvm_vcpu%u", THREAD_VCPU},
	{"kvm-vcpu-%u", THREAD_VCPU},    /* kvmtool */
	{"vhost-irq-", THREAD_IO},       /* kvmtool's own, which passes on what vhost signals */
	{"vhost-", THREAD_VHOST},
	{"IO mon_iothread", THREAD_EMULATOR},
	{"IO ", THREAD_IO},
	{"io", THREAD_IO},               /* vmm */
	{"virtio-", THREAD_IO},          /* kvmtool */
	{"disk-image-io", THREAD_IO},
	{"threadpool-", THREAD_IO},
	{"kvm-ipc", THREAD_EMULATOR},
	{"term-poll", THREAD_EMULATOR},
	{"_", THREAD_IO},                /* Cloud Hypervisor: _disk0_q0, _net1_qp0, __rng */
	{"vmm", THREAD_EMULATOR},
	{"http-server", THREAD_EMULATOR},
	{"serial-manager", THREAD_EMULATOR},
	{"v_", THREAD_IO},               /* crosvm: v_net:0, virtio_blk, vhost_net */
	{"virtio_", THREAD_IO},
	{"vhost_", THREAD_IO},
	{"fc_api", THREAD_EMULATOR},
};

static bool match(const char *pattern, const char *comm, int *vcpu)
{
	const char *index = strchr(pattern, '%');
	size_t length = index ? (size_t)(index - pattern) : strlen(pattern);
	char *end;
	unsigned long number;

	if (strncmp(pattern, comm, length))
		return false;
	if (!index)
		return true;
	if (!isdigit((unsigned char)comm[length]))
		return false;
	number = strtoul(comm + length, &end, 10);
	if (strncmp(end, index + 2, strlen(index + 2)) || number >= GUEST_VCPUS_MAX)
		return false;
	*vcpu = (int)number;
	return true;
}

bool guest_thread_is_kernels(const struct guest_thread *thread)
{
	static const char *const prefixes[] = { "iou-", "kvm-nx-", "kvm-pit" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(thread->comm, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void classify(struct guest_thread *thread, pid_t pid)
{
	thread->vcpu = thread->guest_node = -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !guest_thread_is_kernels(thread); i++)
		if (match(names[i].pattern, thread->comm, &thread->vcpu)) {
			thread->kind = names[i].kind;
			return;
		}
	thread->kind = thread->tid == pid ? THREAD_EMULATOR : THREAD_WORKER;
}

const char *thread_kind_name(enum thread_kind kind)
{
	static const char *const kind_names[] = {
		[THREAD_VCPU] = "vcpu", [THREAD_EMULATOR] = "emulator", [THREAD_IO] = "io",
		[THREAD_VHOST] = "vhost", [THREAD_WORKER] = "worker",
	};

	return (size_t)kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[kind] : "unknown";
}

/* ---- one thread ------------------------------------------------------------------------------- */

static bool read_thread(const struct root *root, pid_t pid, struct guest_thread *thread)
{
	char status[8192], list[4096];
	struct proc_stat stat;
	uint64_t run_ns;

	if (proc_stat_read(root, pid, thread->tid, &stat) < 0)
		return false;
	snprintf(thread->comm, sizeof(thread->comm), "%s", stat.comm);
	thread->start = stat.start;
	thread->cpu = stat.cpu;
	proc_schedstat_read(root, pid, thread->tid, &run_ns, &thread->wait_ns);
	/* schedstat counts nanoseconds, stat ticks; one of them, always the same, or rates jump. */
	thread->cpu_ns = run_ns != PROC_UNKNOWN ? run_ns : stat.cpu_ns;
	memset(&thread->allowed, 0, sizeof(thread->allowed));
	if (root_read(root, status, sizeof(status), "/proc/%d/task/%d/status", pid, thread->tid) > 0 &&
		proc_field(status, "Cpus_allowed_list", list, sizeof(list)))
		idset_parse(list, &thread->allowed, NULL);
	return true;
}

struct listing {
	const struct root *root;
	struct guest *guest;
	struct guest_thread *threads;
	unsigned int count;
};

static void append(struct listing *listing, const struct guest_thread *thread)
{
	listing->threads = xreallocarray(listing->threads, listing->count + 1, sizeof(*thread));
	listing->threads[listing->count++] = *thread;
}

static const struct guest_thread *known(const struct guest *guest, const struct guest_thread *thread)
{
	for (unsigned int i = 0; i < guest->thread_count; i++)
		if (guest->threads[i].tid == thread->tid && guest->threads[i].start == thread->start)
			return &guest->threads[i];
	return NULL;
}

static void visit_task(void *opaque, unsigned int tid)
{
	struct listing *listing = opaque;
	struct guest_thread thread = { .tid = (pid_t)tid };
	const struct guest_thread *before;

	if (!read_thread(listing->root, listing->guest->pid, &thread))
		return;
	classify(&thread, listing->guest->pid);
	before = known(listing->guest, &thread);
	if (before && before->kind == THREAD_VCPU) { /* what took some effort to find out stays */
		thread.kind = before->kind;
		thread.vcpu = before->vcpu;
		thread.guest_node = before->guest_node;
	}
	append(listing, &thread);
}

static int by_kind_then_tid(const void *a, const void *b)
{
	const struct guest_thread *left = a, *right = b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->vcpu != right->vcpu)
		return left->vcpu < right->vcpu ? -1 : 1;
	return left->tid < right->tid ? -1 : left->tid > right->tid;
}

/* ---- vCPUs without a name --------------------------------------------------------------------- */

static struct guest_thread *by_tid(struct guest *guest, uint64_t tid)
{
	for (unsigned int i = 0; i < guest->thread_count; i++)
		if ((uint64_t)guest->threads[i].tid == tid)
			return &guest->threads[i];
	return NULL;
}

static void mark(struct guest_thread *thread, int vcpu)
{
	if (thread && thread->kind != THREAD_VCPU) {
		thread->kind = THREAD_VCPU;
		thread->vcpu = vcpu;
	}
}

static bool has_vcpu(const struct guest *guest, int vcpu)
{
	for (unsigned int i = 0; i < guest->thread_count; i++)
		if (guest->threads[i].kind == THREAD_VCPU && guest->threads[i].vcpu == vcpu)
			return true;
	return false;
}

static void ask_debugfs(const struct root *root, struct guest *guest, const struct guest_fds *fds)
{
	for (unsigned int vcpu = 0; vcpu < fds->vcpu_count; vcpu++) {
		uint64_t tid;

		if (!root_read_u64(root, &tid, "/sys/kernel/debug/kvm/%d-%d/vcpu%u/pid", guest->pid, fds->vm,
				vcpu) && tid)
			mark(by_tid(guest, tid), (int)vcpu);
	}
}

/* "16 0xFD 0xae80 ...": the thread is in ioctl(FD, KVM_RUN); one that runs just now says "running". */
static void ask_syscall(const struct root *root, struct guest *guest, const struct guest_fds *fds)
{
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		struct guest_thread *thread = &guest->threads[i];
		unsigned long number, fd, request;
		char text[256];

		if (thread->kind == THREAD_VCPU || guest_thread_is_kernels(thread) ||
			root_read_line(root, text, sizeof(text), "/proc/%d/task/%d/syscall", guest->pid,
				thread->tid) < 0 ||
			sscanf(text, "%lu 0x%lx 0x%lx", &number, &fd, &request) != 3 ||
			number != SYS_IOCTL_X86 || request != KVM_RUN_REQUEST)
			continue;
		for (unsigned int vcpu = 0; vcpu < fds->vcpu_count; vcpu++)
			if ((unsigned long)fds->vcpu[vcpu] == fd)
				mark(thread, (int)vcpu);
	}
}

/*
 * The rest: unnamed threads that were in guest mode, or simply as many as vCPUs are missing, in
 * order of creation, past the main thread. (A VMM makes vCPU threads in order of index.)
 */
static void by_creation(const struct root *root, struct guest *guest, const struct guest_fds *fds)
{
	unsigned int next = 0;

	for (int guest_time = 1; guest_time >= 0; guest_time--)
		for (unsigned int i = 0; i < guest->thread_count; i++) {
			struct guest_thread *thread = &guest->threads[i];
			struct proc_stat stat;
			char wchan[64] = "";

			while (next < fds->vcpu_count && has_vcpu(guest, (int)next))
				next++;
			if (next == fds->vcpu_count)
				return;
			if (thread->kind != THREAD_WORKER || guest_thread_is_kernels(thread) ||
				proc_stat_read(root, guest->pid, thread->tid, &stat) < 0)
				continue;
			root_read_line(root, wchan, sizeof(wchan), "/proc/%d/task/%d/wchan", guest->pid,
				thread->tid);
			if (guest_time ? stat.guest_ns > 0 || !strncmp(wchan, "kvm_vcpu_", 9)
				       : stat.state == 'R')
				mark(thread, (int)next);
		}
}

static unsigned int count_vcpus(const struct guest *guest)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < guest->thread_count; i++)
		count += guest->threads[i].kind == THREAD_VCPU;
	return count;
}

static void find_unnamed(const struct root *root, struct guest *guest, const struct guest_fds *fds)
{
	static void (*const ways[])(const struct root *, struct guest *, const struct guest_fds *) = {
		ask_debugfs, ask_syscall, by_creation,
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (count_vcpus(guest) < fds->vcpu_count)
			ways[i](root, guest, fds);
}

/* ---- all of them ------------------------------------------------------------------------------ */

/* vhost kernel threads that are processes of their own are in no task directory: read them again. */
static void keep_vhost_processes(struct listing *listing)
{
	for (unsigned int i = 0; i < listing->guest->thread_count; i++) {
		const struct guest_thread *before = &listing->guest->threads[i];
		struct guest_thread thread = *before;

		if (thread.kind == THREAD_VHOST && thread.process &&
			read_thread(listing->root, thread.tid, &thread) && thread.start == before->start)
			append(listing, &thread);
	}
}

bool guest_threads_read(const struct root *root, struct guest *guest, const struct guest_fds *fds)
{
	struct listing listing = { .root = root, .guest = guest };
	char dir[64];

	snprintf(dir, sizeof(dir), "/proc/%d/task", guest->pid);
	if (proc_each_number(root, dir, visit_task, &listing) < 0 || !listing.count)
		return false;
	keep_vhost_processes(&listing);
	free(guest->threads);
	guest->threads = listing.threads;
	guest->thread_count = listing.count;
	if (fds && count_vcpus(guest) < fds->vcpu_count)
		find_unnamed(root, guest, fds);
	qsort(guest->threads, guest->thread_count, sizeof(*guest->threads), by_kind_then_tid);
	if (fds)
		guest->vcpu_count = fds->vcpu_count > count_vcpus(guest) ? fds->vcpu_count
									   : count_vcpus(guest);
	return true;
}

void guest_add_vhost(const struct root *root, struct guest *guest, pid_t pid)
{
	struct guest_thread thread = { .tid = pid, .kind = THREAD_VHOST, .vcpu = -1, .guest_node = -1,
		.process = true };

	if (!read_thread(root, pid, &thread))
		return;
	guest->threads = xreallocarray(guest->threads, guest->thread_count + 1, sizeof(thread));
	guest->threads[guest->thread_count++] = thread;
}
