/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The architectural state of a vCPU at power-on, read once from KVM before the guest ran and put back
 * at each reset. Private to vcpu*.c.
 */
#ifndef VMTUNE_VMM_VCPU_STATE_H
#define VMTUNE_VMM_VCPU_STATE_H

#include "vmm/vcpu.h"

struct vcpu_state;

/* Reads the state of @vcpu, which has not run yet. NULL with @err on failure. Free: _free(). */
struct vcpu_state *vcpu_state_save(const struct vcpu *vcpu, struct error *err);
/* Puts it into @vcpu, which may be another one: APIC id and the boot processor's mark are @vcpu's. */
int vcpu_state_restore(const struct vcpu_state *saved, const struct vcpu *vcpu, struct error *err);
void vcpu_state_free(struct vcpu_state *state);

#endif
