/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machines that run on this host, whoever started them: every process that holds an
 * "anon_inode:kvm-vm" file. What each of its threads does, where it may run, where its RAM is.
 *
 * Sizes are bytes and times nanoseconds unless the name says otherwise. A figure that could not be
 * had (no permission, no such kernel file) is GUEST_UNKNOWN, never 0.
 */
#ifndef VMTUNE_HOST_GUEST_H
#define VMTUNE_HOST_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "host/libvirt.h"
#include "host/machine.h"
#include "host/root.h"
#include "lib/idset.h"

#define GUEST_UNKNOWN UINT64_MAX

enum thread_kind { THREAD_VCPU, THREAD_EMULATOR, THREAD_IO, THREAD_VHOST, THREAD_WORKER };

struct guest_thread {
	pid_t tid;
	uint64_t start;          /* start time in clock ticks, /proc/PID/stat field 22: the identity */
	enum thread_kind kind;
	bool process;            /* a kernel thread beside the guest's process (vhost before Linux 6.4) */
	int vcpu;                /* vCPU index, -1 for the others */
	int guest_node;          /* of a vCPU, -1 unknown: guest_ask_threads() */
	char comm[16];
	struct idset allowed;    /* affinity */
	int cpu;                 /* where it ran last, -1 unknown */
	uint64_t cpu_ns;         /* user + system time so far */
	uint64_t wait_ns;        /* runnable but waiting, /proc/.../schedstat (ready time) */
};

/* One mapping that is guest RAM. */
struct guest_ram {
	uint64_t start, size;    /* host virtual address */
	uint64_t page_size;      /* kernel page size of the mapping */
	bool mergeable, thp;     /* VmFlags mg, hg; false also when the kernel was not asked (large 4K RSS) */
	int guest_node;          /* -1 unknown */
};

/* Where the pages are; by node index of struct machine (nodes[i]). */
struct guest_memory_map {
	uint64_t *node_bytes;    /* resident on each node */
	unsigned int node_count;
	uint64_t resident;       /* sum */
	bool exact;              /* every page was asked for, not a sample */
};

/* A control group that says which nodes memory may come from: cpuset.mems, of the guest's or one above. */
struct guest_cpuset {
	char *group;             /* path in the cpuset tree */
	char *file;              /* host path of its cpuset.mems */
	struct idset mems;
};

/* What libvirt has started; by guest_ask_libvirt() also what libvirt says about it. */
struct guest_domain {
	char *uuid;
	char *uri;               /* of the libvirt that answers for it; NULL: none does, or not asked yet */
	char *why;               /* why none does, or NULL */
	struct libvirt_values values;
};

struct guest {
	pid_t pid;
	uint64_t start;          /* identity together with pid */
	char *name;              /* -name, --name, libvirt's, or the process name */
	char *vmm;               /* "vmm", "qemu", "firecracker", "cloud-hypervisor", "kvmtool", ... */
	char *qmp;               /* control socket path, or NULL */
	char *cgroup;            /* path below the cgroup mount, or NULL */
	struct guest_cpuset *cpusets; /* outermost first; only the last may have no list: it inherits (v2) */
	unsigned int cpuset_count;
	struct idset bound;      /* nodes that policies of its RAM name; empty until guest_read_policies() */
	struct guest_domain *domain; /* NULL: not started by libvirt */
	char **argv;             /* command line of our own vmm (where it was told to live), else NULL */
	struct guest_thread *threads;
	unsigned int thread_count, vcpu_count;
	struct guest_ram *ram;
	unsigned int ram_count;
	uint64_t configured;     /* RAM the guest was given: sum of ram[].size */
	uint64_t *node_bytes;    /* RAM on each node, as nodes[] of the machine; NULL until guest_locate() */
	unsigned int node_count; /* rows of node_bytes */
	uint64_t rss, anon_huge, hugetlb; /* whole process, from smaps_rollup or status */
	uint64_t ksm_pages;      /* /proc/PID/ksm_merging_pages, pages */
	uint64_t balloon;        /* actual guest RAM from QMP query-balloon; GUEST_UNKNOWN unless asked */
	uint64_t age_ms;         /* since it was started */
	uint64_t exits;          /* KVM exits so far, all vCPUs */
	struct guest_handles *handles; /* private: open statistics files; NULL for a guest of a file */
};

struct guest_list {
	struct guest *guests;
	unsigned int count;
	unsigned int hidden;     /* processes that could not be looked into (permission) */
};

/* Finds the guests and reads identity, threads and RAM mappings. Never fails as a whole. */
void guests_read(const struct root *root, struct guest_list *list);
void guests_release(struct guest_list *list);
/*
 * Closes the files of counters. A VM lives on, with its kernel threads, for as long as somebody has one of them open:
 * whoever keeps a list without reading it again lets go. ->exits stays as it was read.
 */
void guests_let_go(struct guest_list *list);

/*
 * Brings a list up to date: new guests are read, ended ones dropped, the others refreshed as by
 * guest_refresh. A guest that changed its vCPUs, or was only just starting, is read anew.
 */
void guests_update(const struct root *root, struct guest_list *list);

