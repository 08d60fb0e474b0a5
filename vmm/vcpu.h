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
	unsigned int index;  /* the number people use: "vcpuN", --pin N=..., --numa cpus=N */
	unsigned int apic_id; /* also KVM's id of it */
	int fd, stats_fd;    /* stats_fd: KVM_GET_STATS_FD, -1 when the kernel has none */
	struct kvm_run *run;
	pthread_t thread;
	pid_t tid;           /* kernel thread id, for query-cpus-fast */
	/* the rest is private to vcpu.c */
	size_t run_size;
	bool started; /* the thread exists */
	bool parked;  /* out of the guest, waiting; under vm->cpus_lock */
	bool held;    /* must not run until the next reset (it asked for one, or failed) */
	const struct vcpu_plan *plan; /* while it is being made */
	struct error failure; /* why it could not be made */
};

/*
 * Creates the vCPUs of vm->config, each in a thread of its own that pins itself first, so that what KVM
 * allocates is local to where it will run. Returns when all are parked, paused.
 */
int vcpus_create(struct vm *vm, struct error *err);
/* From the I/O thread only. */
void vcpus_pause(struct vm *vm);
void vcpus_resume(struct vm *vm);
/*
 * Puts all vCPUs into the state of power-on and the boot vCPU at the entry of vm->boot. While paused.
 */
int vcpus_reset(struct vm *vm, struct error *err);
/* Ends and joins all threads; no vCPU touches a device or memory after this. */
void vcpus_stop(struct vm *vm);
/* vcpus_stop(), and closes the fds. */
void vcpus_release(struct vm *vm);

#endif
