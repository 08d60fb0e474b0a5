/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power management: the registers by which a guest switches itself off or resets itself. ACPI's sleep
 * control, sleep status and reset registers (the FADT names them) at LAYOUT_PM_PORT, and the reset
 * pulse of the keyboard controller, which older ways to reboot use. (0xcf9 is PCI's.)
 */
#ifndef VMTUNE_VMM_HW_PM_H
#define VMTUNE_VMM_HW_PM_H

#include "lib/error.h"
#include "vmm/vm.h"

/* Registers from LAYOUT_PM_PORT, one byte each. */
#define PM_SLEEP_CONTROL 0u
#define PM_SLEEP_STATUS  1u
#define PM_RESET         2u

#define PM_RESET_VALUE   0x42u /* what the guest writes to PM_RESET; a stray zero resets nothing */
#define PM_SLEEP_TYPE_S5 5u    /* the DSDT's \_S5 */

/* Puts the registers on the VM's port bus; nothing to free. */
int pm_add(struct vm *vm, struct error *err);

/*
 * Writes the code at the reset vector, which resets the machine. Linux needs it: with hardware-reduced
 * ACPI it expects EFI to reboot, and where there is none it jumps to the BIOS
 * (arch/x86/kernel/reboot.c, efi_reboot_required() and BOOT_BIOS).
 */
void pm_write_reset_vector(struct guest_memory *memory);

#endif
