/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the guest_*.c files. guest.c finds guests and puts the parts together: identity (who is
 * it), threads (what do they do), RAM (which mappings), counters (KVM's own).
 */
#ifndef VMTUNE_HOST_GUEST_INTERNAL_H
#define VMTUNE_HOST_GUEST_INTERNAL_H

#include "host/guest.h"

#define GUEST_VCPUS_MAX 4096

/* What the file descriptors of a process say; made by guest_fds_read(). */
struct guest_fds {
	bool readable;           /* false: no permission to look */
	bool any;                /* it has some file open (a kernel thread has none) */
	int vm;                  /* descriptor number of the first kvm-vm, -1 */
	int vm_stats;            /* of kvm-vm-stats, -1 */
	unsigned int vcpu_count; /* one past the highest kvm-vcpu:N */
	int *vcpu;               /* descriptor number by vCPU index, -1; vcpu_count rows */
	int *vcpu_stats;         /* the same for kvm-vcpu-stats:N */
};

void guest_fds_read(const struct root *root, pid_t pid, struct guest_fds *fds);
void guest_fds_release(struct guest_fds *fds);

/* Fills name, vmm, qmp and cgroup from command line and /proc. Returns the configured RAM or 0. */
uint64_t guest_identify(const struct root *root, struct guest *guest, const char *comm);
/* Whether a process name is that of a VMM we know, for processes we may not look into. */
bool guest_vmm_name(const char *comm);

struct guest_domain *guest_domain_new(const char *uuid);
void guest_domain_free(struct guest_domain *domain);

/* guest_numa.c: where in the guest's memory the backend @id begins, in QEMU's "info mtree -f". */
bool guest_find_backend(const char *mtree, const char *id, uint64_t *gpa, uint64_t *offset);

/* guest_cpuset.c: fills ->cpusets. */
void guest_cpusets_read(const struct root *root, struct guest *guest);
void guest_cpusets_release(struct guest *guest);

/* (Re)reads the threads; kinds of threads seen before are kept. False when the process is gone. */
bool guest_threads_read(const struct root *root, struct guest *guest, const struct guest_fds *fds);
/* Adds a vhost kernel thread that is a process of its own (before Linux 6.4). */
void guest_add_vhost(const struct root *root, struct guest *guest, pid_t pid);

/* Finds the mappings that are guest RAM; @configured is what the command line says, 0 unknown. */
void guest_ram_read(const struct root *root, struct guest *guest, uint64_t configured);

/* KVM's counters: opens them once, reads ->exits each time. */
struct guest_handles *guest_handles_open(const struct root *root, pid_t pid, uint64_t start,
	const struct guest_fds *fds);
/* False when the guest has other vCPUs now, or was still starting when the handles were opened. */
bool guest_handles_current(const struct guest_handles *handles, const struct guest_fds *fds);
void guest_handles_close(struct guest_handles *handles);
/* Closes the files, and keeps the rest. */
void guest_handles_let_go(struct guest_handles *handles);
uint64_t guest_handles_exits(const struct guest_handles *handles, const struct root *root);

#endif
