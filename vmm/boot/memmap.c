// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory map of the guest, from vmm/layout.h and its RAM. */
#include "vmm/boot/memmap.h"

#include "vmm/layout.h"

unsigned int memmap_build(const struct guest_memory *memory,
	struct memmap_entry entries[MEMMAP_MAX])
{
	unsigned int count = 0;

	entries[count++] = (struct memmap_entry){0, LAYOUT_EBDA, MEMMAP_RAM};
	entries[count++] = (struct memmap_entry){LAYOUT_EBDA, LAYOUT_HIGH_RAM - LAYOUT_EBDA,
		MEMMAP_RESERVED};
	entries[count++] = (struct memmap_entry){LAYOUT_HIGH_RAM, memory->low_end - LAYOUT_HIGH_RAM,
		MEMMAP_RAM};
	/* Linux uses ECAM only where the map reserves it (PCI firmware specification 3.2, 4.1.2). */
	entries[count++] = (struct memmap_entry){LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE, MEMMAP_RESERVED};
	entries[count++] = (struct memmap_entry){LAYOUT_IDENTITY_MAP, 4 * 4096, MEMMAP_RESERVED};
	if (memory->high_end > MEMORY_HIGH_BASE)
		entries[count++] = (struct memmap_entry){MEMORY_HIGH_BASE,
			memory->high_end - MEMORY_HIGH_BASE, MEMMAP_RAM};
	return count;
}
