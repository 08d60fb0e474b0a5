/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pvh.h"

#define HVM_MAGIC  0x336ec578
#define MEMMAP_RAM 1

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
	/* version 1 */
	uint64_t memmap_paddr;
	uint32_t memmap_entries, reserved;
};

struct memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

struct modlist_entry {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

static void insert_sorted(struct range *ranges, unsigned int *count, struct range range)
{
	unsigned int i = *count;

	for (; i && ranges[i - 1].start > range.start; i--)
		ranges[i] = ranges[i - 1];
	ranges[i] = range;
	(*count)++;
}

static const char *read_memmap(struct pvh_info *info, const struct start_info *start)
{
	const struct memmap_entry *entry = (const void *)start->memmap_paddr;
	unsigned int i;

	for (i = 0; i < start->memmap_entries; i++, entry++) {
		if (entry->type != MEMMAP_RAM || !entry->size)
			continue;
		if (info->ram_count == PVH_RANGES)
			return "the memory map has too many entries";
		insert_sorted(info->ram, &info->ram_count,
			(struct range){entry->addr, entry->addr + entry->size});
	}
	for (i = 1; i < info->ram_count; i++)
		if (info->ram[i].start < info->ram[i - 1].end)
			return "RAM ranges of the memory map overlap";
	return info->ram_count ? NULL : "the memory map has no RAM";
}

static const char *read_modules(struct pvh_info *info, const struct start_info *start)
{
	const struct modlist_entry *module = (const void *)start->modlist_paddr;
	unsigned int i;

	if (start->nr_modules > PVH_RANGES)
		return "too many modules";
	for (i = 0; i < start->nr_modules; i++)
		insert_sorted(info->module, &info->module_count,
			(struct range){module[i].paddr, module[i].paddr + module[i].size});
	return NULL;
}

const char *pvh_read(struct pvh_info *info, uint64_t address)
{
	const struct start_info *start = (const void *)address;
	const char *wrong, *text;
	size_t n;

	if (!address || start->magic != HVM_MAGIC)
		return "not started by a PVH loader (no hvm_start_info)";
	if (start->version < 1 || !start->memmap_paddr)
		return "hvm_start_info has no memory map (version 1 is needed)";
	info->rsdp = start->rsdp_paddr;
	if (start->cmdline_paddr) {
		text = (const char *)start->cmdline_paddr;
		for (n = 0; n < PVH_CMDLINE - 1 && text[n]; n++)
			info->cmdline[n] = text[n];
	}
	wrong = read_memmap(info, start);
	return wrong ? wrong : read_modules(info, start);
}
