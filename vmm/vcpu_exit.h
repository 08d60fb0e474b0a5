/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vCPU threads do when the guest leaves KVM_RUN. Private to vcpu*.c. */
#ifndef VMTUNE_VMM_VCPU_EXIT_H
#define VMTUNE_VMM_VCPU_EXIT_H

#include <stdbool.h>

#include "vmm/vcpu.h"

/*
 * Handles vcpu->run->exit_reason. Returns false when this vCPU must not run on: the guest asked for
 * reset or power-off, or cannot continue (said on stderr).
 */
bool vcpu_handle_exit(struct vcpu *vcpu);
/* KVM_RUN itself failed with @errnum: says so with the registers and ends the VM. */
void vcpu_run_failed(struct vcpu *vcpu, int errnum);

#endif
