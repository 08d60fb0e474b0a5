/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk over the static ACPI tables. The loader is trusted (it can do anything to us anyway), but a
 * table that is not there or too short just leaves its facts at their defaults. Field offsets are
 * those of ACPI 6.5, chapter 5.2.
 */
#include "guest/acpi.h"

#include "guest/paging.h"

struct table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

static uint64_t get(const void *table, unsigned int offset, unsigned int size)
{
	const uint8_t *p = (const uint8_t *)table + offset;
	uint64_t value = 0;

	while (size--)
		value = value << 8 | p[size];
	return value;
}

static bool has(const struct table *table, unsigned int end)
{
	return table->length >= end;
}

static struct acpi_register get_register(const struct table *table, unsigned int offset)
{
	struct acpi_register none = {0, 0};

	if (!has(table, offset + 12))
		return none;
	return (struct acpi_register){(uint8_t)get(table, offset, 1), get(table, offset + 4, 8)};
}

static void add_cpu(struct acpi *acpi, uint32_t id, uint32_t flags)
{
	if (flags & 1 && id < 255 && acpi->cpu_count < CPUS_MAX)
		acpi->apic_id[acpi->cpu_count++] = (uint8_t)id;
}

/* Calls @entry for each structure of type, length, ... from @offset on. */
static void for_each_entry(struct acpi *acpi, const struct table *table, unsigned int offset,
	void (*entry)(struct acpi *acpi, const uint8_t *entry, unsigned int length))
{
	const uint8_t *bytes = (const uint8_t *)table;

	while (has(table, offset + 2) && bytes[offset + 1] >= 2 && has(table, offset + bytes[offset + 1])) {
		entry(acpi, bytes + offset, bytes[offset + 1]);
		offset += bytes[offset + 1];
	}
}

static void madt_entry(struct acpi *acpi, const uint8_t *entry, unsigned int length)
{
	if (entry[0] == 0 && length >= 8) /* local APIC */
		add_cpu(acpi, entry[3], (uint32_t)get(entry, 4, 4));
	else if (entry[0] == 1 && length >= 12 && !get(entry, 8, 4)) /* I/O APIC */
		acpi->ioapic = (uint32_t)get(entry, 4, 4);
	else if (entry[0] == 9 && length >= 16) /* local x2APIC */
		add_cpu(acpi, (uint32_t)get(entry, 4, 4), (uint32_t)get(entry, 8, 4));
}

static void read_madt(struct acpi *acpi, const struct table *table)
{
	for_each_entry(acpi, table, 44, madt_entry);
}

static void saw_node(struct acpi *acpi, uint32_t node)
{
	if (node < ACPI_NODES_MAX && node >= acpi->node_count)
		acpi->node_count = node + 1;
}

static void srat_cpu(struct acpi *acpi, uint64_t id, uint32_t node)
{
	if (id >= ARRAY_SIZE(acpi->apic_node))
		return;
	acpi->apic_node[id] = node;
	saw_node(acpi, node);
}

static void srat_memory(struct acpi *acpi, const uint8_t *entry)
{
	uint64_t base = get(entry, 8, 8), size = get(entry, 16, 8);
	unsigned int i = acpi->memory_count;

	if (!size || i == ACPI_MEMORY_MAX)
		return;
	acpi->memory[i].range = (struct range){base, base + size};
	acpi->memory[i].node = (uint32_t)get(entry, 2, 4);
	saw_node(acpi, acpi->memory[i].node);
	acpi->memory_count++;
}

static void srat_entry(struct acpi *acpi, const uint8_t *entry, unsigned int length)
{
	if (entry[0] == 0 && length >= 16 && get(entry, 4, 4) & 1) /* processor: node in 4 places */
		srat_cpu(acpi, entry[3], (uint32_t)(entry[2] | get(entry, 9, 3) << 8));
	else if (entry[0] == 1 && length >= 40 && get(entry, 28, 4) & 1)
		srat_memory(acpi, entry);
	else if (entry[0] == 2 && length >= 24 && get(entry, 12, 4) & 1)
		srat_cpu(acpi, get(entry, 8, 4), (uint32_t)get(entry, 4, 4));
}

static void read_srat(struct acpi *acpi, const struct table *table)
{
	for_each_entry(acpi, table, 48, srat_entry);
}

static void read_mcfg(struct acpi *acpi, const struct table *table)
{
	unsigned int offset;

	for (offset = 44; has(table, offset + 16); offset += 16) {
		if (get(table, offset + 8, 2)) /* segment */
			continue;
		acpi->ecam = get(table, offset, 8);
		acpi->bus_start = (uint8_t)get(table, offset + 10, 1);
		acpi->bus_end = (uint8_t)get(table, offset + 11, 1);
		return;
	}
}

/* The first place of @bytes in [from, end), or NULL. */
static const uint8_t *search(const uint8_t *from, const uint8_t *end, const char *bytes, size_t length)
{
	for (; from + length <= end; from++)
		if (!memcmp(from, bytes, length))
			return from;
	return NULL;
}

