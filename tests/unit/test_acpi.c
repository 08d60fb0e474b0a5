// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI tables as a guest finds them: from the RSDP on, every pointer, length and checksum, the contents
 * of SRAT, SLIT and MADT, and AML that ACPICA's disassembler accepts, where it is installed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/size.h"
#include "vmm/acpi/acpi.h"
#include "vmm/acpi/aml.h"
#include "vmm/layout.h"

static struct guest_memory memory;
static struct vm_config config;
static uint64_t rsdp;

/* Two uneven nodes, the second on both sides of the 32-bit hole. */
static int setup(void **state)
{
	struct error err;

	(void)state;
	config.cpus = 3;
	config.node_count = 2;
	config.nodes[0].size = GIB;
	config.nodes[1].size = 3 * GIB;
	idset_parse("0-1", &config.nodes[0].cpus, NULL);
	idset_parse("2", &config.nodes[1].cpus, NULL);
	config.distance[0][0] = config.distance[1][1] = 10;
	config.distance[0][1] = 21;
	config.distance[1][0] = 31;
	config.serial.kind = CHARDEV_STDIO;
	if (memory_create(&memory, config.nodes, 2, false, &err) < 0)
		return -1;
	return acpi_write(&memory, &config, 1, &rsdp, &err);
}

static int teardown(void **state)
{
	(void)state;
	memory_release(&memory);
	return 0;
}

