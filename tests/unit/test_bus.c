// SPDX-License-Identifier: GPL-2.0-or-later
/* Routing of guest accesses: who gets which, at the borders and while ranges move. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/bus.h"

/* Remembers the last access and answers with its offset. */
struct probe {
	struct bus *bus;
	uint64_t offset, value;
	unsigned int size, reads, writes;
};

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct probe *probe = opaque;

	probe->reads++;
	probe->offset = offset;
	probe->size = size;
	return offset;
}

static void probe_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct probe *probe = opaque;

	probe->writes++;
	probe->offset = offset;
	probe->size = size;
	probe->value = value;
}

static const struct bus_ops probe_ops = {probe_read, probe_write};

static uint32_t read32(struct bus *bus, uint64_t address)
{
	uint32_t value;

	bus_read(bus, address, &value, 4);
	return value;
}

static void each_access_reaches_the_range_that_holds_it(void **state)
{
	struct probe low = {0}, high = {0};
	struct bus bus;

	(void)state;
	bus_init(&bus);
	assert_int_equal(bus_add(&bus, 0x2000, 0x1000, &probe_ops, &high, "high", NULL), 0);
	assert_int_equal(bus_add(&bus, 0x1000, 0x1000, &probe_ops, &low, "low", NULL), 0);
	assert_int_equal(read32(&bus, 0x1000), 0);
	assert_int_equal(read32(&bus, 0x1ffc), 0xffc);
	assert_int_equal(low.reads, 2);
	assert_int_equal(read32(&bus, 0x2000), 0);
	assert_int_equal(read32(&bus, 0x2ffc), 0xffc);
	assert_int_equal(high.reads, 2);
	bus_release(&bus);
}

static void unclaimed_reads_are_ones_and_writes_vanish(void **state)
{
	struct probe probe = {0};
	uint64_t value = 0;
	struct bus bus;

	(void)state;
	bus_init(&bus);
	bus_read(&bus, 0, &value, 8);
	assert_true(value == UINT64_MAX);
	bus_add(&bus, 0x1000, 0x10, &probe_ops, &probe, "probe", NULL);
	value = 0;
	bus_read(&bus, 0x100c, &value, 8); /* straddles its end */
	assert_true(value == UINT64_MAX);
	bus_write(&bus, 0xffe, &value, 4); /* straddles its begin */
	bus_write(&bus, 0x1010, &value, 1);
	assert_int_equal(probe.reads + probe.writes, 0);
	bus_release(&bus);
}

static void odd_sizes_go_byte_by_byte(void **state)
{
	struct probe probe = {0};
	uint8_t bytes[3] = {1, 2, 3};
	struct bus bus;

	(void)state;
	bus_init(&bus);
	bus_add(&bus, 0x1000, 0x10, &probe_ops, &probe, "probe", NULL);
	bus_write(&bus, 0x1001, bytes, 3);
	assert_int_equal(probe.writes, 3);
	assert_int_equal(probe.size, 1);
	assert_int_equal(probe.offset, 3);
	assert_int_equal(probe.value, 3);
	bus_release(&bus);
}

static void overlaps_are_refused(void **state)
{
	static const struct {
		uint64_t base, size;
		int result;
	} cases[] = {
		{0x1000, 0x1000, -EEXIST}, {0x1fff, 1, -EEXIST}, {0x0fff, 2, -EEXIST}, {0, 0x10000, -EEXIST},
		{0x1800, 0x10, -EEXIST}, {0x2000, 0x10, 0}, {0x0f00, 0x100, 0}, {0x5000, 0, -EINVAL},
		{UINT64_MAX, 2, -EINVAL}, {UINT64_MAX, 1, 0},
	};
	struct probe probe = {0};
	struct error err;
	struct bus bus;

	(void)state;
	bus_init(&bus);
	bus_add(&bus, 0x1000, 0x1000, &probe_ops, &probe, "first", NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			bus_add(&bus, cases[i].base, cases[i].size, &probe_ops, &probe, "second", &err),
			cases[i].result);
	bus_add(&bus, 0x1000, 1, &probe_ops, &probe, "second", &err);
	assert_non_null(strstr(err.text, "first"));
	bus_release(&bus);
}

static void a_removed_range_is_unclaimed(void **state)
{
	struct probe probe = {0};
	struct bus bus;

	(void)state;
	bus_init(&bus);
	bus_add(&bus, 0x1000, 0x1000, &probe_ops, &probe, "probe", NULL);
	bus_remove(&bus, 0x1800); /* not a begin: nothing happens */
	assert_int_equal(read32(&bus, 0x1000), 0);
	bus_remove(&bus, 0x1000);
	assert_int_equal(read32(&bus, 0x1000), 0xffffffff);
	bus_release(&bus);
}

/* As a config space write that comes through ECAM does with a BAR. */
static void move_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct probe *probe = opaque;

	(void)offset;
	(void)size;
	bus_remove(probe->bus, 0x9000);
	bus_add(probe->bus, value, 0x1000, &probe_ops, probe, "moved", NULL);
}

static void a_handler_may_move_ranges_of_its_own_bus(void **state)
{
	static const struct bus_ops move_ops = {.write = move_write};
	struct bus bus;
	struct probe probe = {.bus = &bus};
	uint32_t target = 0xa000;

	(void)state;
	bus_init(&bus);
	bus_add(&bus, 0x1000, 0x10, &move_ops, &probe, "mover", NULL);
	bus_add(&bus, 0x9000, 0x1000, &probe_ops, &probe, "moved", NULL);
	bus_write(&bus, 0x1000, &target, 4);
	assert_int_equal(read32(&bus, 0x9000), 0xffffffff);
	assert_int_equal(read32(&bus, 0xa004), 4);
	bus_release(&bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_access_reaches_the_range_that_holds_it),
		cmocka_unit_test(unclaimed_reads_are_ones_and_writes_vanish),
		cmocka_unit_test(odd_sizes_go_byte_by_byte),
		cmocka_unit_test(overlaps_are_refused),
		cmocka_unit_test(a_removed_range_is_unclaimed),
		cmocka_unit_test(a_handler_may_move_ranges_of_its_own_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