/*
 * Reads the counters of threads and memory again (not the mappings, not anon_huge). False when the
 * guest is gone.
 */
bool guest_refresh(const struct root *root, struct guest *guest);

/*
 * Reads ->anon_huge again. Apart, because the kernel walks the guest's page tables for it; for a guest
 * with more than 1 GiB of small pages it is an estimate by sample, GUEST_UNKNOWN without root.
 */
void guest_refresh_huge(const struct root *root, struct guest *guest);

/* Asks the guest's QMP socket for ->balloon; GUEST_UNKNOWN if it has none or does not answer in time. */
void guest_refresh_balloon(struct guest *guest, int timeout_ms);

/* Counters of the guest's own kernel, since its boot. */
struct guest_stats {
	uint64_t total, free, available; /* bytes of its memory; available: without swapping, by its kernel's estimate */
	uint64_t major_faults;
	uint64_t swap_in, swap_out; /* bytes */
};

/*
 * Asks the guest's QMP socket for what its balloon driver reported last. GUEST_UNKNOWN: no socket, no
 * balloon, no answer in time, or nobody has switched the reports on.
 */
void guest_read_stats(const struct guest *guest, int timeout_ms, struct guest_stats *stats);

/*
 * Asks the kernel where the guest's RAM is (move_pages(2) with nodes NULL; numa_maps stalls the
 * guest). At most @samples addresses spread over the RAM, 0 for every page; hugetlb and THP pages are
 * counted whole. Returns 0 or -errno (-EPERM, -ESRCH) with an empty @map; it is released by guest_map_release.
 */
int guest_map_read(const struct guest *guest, const struct machine *machine, unsigned int samples,
	struct guest_memory_map *map);
void guest_map_release(struct guest_memory_map *map);

/* Fills ->node_bytes by guest_map_read(). A guest out of a file keeps what the file says. */
int guest_locate(struct guest *guest, const struct machine *machine, unsigned int samples);

/*
 * Pages that NUMA balancing hides from move_pages(2) on Linux 6.1 to 6.4 (guest_pages.c). _node: of the
 * page at @address, -1 when it really is not there. _forget: what was read is old.
 */
struct guest_pages;
struct guest_pages *guest_pages_open(const struct guest *guest);
int guest_pages_node(struct guest_pages *pages, uint64_t address);
void guest_pages_forget(struct guest_pages *pages);
void guest_pages_close(struct guest_pages *pages);

/*
 * Asks the guest's QMP socket which thread is which vCPU (query-cpus-fast) and which are I/O threads
 * (query-iothreads), and which node of the guest each vCPU is of; corrects the kinds. Names and procfs stand where it does not answer in time.
 */
void guest_ask_threads(struct guest *guest, int timeout_ms);

/*
 * Asks QEMU, whose threads are known to be of several guest nodes, which part of its RAM is which node's:
 * then each row of ->ram is a node's. Left as it is where QEMU's answers do not fit together.
 */
void guest_ask_nodes(struct guest *guest, int timeout_ms);
/* Guest nodes, where all RAM is known to be of one; else 0. What each has. */
unsigned int guest_node_count(const struct guest *guest);
struct idset guest_node_vcpus(const struct guest *guest, unsigned int node);
uint64_t guest_node_bytes(const struct guest *guest, unsigned int node);

/*
 * Asks the libvirt at @uri about a guest that libvirt has started: fills ->domain. Its control socket
 * belongs to libvirt, which answers for it.
 */
void guest_ask_libvirt(struct guest *guest, const char *uri);

/*
 * Calls @visit for each mapping of RAM with a policy of its own ("bind:0", "prefer:1",
 * "interleave:0-1"), until it says false. The walk of numa_maps holds the guest's mmap lock, 8 ms a GiB
 * of small pages: only where the answer is needed.
 */
void guest_each_policy(const struct root *root, const struct guest *guest,
	bool (*visit)(void *opaque, const char *policy, const struct idset *nodes), void *opaque);
/* Fills ->bound. */
void guest_read_policies(const struct root *root, struct guest *guest);

/* vCPUs it kept busy on average since it was started; negative while it is too young to say. */
double guest_demand(const struct guest *guest);

/* A guest by name or by PID written in decimal; NULL when there is none. */
const struct guest *guest_find(const struct guest_list *list, const char *name);
/*
 * Copies "KEY=VALUE" out of a QEMU option string "a=1,b=2", or with @key NULL the first word when it
 * has no "=". A comma in a value is doubled there, and single in @value. Returns false when it is not there.
 */
bool guest_suboption(const char *text, const char *key, char *value, size_t size);
/* The guest that is this process; NULL when there is none. */
struct guest *guest_by_pid(const struct guest_list *list, pid_t pid);
/* A thread that the kernel runs inside of the guest's process, for io_uring or KVM itself (vhost aside). */
bool guest_thread_is_kernels(const struct guest_thread *thread);
const char *thread_kind_name(enum thread_kind kind);
json_t *guests_to_json(const struct guest_list *list);
int guests_from_json(const json_t *json, struct guest_list *list, struct error *err);

#endif
