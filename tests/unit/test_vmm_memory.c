// SPDX-License-Identifier: GPL-2.0-or-later
/* Guest memory: its layout, its one door, giving pages back, and what it refuses. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/size.h"
#include "vmm/boot/memmap.h"
#include "vmm/layout.h"
#include "vmm/memory.h"

#define PAGE 4096u

static struct guest_memory memory;
static struct error err;

static int teardown(void **state)
{
	(void)state;
	memory_release(&memory);
	return 0;
}

static int create(const struct memory_node_config *nodes, unsigned int count, bool prefault)
{
	return memory_create(&memory, nodes, count, prefault, &err);
}

static unsigned int resident_pages(void *at, unsigned int pages)
{
	unsigned char vec[1024];
	unsigned int sum = 0;

	assert_true(pages <= sizeof(vec));
	assert_int_equal(mincore(at, pages * PAGE, vec), 0);
	for (unsigned int i = 0; i < pages; i++)
		sum += vec[i] & 1;
	return sum;
}

static void the_door_opens_for_ram_only(void **state)
{
	const struct memory_node_config nodes[] = {{.size = 4 * MIB}, {.size = 2 * MIB}};
	const uint64_t end = 6 * MIB;

	(void)state;
	assert_int_equal(create(nodes, 2, false), 0);
	assert_non_null(memory_at(&memory, 0, 1));
	assert_non_null(memory_at(&memory, 0, end));
	assert_non_null(memory_at(&memory, end - 1, 1));
	assert_non_null(memory_at(&memory, end, 0));
	assert_null(memory_at(&memory, end, 1));
	assert_null(memory_at(&memory, end - 1, 2));
	assert_null(memory_at(&memory, 0, end + 1));
	assert_null(memory_at(&memory, 1, UINT64_MAX));
	assert_null(memory_at(&memory, UINT64_MAX, 1));
	assert_null(memory_at(&memory, UINT64_MAX, 2));
	assert_null(memory_at(&memory, MEMORY_HIGH_BASE, 1));
}

static void a_buffer_may_cross_from_one_node_into_the_next(void **state)
{
	const struct memory_node_config nodes[] = {{.size = 2 * MIB}, {.size = 2 * MIB}};
	char *across;

	(void)state;
	assert_int_equal(create(nodes, 2, false), 0);
	across = memory_at(&memory, 2 * MIB - 8, 16);
	assert_non_null(across);
	memset(across, 'x', 16);
	assert_int_equal(((char *)memory_at(&memory, 2 * MIB, 1))[0], 'x');
}

static void ram_makes_room_for_devices_below_4_gib(void **state)
{
	const struct memory_node_config nodes[] = {{.size = 2 * GIB}, {.size = 2 * GIB}};
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int count;

	(void)state;
	assert_int_equal(create(nodes, 2, false), 0);
	assert_int_equal(memory.region_count, 3);
	assert_int_equal(memory.regions[1].node, 1);
	assert_int_equal(memory.regions[2].node, 1);
	assert_true(memory.regions[2].gpa == MEMORY_HIGH_BASE);
	assert_true(memory.regions[1].size + memory.regions[2].size == 2 * GIB);
	assert_true(memory.size == 4 * GIB);
	assert_null(memory_at(&memory, MEMORY_HOLE_BASE - 1, 2));
	assert_null(memory_at(&memory, MEMORY_HIGH_BASE - 1, 2));
	assert_non_null(memory_at(&memory, MEMORY_HIGH_BASE, GIB));
	count = memmap_build(&memory, map);
	assert_int_equal(map[count - 1].type, MEMMAP_RAM);
	assert_true(map[count - 1].address == MEMORY_HIGH_BASE && map[count - 1].size == GIB);
	assert_true(layout_mmio64_base(&memory) >= memory.high_end);
	for (unsigned int i = 1; i < count; i++)
		assert_true(map[i - 1].address + map[i - 1].size <= map[i].address);
}

static void host_and_guest_addresses_agree_in_2_mib(void **state)
{
	const struct memory_node_config nodes[] = {{.size = 2 * MIB}, {.size = 4 * MIB}};

	(void)state;
	assert_int_equal(create(nodes, 2, false), 0);
	for (unsigned int i = 0; i < memory.region_count; i++)
		assert_int_equal((uintptr_t)memory.regions[i].host % (2 * MIB), memory.regions[i].gpa % (2 * MIB));
}

static void prefault_populates_every_page(void **state)
{
	const struct memory_node_config nodes[] = {{.size = 2 * MIB}, {.size = 2 * MIB, .shared = true}};

	(void)state;
	assert_int_equal(create(nodes, 2, true), 0);
	assert_int_equal(resident_pages(memory_at(&memory, 0, PAGE), 1024), 1024);
	memory_release(&memory);
	assert_int_equal(create(nodes, 2, false), 0);
	assert_int_equal(resident_pages(memory_at(&memory, 0, PAGE), 512), 0);
}

static void pages_of_a_bound_node_are_where_the_policy_says(void **state)
{
	struct memory_node_config node = {.size = 8 * MIB, .policy = MEMORY_POLICY_BIND};

	(void)state;
	idset_add(&node.host_nodes, 0);
	assert_int_equal(create(&node, 1, true), 0); /* it verifies; the lab has more than one node */
	memory_release(&memory);
	idset_add(&node.host_nodes, 1000);
	assert_int_equal(create(&node, 1, true), -EINVAL);
	assert_non_null(strstr(err.text, "1000"));
	assert_null(memory.base);
}

