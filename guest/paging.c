/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/paging.h"

#include "guest/cpu.h"
#include "guest/json.h"
#include "guest/power.h"

#define PTE_P    UINT64_C(0x1)
#define PTE_PS   UINT64_C(0x80)
#define PTE_ALL  UINT64_C(0x7) /* present, writable, user */
#define PTE_ADDR UINT64_C(0x000ffffffffff000)
#define LOW      (UINT64_C(4) << 30)

extern uint64_t pml4[512], pt[512]; /* start.S */

static uint64_t boot_next = BOOT_MEMORY_START;

void *boot_alloc(uint64_t size, uint64_t align)
{
	uint64_t at = align_up(boot_next, align);
	struct json line;

	if (at + size > BOOT_MEMORY_END) {
		json_open(&line, "error");
		json_string(&line, "error", "out of boot memory: too many CPUs or too much RAM");
		json_close(&line);
		power_off();
	}
	boot_next = at + size;
	return memset((void *)at, 0, size);
}

void unmap_page_zero(void)
{
	pt[0] = 0;
	cpu_gate(GATE_FLUSH);
}

/* The table that @entry points to, made when there is none. */
static uint64_t *descend(uint64_t *entry)
{
	if (!(*entry & PTE_P))
		*entry = (uint64_t)boot_alloc(PAGE_SIZE, PAGE_SIZE) | PTE_ALL;
	return (uint64_t *)(*entry & PTE_ADDR);
}

void map_range(uint64_t va, uint64_t pa, uint64_t size)
{
	uint64_t *table;

	for (; size; size -= PAGE_2M, va += PAGE_2M, pa += PAGE_2M) {
		table = descend(&pml4[va >> 39 & 511]);
		table = descend(&table[va >> 30 & 511]);
		table[va >> 21 & 511] = pa | PTE_ALL | PTE_PS;
	}
}

void *map_identity(uint64_t pa, uint64_t size)
{
	uint64_t start = align_down(pa, PAGE_2M), end = align_up(pa + size, PAGE_2M);

	if (start < LOW)
		start = LOW;
	if (start < end)
		map_range(start, start, end - start);
	return (void *)pa;
}
