// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The static tables, one function each, and the list that ties them together. Every table is built
 * in a run of bytes, gets its length and checksum, and is copied into guest memory behind the one before.
 */
#include <errno.h>
#include <string.h>

#include "vmm/acpi/acpi.h"
#include "vmm/acpi/bytes.h"
#include "vmm/acpi/dsdt.h"
#include "vmm/cpuid.h"
#include "vmm/hw/pm.h"
#include "vmm/layout.h"

#define OEM_ID       "VMTUNE"
#define OEM_TABLE    "VMM"
#define HEADER_SIZE  36 /* ACPI 6.4, table 5-4 */
#define LENGTH_AT    4
#define CHECKSUM_AT  9
#define RSDP_SIZE    36
#define TABLES_MAX   8
#define ALIGNMENT    64u

/* FADT fixed feature flags, ACPI 6.4, table 5-10 */
#define FADT_WBINVD       (1u << 0)
#define FADT_NO_POWER_BTN (1u << 4) /* no fixed one: it is a control method device */
#define FADT_NO_SLEEP_BTN (1u << 5)
#define FADT_RESET        (1u << 10)
#define FADT_HW_REDUCED   (1u << 20)
#define BOOT_NO_VGA       (1u << 2) /* IA-PC boot flags, table 5-11 */
#define GAS_SYSTEM_IO     1u
#define GAS_BYTE_ACCESS   1u

struct build {
	struct guest_memory *memory;
	const struct vm_config *config;
	int pci_node;
	struct cpu_topology topology;
	uint64_t next, end;            /* free guest memory for tables */
	uint64_t dsdt;
	uint64_t tables[TABLES_MAX];   /* for the XSDT */
	unsigned int table_count;
};

static void begin(struct bytes *table, const char *signature, unsigned int revision)
{
	bytes_put(table, signature, 4);
	bytes_put_zeros(table, 4); /* length */
	bytes_put_number(table, revision, 1);
	bytes_put_zeros(table, 1); /* checksum */
	bytes_put_text(table, OEM_ID, 6);
	bytes_put_text(table, OEM_TABLE, 8);
	bytes_put_number(table, 1, 4);
	bytes_put_text(table, "VMT", 4);
	bytes_put_number(table, 1, 4);
}

static int copy_out(struct build *build, const struct bytes *table, uint64_t *address,
	struct error *err)
{
	void *into;

