// SPDX-License-Identifier: GPL-2.0-or-later
/* The PVH loader: start info and segments in memory, and ELF files that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <elf.h>

#include "tests/unit/kernel_bench.h"

#define LOAD  0x100000u
#define ENTRY (LOAD + 0x10)

/* An ELF file of one segment (0x40 bytes of which 0x20 are in the file) and one note. */
static struct {
	Elf64_Ehdr elf;
	Elf64_Phdr segment, note;
	struct {
		Elf64_Nhdr header;
		char name[4];
		uint32_t entry;
	} notes;
	uint8_t data[0x20];
} file;
static struct kernel_bench bench;

static int setup(void **state)
{
	(void)state;
	memset(&file, 0, sizeof(file));
	memcpy(file.elf.e_ident, ELFMAG, SELFMAG);
	file.elf.e_ident[EI_CLASS] = ELFCLASS64;
	file.elf.e_ident[EI_DATA] = ELFDATA2LSB;
	file.elf.e_machine = EM_X86_64;
	file.elf.e_phoff = sizeof(file.elf);
	file.elf.e_phentsize = sizeof(Elf64_Phdr);
	file.elf.e_phnum = 2;
	file.segment = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = (uintptr_t)&file.data - (uintptr_t)&file,
		.p_paddr = LOAD, .p_filesz = sizeof(file.data), .p_memsz = 0x40};
	file.note = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = (uintptr_t)&file.notes - (uintptr_t)&file,
		.p_filesz = sizeof(file.notes)};
	file.notes.header = (Elf64_Nhdr){4, 4, 18};
	memcpy(file.notes.name, "Xen", 4);
	file.notes.entry = ENTRY;
	memset(file.data, 0xcd, sizeof(file.data));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench_free(&bench);
	return 0;
}

static void the_kernel_finds_everything_it_needs(void **state)
{
	uint64_t modules;

	(void)state;
	assert_int_equal(
		bench_boot(&bench, &file, sizeof(file), "initrd", 6, "job=spin", 32 * MIB), 0);
	assert_memory_equal(memory_at(&bench.memory, LOAD, 0x20), file.data, 0x20);
	assert_int_equal(bench_read32(&bench, LOAD + 0x20), 0);
	assert_int_equal(bench_read32(&bench, LAYOUT_PVH_INFO), 0x336ec578);
	assert_int_equal(bench_read32(&bench, LAYOUT_PVH_INFO + 4), 1);      /* version */
	assert_int_equal(bench_read32(&bench, LAYOUT_PVH_INFO + 12), 1);     /* modules */
	modules = bench_read32(&bench, LAYOUT_PVH_INFO + 16);
	assert_memory_equal(memory_at(&bench.memory, bench_read32(&bench, modules), 6), "initrd", 6);
	assert_int_equal(bench_read32(&bench, modules + 8), 6);
	assert_string_equal(memory_at(&bench.memory, bench_read32(&bench, LAYOUT_PVH_INFO + 24), 1),
		"job=spin");
	assert_int_equal(bench_read32(&bench, LAYOUT_PVH_INFO + 32), BENCH_RSDP);
	assert_true(bench_read32(&bench, LAYOUT_PVH_INFO + 48) >= 3);        /* memory map */
}

static void bss_is_zero_after_a_reset_too(void **state)
{
	(void)state;
	assert_int_equal(bench_boot(&bench, &file, sizeof(file), NULL, 0, NULL, 32 * MIB), 0);
	memset(memory_at(&bench.memory, 0, 32 * MIB), 0x55, 32 * MIB);
	assert_int_equal(boot_load(bench.boot, &bench.memory, BENCH_RSDP, &bench.err), 0);
	assert_int_equal(bench_read32(&bench, LOAD + 0x20), 0);
	assert_int_equal(bench_read32(&bench, LOAD + 0x3c), 0);
	assert_string_equal(memory_at(&bench.memory, LAYOUT_CMDLINE, 1), "");
}

