/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flat segments, shared by the entry points of both kernel formats. */
#ifndef VMTUNE_VMM_BOOT_REGISTERS_H
#define VMTUNE_VMM_BOOT_REGISTERS_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "lib/error.h"
#include "vmm/memory.h"

/* Selectors of Linux's boot protocol (Documentation/x86/boot.rst, "64-bit boot protocol"). */
#define BOOT_CS 0x10
#define BOOT_DS 0x18
#define BOOT_TR 0x20

/* Fills the segments and the GDT register; the GDT itself comes with boot_write_gdt(). */
void boot_flat_segments(struct kvm_sregs *sregs, bool long_mode);
int boot_write_gdt(struct guest_memory *memory, bool long_mode, struct error *err);
/* KVM_GET/SET of the general registers: all zero but these. */
int boot_write_registers(int vcpu_fd, const struct kvm_sregs *sregs, const struct kvm_regs *regs,
	struct error *err);

#endif