static uint64_t number(const uint8_t *at, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

static uint8_t sum(const uint8_t *at, size_t size)
{
	uint8_t total = 0;

	while (size--)
		total = (uint8_t)(total + *at++);
	return total;
}

/* The table at guest address @gpa, with its header checked. */
static const uint8_t *table_at(uint64_t gpa)
{
	const uint8_t *header = memory_at(&memory, gpa, 36);
	uint64_t length;

	assert_non_null(header);
	length = number(header + 4, 4);
	assert_true(length >= 36 && gpa + length <= LAYOUT_ACPI_BASE + LAYOUT_ACPI_SIZE);
	assert_int_equal(sum(header, length), 0);
	return header;
}

static const uint8_t *find(const char *signature)
{
	const uint8_t *root = memory_at(&memory, rsdp, 36), *xsdt = table_at(number(root + 24, 8));

	for (uint64_t at = 36; at < number(xsdt + 4, 4); at += 8) {
		const uint8_t *table = table_at(number(xsdt + at, 8));

		if (!memcmp(table, signature, 4))
			return table;
	}
	fail_msg("no %s in the XSDT", signature);
	return NULL;
}

static const uint8_t *find_dsdt(void)
{
	return table_at(number(find("FACP") + 140, 8));
}

static void the_rsdp_is_where_guests_search_and_sums_to_zero(void **state)
{
	const uint8_t *root = memory_at(&memory, rsdp, 36);

	(void)state;
	assert_true(rsdp >= 0xe0000 && rsdp < 0x100000 && rsdp % 16 == 0);
	assert_memory_equal(root, "RSD PTR ", 8);
	assert_int_equal(sum(root, 20), 0);
	assert_int_equal(sum(root, 36), 0);
	assert_int_equal(root[15], 2);
	assert_memory_equal(table_at(number(root + 24, 8)), "XSDT", 4);
}

static void the_fadt_is_hardware_reduced_and_can_reset_and_sleep(void **state)
{
	const uint8_t *fadt = find("FACP");
	uint64_t flags = number(fadt + 112, 4);

	(void)state;
	assert_int_equal(number(fadt + 4, 4), 276);
	assert_true(flags & 1u << 20);
	assert_true(flags & 1u << 10);
	assert_int_equal(fadt[116], 1); /* reset register: system I/O, 8 bits */
	assert_int_equal(fadt[117], 8);
	assert_int_equal(number(fadt + 120, 8), LAYOUT_PM_PORT + 2);
	assert_int_equal(number(fadt + 248, 8), LAYOUT_PM_PORT);
	assert_int_equal(number(fadt + 260, 8), LAYOUT_PM_PORT + 1);
	assert_memory_equal(find_dsdt(), "DSDT", 4);
}

static void the_srat_puts_cpus_and_memory_into_their_nodes(void **state)
{
	const uint8_t *srat = find("SRAT"), *entry = srat + 48;
	/* APIC ids: node 0 has ids 0 and 1, node 1's begin at the next power of two. */
	static const struct {
		unsigned int node, apic_id;
	} cpus[] = {{0, 0}, {0, 1}, {1, 2}};
	const struct {
		unsigned int node;
		uint64_t base, size;
	} ranges[] = {{0, 0, GIB}, {1, GIB, 2 * GIB}, {1, 4 * GIB, GIB}};

	(void)state;
	assert_int_equal(number(srat + 4, 4), 48 + 3 * 16 + 3 * 40);
	for (unsigned int i = 0; i < 3; i++, entry += 16) {
		assert_int_equal(entry[0], 0);
		assert_int_equal(entry[1], 16);
		assert_int_equal(entry[2], cpus[i].node);
		assert_int_equal(entry[3], cpus[i].apic_id);
		assert_int_equal(number(entry + 4, 4), 1);
	}
	for (unsigned int i = 0; i < 3; i++, entry += 40) {
		assert_int_equal(entry[0], 1);
		assert_int_equal(entry[1], 40);
		assert_int_equal(number(entry + 2, 4), ranges[i].node);
		assert_true(number(entry + 8, 8) == ranges[i].base);
		assert_true(number(entry + 16, 8) == ranges[i].size);
		assert_int_equal(number(entry + 28, 4), 1);
	}
}

static void the_slit_holds_the_distances_row_by_row(void **state)
{
	static const uint8_t wanted[] = {10, 21, 31, 10};
	const uint8_t *slit = find("SLIT");

	(void)state;
	assert_int_equal(number(slit + 4, 4), 36 + 8 + 4);
	assert_int_equal(number(slit + 36, 8), 2);
	assert_memory_equal(slit + 44, wanted, 4);
}

static void the_madt_lists_every_processor_and_the_ioapic(void **state)
{
	const uint8_t *madt = find("APIC"), *end = madt + number(madt + 4, 4);
	unsigned int processors = 0, ioapics = 0;

	(void)state;
	for (const uint8_t *entry = madt + 44; entry < end; entry += entry[1]) {
		assert_true(entry[1] >= 2);
		processors += entry[0] == 0 && number(entry + 4, 4) == 1;
		ioapics += entry[0] == 1 && number(entry + 4, 4) == LAYOUT_IOAPIC_BASE;
	}
	assert_int_equal(processors, 3);
	assert_int_equal(ioapics, 1);
}

static void the_mcfg_tells_where_ecam_is(void **state)
{
	const uint8_t *mcfg = find("MCFG");

	(void)state;
	assert_int_equal(number(mcfg + 44, 8), LAYOUT_ECAM_BASE);
	assert_int_equal(mcfg[55], LAYOUT_PCI_BUSES - 1);
}

/* PkgLength at its borders: what is inside ends where the length says. */
static void aml_lengths_are_right_at_every_size(void **state)
{
	static const size_t sizes[] = {1, 57, 58, 59, 60, 4000, 4089, 4090, 4091, 4092, 70000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bytes aml = {0};
		size_t mark = aml_scope(&aml, "\\_SB_"), length;
		unsigned int extra;

		bytes_put_zeros(&aml, sizes[i]);
		aml_end(&aml, mark);
		extra = aml.data[1] >> 6;
		length = extra ? aml.data[1] & 0xf : aml.data[1] & 0x3f;
		for (unsigned int k = 0; k < extra; k++)
			length |= (size_t)aml.data[2 + k] << (4 + 8 * k);
		assert_int_equal(1 + length, aml.size);
		bytes_release(&aml);
	}
}

static void aml_encodes_ids_as_the_specification_does(void **state)
{
	static const uint8_t pnp0a08[] = {0x0c, 0x41, 0xd0, 0x0a, 0x08};
	struct bytes aml = {0};

	(void)state;
	aml_eisaid(&aml, "PNP0A08");
	assert_int_equal(aml.size, sizeof(pnp0a08));
	assert_memory_equal(aml.data, pnp0a08, sizeof(pnp0a08));
	bytes_release(&aml);
}

static void acpica_reads_the_dsdt(void **state)
{
	static const char *const wanted[] = {"PNP0A08", "PNP0501", "PNP0C0C", "ACPI0013",
		"Notify (PWRB, 0x80)", "Name (_PXM, One)", "_S5", "Method (_EVT, 1, Serialized)"};
	char directory[] = "/tmp/test-acpi-XXXXXX", command[256], text[32768];
	const uint8_t *dsdt = find_dsdt();
	FILE *file;
	size_t got;

	(void)state;
	if (system("command -v iasl >/dev/null 2>&1"))
		skip();
	assert_non_null(mkdtemp(directory));
	snprintf(command, sizeof(command), "%s/dsdt.aml", directory);
	file = fopen(command, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(dsdt, 1, number(dsdt + 4, 4), file), number(dsdt + 4, 4));
	fclose(file);
	/* Disassembled and compiled again: warnings and errors both count. */
	snprintf(command, sizeof(command),
		"cd %s && { iasl -d dsdt.aml && iasl -we dsdt.dsl && cat dsdt.dsl; } >log 2>&1; s=$?; cat log; "
		"rm -rf %s; exit $s",
		directory, directory);
	file = popen(command, "r");
	assert_non_null(file);
	got = fread(text, 1, sizeof(text) - 1, file);
	text[got] = '\0';
	if (pclose(file))
		fail_msg("%s", text);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail_msg("no '%s' in %s", wanted[i], text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rsdp_is_where_guests_search_and_sums_to_zero),
		cmocka_unit_test(the_fadt_is_hardware_reduced_and_can_reset_and_sleep),
		cmocka_unit_test(the_srat_puts_cpus_and_memory_into_their_nodes),
		cmocka_unit_test(the_slit_holds_the_distances_row_by_row),
		cmocka_unit_test(the_madt_lists_every_processor_and_the_ioapic),
		cmocka_unit_test(the_mcfg_tells_where_ecam_is),
		cmocka_unit_test(aml_lengths_are_right_at_every_size),
		cmocka_unit_test(aml_encodes_ids_as_the_specification_does),
		cmocka_unit_test(acpica_reads_the_dsdt),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