/* Fills a page, gives it back, and looks that it is gone and zero. */
static void discard_and_look(uint64_t gpa)
{
	uint8_t *page = memory_at(&memory, gpa, PAGE);

	memset(page, 0xaa, PAGE);
	assert_int_equal(memory_discard(&memory, gpa, PAGE), PAGE);
	assert_int_equal(resident_pages(page, 1), 0);
	assert_int_equal(page[PAGE - 1], 0);
}

static void discarded_pages_go_back_to_the_host(void **state)
{
	const struct memory_node_config nodes[] = {{.size = 2 * MIB}, {.size = 2 * MIB, .shared = true}};

	(void)state;
	assert_int_equal(create(nodes, 2, false), 0);
	discard_and_look(PAGE);
	discard_and_look(2 * MIB + PAGE);
	memset(memory_at(&memory, 0, 4 * MIB), 1, 4 * MIB);
	/* Half pages at both ends stay; the range lies in both nodes. */
	assert_int_equal(memory_discard(&memory, 2 * MIB - PAGE - 1, 2 * PAGE + 2), 2 * PAGE);
	assert_int_equal(((uint8_t *)memory_at(&memory, 2 * MIB - PAGE - 1, 1))[0], 1);
	assert_int_equal(((uint8_t *)memory_at(&memory, 2 * MIB - PAGE, 1))[0], 0);
	assert_int_equal(((uint8_t *)memory_at(&memory, 2 * MIB + PAGE, 1))[0], 1);
}

static void discard_outside_of_ram_is_refused(void **state)
{
	const struct memory_node_config node = {.size = 2 * MIB};

	(void)state;
	assert_int_equal(create(&node, 1, false), 0);
	assert_int_equal(memory_discard(&memory, 2 * MIB, PAGE), -EFAULT);
	assert_int_equal(memory_discard(&memory, 2 * MIB - PAGE, 2 * PAGE), -EFAULT);
	assert_int_equal(memory_discard(&memory, UINT64_MAX - PAGE, PAGE), -EFAULT);
	assert_int_equal(memory_discard(&memory, PAGE / 2, PAGE), 0); /* no whole page in it */
}

static void impossible_nodes_are_refused(void **state)
{
	static const struct {
		struct memory_node_config nodes[2];
		unsigned int count;
		const char *says;
	} cases[] = {
		{{{.size = 3 * MIB}}, 1, "multiple of 2M"},
		{{{.size = 0}}, 1, "multiple of 2M"},
		{{{.size = 512 * MIB, .pages = MEMORY_PAGES_1G}}, 1, "multiple of 1G"},
		{{{.size = 2 * MIB}, {.size = GIB, .pages = MEMORY_PAGES_1G}}, 2, "multiple of 1G"},
		{{{.size = 2 * MIB, .mergeable = true, .shared = true}}, 1, "KSM"},
		{{{.size = 0 - 2 * MIB}}, 1, "larger than 64T"},
		{{{.size = 64 * TIB}, {.size = 2 * MIB}}, 2, "larger than 64T"},
		{{{.size = 2 * MIB, .mergeable = true, .pages = MEMORY_PAGES_2M}}, 1, "KSM"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(create(cases[i].nodes, cases[i].count, false), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_null(memory.base);
	}
}

static void too_few_hugepages_is_an_error_with_numbers(void **state)
{
	const struct memory_node_config node = {.size = 64 * GIB, .pages = MEMORY_PAGES_2M};

	(void)state;
	if (access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK))
		skip();
	assert_int_equal(create(&node, 1, false), -ENOMEM);
	assert_non_null(strstr(err.text, "free 2M pages, 32768 needed"));
}

static void a_node_that_is_too_small_is_an_error_before_the_oom_killer(void **state)
{
	struct memory_node_config node = {.size = 16 * TIB, .policy = MEMORY_POLICY_BIND};

	(void)state;
	idset_add(&node.host_nodes, 0);
	if (access("/sys/devices/system/node/node0/meminfo", F_OK))
		skip();
	assert_int_equal(create(&node, 1, true), -ENOMEM);
	assert_non_null(strstr(err.text, "16T needed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_door_opens_for_ram_only, teardown),
		cmocka_unit_test_teardown(a_buffer_may_cross_from_one_node_into_the_next, teardown),
		cmocka_unit_test_teardown(ram_makes_room_for_devices_below_4_gib, teardown),
		cmocka_unit_test_teardown(host_and_guest_addresses_agree_in_2_mib, teardown),
		cmocka_unit_test_teardown(prefault_populates_every_page, teardown),
		cmocka_unit_test_teardown(pages_of_a_bound_node_are_where_the_policy_says, teardown),
		cmocka_unit_test_teardown(discarded_pages_go_back_to_the_host, teardown),
		cmocka_unit_test_teardown(discard_outside_of_ram_is_refused, teardown),
		cmocka_unit_test_teardown(impossible_nodes_are_refused, teardown),
		cmocka_unit_test_teardown(too_few_hugepages_is_an_error_with_numbers, teardown),
		cmocka_unit_test_teardown(a_node_that_is_too_small_is_an_error_before_the_oom_killer, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
