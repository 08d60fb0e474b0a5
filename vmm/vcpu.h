/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads. Each is named "vcpuN", pins itself before it touches memory, and runs KVM_RUN until
 * it is asked to pause or end. Pausing is a rendezvous: vcpus_pause() returns when no vCPU is in the
 * guest any more.
 */
#ifndef VMTUNE_VMM_VCPU_H
#define VMTUNE_VMM_VCPU_H

#include <pthread.h>
#include <sys/types.h>

#include "lib/error.h"
#include "vmm/vm.h"

struct vcpu {
	struct vm *vm;
	unsigned int index;  /* also the APIC id */
	int fd, stats_fd;    /* stats_fd: KVM_GET_STATS_FD, -1 when the kernel has none */
	struct kvm_run *run;
	pthread_t thread;
	pid_t tid;           /* kernel thread id, for query-cpus-fast */
	/* the rest is private to vcpu.c */
	bool started, parked, kicked;
};

/* Creates the vCPUs (KVM_CREATE_VCPU, CPUID) of vm->config; threads come with vcpus_start(). */
int vcpus_create(struct vm *vm, struct error *err);
/* Starts one thread a vCPU, parked; returns when each has a tid and has its affinity. */
int vcpus_start(struct vm *vm, struct error *err);
/* From the I/O thread only. */
void vcpus_pause(struct vm *vm);
void vcpus_resume(struct vm *vm);
/* Ends and joins all threads, closes the fds. */
void vcpus_release(struct vm *vm);

#endif