static void expect_error(size_t size, const char *says)
{
	if (!bench_boot(&bench, &file, size, NULL, 0, NULL, 32 * MIB))
		fail_msg("a file that is '%s' was loaded", says);
	if (!strstr(bench.err.text, says) || !strstr(bench.err.text, bench.path))
		fail_msg("'%s' lacks '%s' or the file's name", bench.err.text, says);
	bench_free(&bench);
	setup(NULL);
}

static void bad_headers_are_refused(void **state)
{
	(void)state;
	file.elf.e_ident[EI_CLASS] = ELFCLASS32;
	expect_error(sizeof(file), "not for x86-64");
	file.elf.e_machine = EM_AARCH64;
	expect_error(sizeof(file), "not for x86-64");
	file.elf.e_phnum = 0;
	expect_error(sizeof(file), "program headers");
	file.elf.e_phnum = 0xffff;
	expect_error(sizeof(file), "program headers");
	file.elf.e_phentsize = 1;
	expect_error(sizeof(file), "program headers");
	file.elf.e_phoff = UINT64_MAX - 8;
	expect_error(sizeof(file), "cut short");
	memset(&file, 'x', sizeof(file));
	expect_error(sizeof(file), "neither");
	memset(&bench, 0, sizeof(bench));
}

static void bad_segments_are_refused(void **state)
{
	(void)state;
	file.segment.p_filesz = 0x41;
	expect_error(sizeof(file), "cut short or damaged");
	file.segment.p_offset = UINT64_MAX;
	expect_error(sizeof(file), "cut short or damaged");
	file.segment.p_paddr = 0x1000; /* over the boot structures */
	expect_error(sizeof(file), "between 1 MiB and 3 GiB");
	file.segment.p_paddr = UINT64_MAX - 0x10;
	expect_error(sizeof(file), "between 1 MiB and 3 GiB");
	file.segment.p_memsz = UINT64_MAX;
	expect_error(sizeof(file), "between 1 MiB and 3 GiB");
	file.segment.p_memsz = 64 * MIB; /* more than the guest has */
	expect_error(sizeof(file), "--memory");
	memset(&bench, 0, sizeof(bench));
}

static void bad_notes_are_refused(void **state)
{
	(void)state;
	file.notes.header.n_type = 1;
	expect_error(sizeof(file), "without a PVH entry note");
	memcpy(file.notes.name, "GNU", 4);
	expect_error(sizeof(file), "without a PVH entry note");
	file.notes.header.n_namesz = UINT32_MAX;
	expect_error(sizeof(file), "without a PVH entry note");
	file.notes.header.n_descsz = UINT32_MAX;
	expect_error(sizeof(file), "without a PVH entry note");
	file.note.p_filesz = 15;
	expect_error(sizeof(file), "without a PVH entry note");
	file.note.p_filesz = UINT64_MAX;
	expect_error(sizeof(file), "notes");
	file.notes.entry = LOAD + 0x40;
	expect_error(sizeof(file), "outside of itself");
	file.segment.p_type = PT_NULL;
	expect_error(sizeof(file), "outside of itself");
	memset(&bench, 0, sizeof(bench));
}

static void files_of_every_length_are_loaded_or_refused(void **state)
{
	(void)state;
	for (size_t size = 1; size < (uintptr_t)file.data - (uintptr_t)&file + sizeof(file.data); size++)
		expect_error(size, "");
	memset(&bench, 0, sizeof(bench));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_kernel_finds_everything_it_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(bss_is_zero_after_a_reset_too, setup, teardown),
		cmocka_unit_test_setup(bad_headers_are_refused, setup),
		cmocka_unit_test_setup(bad_segments_are_refused, setup),
		cmocka_unit_test_setup(bad_notes_are_refused, setup),
		cmocka_unit_test_setup(files_of_every_length_are_loaded_or_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
