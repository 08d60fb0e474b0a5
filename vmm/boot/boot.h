/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Direct kernel boot: a Linux bzImage by its 64-bit entry point, or any ELF kernel with a PVH note.
 * The files stay open, so that a guest reset can load them afresh.
 */
#ifndef VMTUNE_VMM_BOOT_BOOT_H
#define VMTUNE_VMM_BOOT_BOOT_H

#include "lib/error.h"
#include "vmm/memory.h"
#include "vmm/options.h"

struct boot;

/*
 * Opens and checks kernel and initrd of @config, before anything else of the VM exists. NULL with
 * @err naming the file, what is wrong with it and what would be right.
 */
struct boot *boot_open(const struct vm_config *config, struct error *err);
void boot_free(struct boot *boot);

/* Loads kernel, initrd, command line and boot structures. @rsdp: guest address of the ACPI RSDP. */
int boot_load(struct boot *boot, struct guest_memory *memory, uint64_t rsdp, struct error *err);
/* Puts the boot vCPU (freshly reset) at the kernel's entry. After boot_load(). */
int boot_set_registers(const struct boot *boot, int vcpu_fd, struct error *err);

#endif