/*
 * SLP_TYP of S5: Name(_S5, Package { SLP_TYP, ... }) is 08 "_S5_" 12 PkgLength NumElements Element...
 * with the element as ZeroOp, OneOp or BytePrefix byte (ACPI 6.5, 20.2).
 */
static void find_s5(struct acpi *acpi, const uint8_t *from, const uint8_t *end)
{
	const uint8_t *p = search(from, end, "_S5_\x12", 5);

	if (!p || p + 12 > end)
		return;
	p += 5;
	p += 1 + (*p >> 6); /* PkgLength */
	p++;                /* NumElements */
	if (*p == 0x0a)
		p++;
	acpi->s5_type = *p;
}

/*
 * The interrupt of the generic event device: the extended interrupt descriptor (6.4.3.6: 89, length
 * 6, flags, count, GSI) that follows the device's _HID. Which event it was, only AML could tell; the
 * guest takes each for the power button.
 */
static void find_ged(struct acpi *acpi, const uint8_t *from, const uint8_t *end)
{
	const uint8_t *p = search(from, end, "ACPI0013", 8);

	p = p ? search(p, end, "\x89\x06\x00", 3) : NULL;
	if (!p || p + 9 > end)
		return;
	acpi->ged = true;
	acpi->ged_flags = p[3];
	acpi->ged_gsi = (uint32_t)get(p, 5, 4);
}

static void read_dsdt(struct acpi *acpi, const struct table *table)
{
	const uint8_t *bytes = (const uint8_t *)table, *end = bytes + table->length;

	find_s5(acpi, bytes + sizeof(*table), end);
	find_ged(acpi, bytes + sizeof(*table), end);
}

static const struct table *map_table(uint64_t address)
{
	const struct table *table;

	if (!address)
		return NULL;
	table = map_identity(address, sizeof(*table));
	return map_identity(address, table->length);
}

static void read_fadt(struct acpi *acpi, const struct table *table)
{
	uint64_t dsdt = 0;
	uint32_t flags;

	if (!has(table, 116))
		return;
	flags = (uint32_t)get(table, 112, 4);
	acpi->pm1a_control = (uint16_t)get(table, 64, 4);
	acpi->pm1b_control = (uint16_t)get(table, 68, 4);
	acpi->pm_timer = (uint16_t)get(table, 76, 4);
	acpi->hw_reduced = flags >> 20 & 1;
	if (!acpi->hw_reduced && !(flags >> 4 & 1)) { /* PWR_BUTTON: set when it is not this one */
		acpi->pm1a_event = (uint16_t)get(table, 56, 4);
		acpi->pm1_event_length = (uint8_t)get(table, 88, 1);
	}
	if (flags >> 10 & 1) { /* RESET_REG_SUP */
		acpi->reset = get_register(table, 116);
		acpi->reset_value = has(table, 129) ? (uint8_t)get(table, 128, 1) : 0;
	}
	acpi->sleep_control = get_register(table, 244);
	if (has(table, 148))
		dsdt = get(table, 140, 8);
	if (!dsdt)
		dsdt = get(table, 40, 4);
	if (dsdt)
		read_dsdt(acpi, map_table(dsdt));
}

static const struct {
	char signature[5];
	void (*read)(struct acpi *acpi, const struct table *table);
} readers[] = {
	{"APIC", read_madt},
	{"FACP", read_fadt},
	{"MCFG", read_mcfg},
	{"SRAT", read_srat},
};

static void read_table(struct acpi *acpi, const struct table *table)
{
	unsigned int i;

	for (i = 0; table && i < ARRAY_SIZE(readers); i++)
		if (!memcmp(table->signature, readers[i].signature, 4))
			readers[i].read(acpi, table);
}

/* A BIOS leaves the RSDP on a 16-byte boundary between 0xe0000 and 1 MiB (ACPI 6.5, 5.2.5.1). */
static uint64_t search_rsdp(void)
{
	uint64_t at;

	for (at = 0xe0000; at < 0x100000; at += 16)
		if (!memcmp((const void *)at, "RSD PTR ", 8))
			return at;
	return 0;
}

void acpi_read(struct acpi *acpi, uint64_t rsdp)
{
	const struct table *root;
	unsigned int width, offset;
	const uint8_t *pointer;

	acpi->node_count = 1;
	acpi->s5_type = 5;
	if (!rsdp)
		rsdp = search_rsdp();
	if (!rsdp)
		return;
	pointer = map_identity(rsdp, 36);
	if (memcmp(pointer, "RSD PTR ", 8))
		return;
	width = pointer[15] >= 2 && get(pointer, 24, 8) ? 8 : 4;
	root = map_table(width == 8 ? get(pointer, 24, 8) : get(pointer, 16, 4));
	if (!root)
		return;
	acpi->found = true;
	for (offset = sizeof(*root); has(root, offset + width); offset += width)
		read_table(acpi, map_table(get(root, offset, width)));
}

unsigned int acpi_memory_node(const struct acpi *acpi, uint64_t address)
{
	unsigned int i;

	for (i = 0; i < acpi->memory_count; i++)
		if (address >= acpi->memory[i].range.start && address < acpi->memory[i].range.end)
			return acpi->memory[i].node;
	return 0;
}
