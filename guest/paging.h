/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables above the static first 4 GiB of start.S, and the boot-time memory they are made of.
 * Everything is mapped for ring 3, writable, in 2 MiB pages; entries are only ever added.
 */
#ifndef VMTUNE_GUEST_PAGING_H
#define VMTUNE_GUEST_PAGING_H

#include "guest/types.h"

/*
 * Memory below the image (2 MiB to 16 MiB): page tables, CPU blocks, rings. Zeroed, identity mapped;
 * never freed. @align is a power of two. Ends the machine with an error line when there is no more.
 */
#define BOOT_MEMORY_START (UINT64_C(2) << 20)
#define BOOT_MEMORY_END   (UINT64_C(16) << 20)
void *boot_alloc(uint64_t size, uint64_t align);

/* From here on a null pointer faults. On the boot CPU, before the others run. */
void unmap_page_zero(void);
/* Maps [va, va + size) to @pa; all multiples of 2 MiB, @va above the first 4 GiB. */
void map_range(uint64_t va, uint64_t pa, uint64_t size);
/* Makes [@pa, @pa + @size) accessible at its own address and returns that. */
void *map_identity(uint64_t pa, uint64_t size);

#endif
