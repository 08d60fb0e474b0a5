/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a virtual machine from its configuration, and taking it down. */
#ifndef VMTUNE_VMM_MACHINE_H
#define VMTUNE_VMM_MACHINE_H

#include "lib/error.h"
#include "vmm/options.h"
#include "vmm/vm.h"

/*
 * Builds everything, in boot order; vCPUs are paused. From here on the calling thread is the I/O
 * thread and has its signals blocked. On failure what was built is taken down again.
 */
int machine_create(struct vm *vm, const struct vm_config *config, struct error *err);
/* Ends the vCPUs and takes everything down in reverse order. */
void machine_release(struct vm *vm);

/*
 * Puts tables, kernel and vCPUs into the state of power-on: at start and at each reset. vCPUs are not
 * running.
 */
int machine_load(struct vm *vm, struct error *err);

#endif
