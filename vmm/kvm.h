/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The door to KVM. What /dev/kvm can do is asked of /dev/kvm alone: CPUID says nothing about it (a KVM
 * may work without VMX and SVM, and a nested one may lack what the CPU has).
 */
#ifndef VMTUNE_VMM_KVM_H
#define VMTUNE_VMM_KVM_H

#include <stdbool.h>

#include "lib/error.h"
#include "vmm/vm.h"

/*
 * Opens /dev/kvm and checks its API version and the extensions vmm cannot do without. Returns the
 * file descriptor, or negative with @err saying what is missing.
 */
int kvm_open(struct error *err);
/* KVM_CHECK_EXTENSION: 0 when absent, else positive. */
int kvm_extension(int kvm_fd, unsigned int extension);

/*
 * Makes vm->vm_fd with vm->memory's regions, then the interrupt controllers, in that order: a memory
 * region added after the irqchip costs a grace period of 5 ms. Opens vm->stats_fd.
 */
int kvm_create_vm(struct vm *vm, struct error *err);

/* KVM_GET_STATS_FD of a VM or vCPU: a file descriptor, or -1 when the kernel has none. */
int kvm_stats_fd(int kvm_fd, int object_fd);

#endif
