/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory map that firmware would hand to a kernel (e820), for bzImage and PVH alike. */
#ifndef VMTUNE_VMM_BOOT_MEMMAP_H
#define VMTUNE_VMM_BOOT_MEMMAP_H

#include <stdint.h>

#include "vmm/memory.h"

/* Types of ACPI 6.4, table 15-14; e820 and PVH use the same numbers. */
#define MEMMAP_RAM      1u
#define MEMMAP_RESERVED 2u

#define MEMMAP_MAX 8

struct memmap_entry {
	uint64_t address, size;
	uint32_t type;
};

/* Fills @entries, ascending, and returns how many. Neighbouring guest nodes are one entry. */
unsigned int memmap_build(const struct guest_memory *memory,
	struct memmap_entry entries[MEMMAP_MAX]);

#endif
