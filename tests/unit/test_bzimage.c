// SPDX-License-Identifier: GPL-2.0-or-later
/* The bzImage loader: what a kernel finds in memory, and what is said about files that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/bootparam.h>

#include "tests/unit/kernel_bench.h"

#define SETUP (5u * 512)
#define BODY  0x1000u
#define LOAD  0x1000000u

static uint8_t file[SETUP + BODY];
static struct kernel_bench bench;

static struct setup_header *header(void)
{
	return (struct setup_header *)(file + 0x1f1);
}

/* A kernel like Debian's, but for its size. */
static int setup(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	memset(file + SETUP, 0xab, BODY);
	file[0x201] = 0x6a; /* jump over the header: it is as long as protocol 2.15's */
	header()->setup_sects = SETUP / 512 - 1;
	header()->boot_flag = 0xaa55;
	header()->header = 0x53726448;
	header()->version = 0x020f;
	header()->syssize = BODY / 16;
	header()->loadflags = LOADED_HIGH;
	header()->xloadflags = XLF_KERNEL_64;
	header()->pref_address = LOAD;
	header()->init_size = 0x10000;
	header()->cmdline_size = 2047;
	header()->initrd_addr_max = 0x7fffffff;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench_free(&bench);
	return 0;
}

static int boot(const char *append)
{
	return bench_boot(&bench, file, sizeof(file), "initrd", 6, append, 64 * MIB);
}

static void the_kernel_finds_everything_it_needs(void **state)
{
	const struct boot_params *params;
	uint64_t ram = 0;

	(void)state;
	assert_int_equal(boot("root=/dev/vda"), 0);
	assert_memory_equal(memory_at(&bench.memory, LOAD, BODY), file + SETUP, BODY);
	params = memory_at(&bench.memory, LAYOUT_BOOT_PARAMS, sizeof(*params));
	assert_int_equal(params->hdr.header, 0x53726448);
	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_int_equal(params->acpi_rsdp_addr, BENCH_RSDP);
	assert_string_equal(memory_at(&bench.memory, params->hdr.cmd_line_ptr, 1), "root=/dev/vda");
	assert_int_equal(params->hdr.ramdisk_size, 6);
	assert_true(params->hdr.ramdisk_image >= LOAD + header()->init_size);
	assert_memory_equal(memory_at(&bench.memory, params->hdr.ramdisk_image, 6), "initrd", 6);
	for (int i = 0; i < params->e820_entries; i++)
		if (params->e820_table[i].type == 1)
			ram += params->e820_table[i].size;
	assert_true(ram == 64 * MIB - (LAYOUT_HIGH_RAM - LAYOUT_EBDA));
	assert_int_equal(params->sentinel, 0);
}

static void a_kernel_without_a_command_line_talks_to_the_serial_port(void **state)
{
	(void)state;
	assert_int_equal(boot(NULL), 0);
	assert_string_equal(memory_at(&bench.memory, LAYOUT_CMDLINE, 1), "console=ttyS0");
}

static void a_reset_loads_the_kernel_again(void **state)
{
	(void)state;
	assert_int_equal(boot("x"), 0);
	memset(memory_at(&bench.memory, 0, 64 * MIB), 0x55, 64 * MIB);
	assert_int_equal(boot_load(bench.boot, &bench.memory, BENCH_RSDP, &bench.err), 0);
	assert_memory_equal(memory_at(&bench.memory, LOAD, BODY), file + SETUP, BODY);
	assert_int_equal(bench_read32(&bench, LAYOUT_BOOT_PARAMS), 0);
}

static void the_last_paragraph_may_be_short(void **state)
{
	(void)state;
	assert_int_equal(bench_boot(&bench, file, sizeof(file) - 15, NULL, 0, NULL, 64 * MIB), 0);
}

static void the_initrd_respects_the_kernels_limit(void **state)
{
	const struct boot_params *params;

	(void)state;
	header()->initrd_addr_max = LOAD + 0x20000 - 1;
	assert_int_equal(boot(NULL), 0);
	params = memory_at(&bench.memory, LAYOUT_BOOT_PARAMS, sizeof(*params));
	assert_int_equal(params->hdr.ramdisk_image, LOAD + 0x1f000);
	bench_free(&bench);
	header()->initrd_addr_max = LOAD + 0x8000;
	assert_int_not_equal(boot(NULL), 0);
	assert_non_null(strstr(bench.err.text, "does not fit"));
}

static void expect_error(size_t size, const char *says)
{
	if (!bench_boot(&bench, file, size, NULL, 0, NULL, 64 * MIB))
		fail_msg("a file that is '%s' was loaded", says);
	if (!strstr(bench.err.text, says) || !strstr(bench.err.text, bench.path))
		fail_msg("'%s' lacks '%s' or the file's name", bench.err.text, says);
	bench_free(&bench);
}

static void bad_headers_are_refused(void **state)
{
	(void)state;
	header()->boot_flag = 0;
	expect_error(sizeof(file), "not a Linux bzImage");
	setup(NULL);
	header()->version = 0x0204;
	expect_error(sizeof(file), "2.04");
	setup(NULL);
	header()->xloadflags = 0;
	expect_error(sizeof(file), "no 64-bit entry");
	setup(NULL);
	header()->syssize = BODY / 16 + 1;
	expect_error(sizeof(file), "cut short");
	setup(NULL);
	header()->syssize = UINT32_MAX;
	expect_error(sizeof(file), "cut short");
	setup(NULL);
	header()->setup_sects = 255;
	expect_error(sizeof(file), "cut short");
	setup(NULL);
	header()->syssize = 0;
	expect_error(sizeof(file), "empty");
	setup(NULL);
	header()->pref_address = 0x1000;
	expect_error(sizeof(file), "between 1 MiB and 3 GiB");
	setup(NULL);
	header()->pref_address = UINT64_MAX;
	expect_error(sizeof(file), "between 1 MiB and 3 GiB");
	setup(NULL);
	header()->init_size = BODY - 1;
	expect_error(sizeof(file), "impossible run-time size");
	setup(NULL);
	header()->init_size = UINT32_MAX;
	expect_error(sizeof(file), "impossible run-time size");
	setup(NULL);
	header()->init_size = 0x40000000;
	expect_error(sizeof(file), "--memory");
	memset(&bench, 0, sizeof(bench));
}

static void files_of_every_length_are_loaded_or_refused(void **state)
{
	(void)state;
	for (size_t size = 1; size < sizeof(file) - 15; size += size < 0x300 ? 1 : 97)
		expect_error(size, "");
	memset(&bench, 0, sizeof(bench));
}

static void a_command_line_that_is_too_long_is_refused(void **state)
{
	char text[2050];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[2048] = '\0';
	assert_int_not_equal(boot(text), 0);
	assert_non_null(strstr(bench.err.text, "2047"));
	bench_free(&bench);
	text[2047] = '\0';
	assert_int_equal(boot(text), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_kernel_finds_everything_it_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_kernel_without_a_command_line_talks_to_the_serial_port, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_loads_the_kernel_again, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_paragraph_may_be_short, setup, teardown),
		cmocka_unit_test_setup_teardown(the_initrd_respects_the_kernels_limit, setup, teardown),
		cmocka_unit_test_setup(bad_headers_are_refused, setup),
		cmocka_unit_test_setup(files_of_every_length_are_loaded_or_refused, setup),
		cmocka_unit_test_setup_teardown(a_command_line_that_is_too_long_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
