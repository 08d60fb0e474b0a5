/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's address map: every fixed guest physical address, I/O port and interrupt pin, in one
 * place, so that devices, ACPI tables and boot code cannot disagree.
 *
 *   0 ............... 9fc00   RAM (boot structures below, free for the guest once it runs)
 *   e0000 ......... fefff     RAM, reserved: ACPI tables (the RSDP first, where guests look for it)
 *   ffff0 ......... fffff     RAM, reserved: the reset vector (hw/pm.c)
 *   100000 .... c0000000      RAM (MEMORY_HOLE_BASE)
 *   c0000000 .. e0000000      PCI 32-bit MMIO window: BARs
 *   e0000000 .. f0000000      room for ECAM, LAYOUT_PCI_BUSES of 1 MiB are there
 *   fec00000, fee00000        IOAPIC, local APICs (in the kernel)
 *   fffbc000 .. fffc0000      KVM's own identity page table and TSS (VMX without unrestricted guest)
 *   100000000 ...             RAM (MEMORY_HIGH_BASE)
 *   layout_mmio64_base() ..   PCI 64-bit MMIO window, above all RAM
 */
#ifndef VMTUNE_VMM_LAYOUT_H
#define VMTUNE_VMM_LAYOUT_H

#include <stdint.h>

#include "vmm/memory.h"

/* PCI Express: one segment, one bus. */
#define LAYOUT_MMIO32_BASE 0xc0000000u
#define LAYOUT_MMIO32_SIZE 0x20000000u
#define LAYOUT_ECAM_BASE   0xe0000000u
#define LAYOUT_PCI_BUSES   1u
#define LAYOUT_ECAM_SIZE   (LAYOUT_PCI_BUSES << 20)
#define LAYOUT_MMIO64_SIZE (UINT64_C(16) << 30)

/* Interrupt controllers, emulated by KVM. */
#define LAYOUT_IOAPIC_BASE 0xfec00000u
#define LAYOUT_IOAPIC_PINS 24u
#define LAYOUT_LAPIC_BASE  0xfee00000u

/* Four pages KVM uses for itself; below 4 GiB, outside of RAM and of every device. */
#define LAYOUT_IDENTITY_MAP 0xfffbc000u
#define LAYOUT_TSS          0xfffbd000u

/* I/O ports and their IOAPIC pins. */
#define LAYOUT_KEYBOARD_PORT 0x64u /* i8042 command port: only its reset pulse */
#define LAYOUT_RTC_PORT      0x70u /* and 0x71 */
#define LAYOUT_RTC_IRQ       8u
#define LAYOUT_SERIAL_PORT   0x3f8u /* COM1, 8 ports */
#define LAYOUT_SERIAL_IRQ    4u
#define LAYOUT_PM_PORT       0x600u /* sleep control, sleep status, reset: hw/pm.c */
#define LAYOUT_PM_SIZE       4u
#define LAYOUT_GED_PORT      0x604u /* pending events: hw/ged.c */
#define LAYOUT_GED_SIZE      4u
#define LAYOUT_GED_IRQ       9u
#define LAYOUT_RESET_PORT    0xcf9u /* PC reset control; inside 0xcf8, so PCI serves it */

/* ACPI tables, the RSDP first (ACPI 6.4, 5.2.5.1: 0xe0000-0xfffff is searched on 16-byte steps). */
#define LAYOUT_ACPI_BASE 0xe0000u
#define LAYOUT_ACPI_SIZE 0x1f000u

/* Where a PC's BIOS starts in real mode, and where guests that know no better jump to reboot. */
#define LAYOUT_RESET_VECTOR 0xffff0u

/* Boot structures in low RAM; all are the guest's to overwrite once it has read them. */
#define LAYOUT_GDT         0x500u
#define LAYOUT_PVH_INFO    0x6000u
#define LAYOUT_BOOT_PARAMS 0x7000u
#define LAYOUT_BOOT_STACK  0x8ff0u
#define LAYOUT_PAGE_TABLES 0x9000u /* PML4, PDPT, four page directories: 0-4 GiB one to one */
#define LAYOUT_CMDLINE     0x20000u
#define LAYOUT_CMDLINE_MAX 0x10000u
#define LAYOUT_EBDA        0x9fc00u /* low RAM ends here */
#define LAYOUT_HIGH_RAM    0x100000u

/* The PCI 64-bit window: above RAM and above 4 GiB, aligned to its size. */
static inline uint64_t layout_mmio64_base(const struct guest_memory *memory)
{
	uint64_t top = memory->high_end > MEMORY_HIGH_BASE ? memory->high_end : MEMORY_HIGH_BASE;

	return (top + LAYOUT_MMIO64_SIZE - 1) / LAYOUT_MMIO64_SIZE * LAYOUT_MMIO64_SIZE;
}

#endif