	if (table->size > build->end - build->next)
		return error_set(err, ENOSPC, "the ACPI tables need more than %u bytes", LAYOUT_ACPI_SIZE);
	into = memory_at(build->memory, build->next, table->size);
	if (!into)
		return error_set(err, EINVAL, "no RAM for the ACPI tables");
	memcpy(into, table->data, table->size);
	*address = build->next;
	build->next += (table->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return 0;
}

/* Fills length and checksum, puts the table into guest memory and frees the bytes. */
static int finish(struct build *build, struct bytes *table, uint64_t *address, struct error *err)
{
	int ret;

	bytes_set_number(table, LENGTH_AT, table->size, 4);
	bytes_set_number(table, CHECKSUM_AT, bytes_checksum(table, 0, table->size), 1);
	ret = copy_out(build, table, address, err);
	bytes_release(table);
	return ret;
}

/* The same for a table that the XSDT lists. */
static int finish_listed(struct build *build, struct bytes *table, struct error *err)
{
	return finish(build, table, &build->tables[build->table_count++], err);
}

static int write_dsdt(struct build *build, struct error *err)
{
	struct bytes table = {0};

	begin(&table, "DSDT", 2);
	dsdt_write(&table, build->memory, build->config, build->pci_node);
	return finish(build, &table, &build->dsdt, err);
}

/* A register in generic address form (5.2.3.2). */
static void byte_register(struct bytes *table, uint64_t port)
{
	bytes_put_number(table, GAS_SYSTEM_IO, 1);
	bytes_put_number(table, 8, 1);
	bytes_put_number(table, 0, 1);
	bytes_put_number(table, GAS_BYTE_ACCESS, 1);
	bytes_put_number(table, port, 8);
}

/* Hardware reduced: of the 276 bytes of table 5-9 only these are not zero. */
static int write_fadt(struct build *build, struct error *err)
{
	struct bytes table = {0};

	begin(&table, "FACP", 6);
	bytes_put_zeros(&table, 109 - HEADER_SIZE);
	bytes_put_number(&table, BOOT_NO_VGA, 2); /* no 8042 either: bit 1 is clear */
	bytes_put_zeros(&table, 1);
	bytes_put_number(&table,
		FADT_WBINVD | FADT_NO_POWER_BTN | FADT_NO_SLEEP_BTN | FADT_RESET | FADT_HW_REDUCED, 4);
	byte_register(&table, LAYOUT_PM_PORT + PM_RESET);
	bytes_put_number(&table, PM_RESET_VALUE, 1);
	bytes_put_zeros(&table, 2); /* ARM boot flags */
	bytes_put_number(&table, 4, 1); /* minor version: ACPI 6.4 */
	bytes_put_zeros(&table, 8); /* no FACS */
	bytes_put_number(&table, build->dsdt, 8);
	bytes_put_zeros(&table, 244 - 148);
	byte_register(&table, LAYOUT_PM_PORT + PM_SLEEP_CONTROL);
	byte_register(&table, LAYOUT_PM_PORT + PM_SLEEP_STATUS);
	bytes_put_zeros(&table, 8); /* hypervisor identity */
	return finish_listed(build, &table, err);
}

static int write_madt(struct build *build, struct error *err)
{
	struct bytes table = {0};

	begin(&table, "APIC", 5);
	bytes_put_number(&table, LAYOUT_LAPIC_BASE, 4);
	bytes_put_number(&table, 0, 4); /* no 8259 to be disabled */
	for (unsigned int cpu = 0; cpu < build->config->cpus; cpu++) {
		bytes_put_number(&table, 0, 1); /* local APIC, 5.2.12.2 */
		bytes_put_number(&table, 8, 1);
		bytes_put_number(&table, cpu, 1);
		bytes_put_number(&table, build->topology.apic_id[cpu], 1);
		bytes_put_number(&table, 1, 4); /* enabled */
	}
	bytes_put_number(&table, 1, 1); /* I/O APIC, 5.2.12.3 */
	bytes_put_number(&table, 12, 1);
	bytes_put_number(&table, 0, 2); /* id */
	bytes_put_number(&table, LAYOUT_IOAPIC_BASE, 4);
	bytes_put_number(&table, 0, 4); /* its first GSI */
	bytes_put_number(&table, 4, 1); /* NMI on LINT1 of all processors, 5.2.12.7 */
	bytes_put_number(&table, 6, 1);
	bytes_put_number(&table, 0xff, 1);
	bytes_put_number(&table, 0, 2);
	bytes_put_number(&table, 1, 1);
	return finish_listed(build, &table, err);
}

/* PCI firmware specification 3.2, table 4-3 */
static int write_mcfg(struct build *build, struct error *err)
{
	struct bytes table = {0};

	begin(&table, "MCFG", 1);
	bytes_put_zeros(&table, 8);
	bytes_put_number(&table, LAYOUT_ECAM_BASE, 8);
	bytes_put_number(&table, 0, 2); /* segment */
	bytes_put_number(&table, 0, 1);
	bytes_put_number(&table, LAYOUT_PCI_BUSES - 1, 1);
	bytes_put_zeros(&table, 4);
	return finish_listed(build, &table, err);
}

static unsigned int node_of_cpu(const struct vm_config *config, unsigned int cpu)
{
	for (unsigned int node = 0; node < config->node_count; node++)
		if (idset_has(&config->nodes[node].cpus, cpu))
			return node;
	return 0;
}

/* 5.2.16: processors and memory ranges with their proximity domain, which is the guest node. */
static int write_srat(struct build *build, struct error *err)
{
	struct bytes table = {0};

	begin(&table, "SRAT", 3);
	bytes_put_number(&table, 1, 4);
	bytes_put_zeros(&table, 8);
	for (unsigned int cpu = 0; cpu < build->config->cpus; cpu++) {
		bytes_put_number(&table, 0, 1); /* local APIC affinity */
		bytes_put_number(&table, 16, 1);
		bytes_put_number(&table, node_of_cpu(build->config, cpu), 1);
		bytes_put_number(&table, build->topology.apic_id[cpu], 1);
		bytes_put_number(&table, 1, 4); /* enabled */
		bytes_put_zeros(&table, 8);
	}
	for (unsigned int i = 0; i < build->memory->region_count; i++) {
		const struct memory_region *region = &build->memory->regions[i];

		bytes_put_number(&table, 1, 1); /* memory affinity */
		bytes_put_number(&table, 40, 1);
		bytes_put_number(&table, region->node, 4);
		bytes_put_zeros(&table, 2);
		bytes_put_number(&table, region->gpa, 8);
		bytes_put_number(&table, region->size, 8);
		bytes_put_zeros(&table, 4);
		bytes_put_number(&table, 1, 4); /* enabled */
		bytes_put_zeros(&table, 8);
	}
	return finish_listed(build, &table, err);
}

static int write_slit(struct build *build, struct error *err)
{
	const struct vm_config *config = build->config;
	struct bytes table = {0};

	begin(&table, "SLIT", 1);
	bytes_put_number(&table, config->node_count, 8);
	for (unsigned int from = 0; from < config->node_count; from++)
		bytes_put(&table, config->distance[from], config->node_count);
	return finish_listed(build, &table, err);
}

static int write_xsdt(struct build *build, uint64_t *address, struct error *err)
{
	struct bytes table = {0};

	begin(&table, "XSDT", 1);
	for (unsigned int i = 0; i < build->table_count; i++)
		bytes_put_number(&table, build->tables[i], 8);
	return finish(build, &table, address, err);
}

/* 5.2.5.3: two checksums, over the part of ACPI 1.0 and over all of it. */
static int write_rsdp(struct build *build, uint64_t xsdt, struct error *err)
{
	struct bytes table = {0};
	uint64_t address;
	int ret;

	bytes_put(&table, "RSD PTR ", 8);
	bytes_put_zeros(&table, 1);
	bytes_put_text(&table, OEM_ID, 6);
	bytes_put_number(&table, 2, 1);
	bytes_put_zeros(&table, 4); /* no RSDT */
	bytes_put_number(&table, RSDP_SIZE, 4);
	bytes_put_number(&table, xsdt, 8);
	bytes_put_zeros(&table, 4);
	bytes_set_number(&table, 8, bytes_checksum(&table, 0, 20), 1);
	bytes_set_number(&table, 32, bytes_checksum(&table, 0, RSDP_SIZE), 1);
	build->next = LAYOUT_ACPI_BASE;
	ret = copy_out(build, &table, &address, err);
	bytes_release(&table);
	return ret;
}

/* The DSDT first: the FADT points at it. */
static int (*const writers[])(struct build *build, struct error *err) = {
	write_dsdt, write_fadt, write_madt, write_mcfg, write_srat, write_slit};

int acpi_write(struct guest_memory *memory, const struct vm_config *config, int pci_node,
	uint64_t *rsdp, struct error *err)
{
	struct build build = {
		.memory = memory,
		.config = config,
		.pci_node = pci_node,
		.next = LAYOUT_ACPI_BASE + ALIGNMENT, /* the RSDP is written last, and first in memory */
		.end = LAYOUT_ACPI_BASE + LAYOUT_ACPI_SIZE,
	};
	uint64_t xsdt = 0;
	int ret = 0;

	cpu_topology_init(&build.topology, config);
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]) && !ret; i++)
		ret = writers[i](&build, err);
	if (!ret)
		ret = write_xsdt(&build, &xsdt, err);
	if (!ret)
		ret = write_rsdp(&build, xsdt, err);
	*rsdp = LAYOUT_ACPI_BASE;
	return ret;
}
