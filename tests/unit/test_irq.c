// SPDX-License-Identifier: GPL-2.0-or-later
/* Interrupts: whose they are, found again by device and handler, and where a plan sends them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/irq.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tests/unit/tree.h"
#include "tuner/plan/irq.h"

static struct root root;

static void put_irq(unsigned int number, const char *handlers, const char *cpus)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/irq/%u/actions", number);
	tree_put(&root, path, handlers);
	snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", number);
	tree_put(&root, path, cpus);
}

static int setup(void **state)
{
	(void)state;
	if (tree_open(&root))
		return -1;
	tree_put(&root, "/sys/bus/pci/devices/0000:01:00.0/numa_node", "1\n");
	tree_put(&root, "/sys/bus/pci/devices/0000:01:00.0/irq", "16\n"); /* its line is not used beside messages */
	tree_put(&root, "/sys/bus/pci/devices/0000:01:00.0/msi_irqs/40", "msix\n");
	tree_put(&root, "/sys/bus/pci/devices/0000:01:00.0/msi_irqs/41", "msix\n");
	tree_put(&root, "/sys/bus/pci/devices/0000:02:00.0/numa_node", "-1\n");
	tree_put(&root, "/sys/bus/pci/devices/0000:02:00.0/irq", "16\n");
	put_irq(0, "timer\n", "0\n");
	put_irq(16, "ehci_hcd:usb1,i801 smbus\n", "0-3\n");
	put_irq(40, "nvme0q0\n", "0-3\n");
	put_irq(41, "nvme0q1\n", "2\n");
	put_irq(42, "\n", "0-3\n");
	tree_put(&root, "/sys/kernel/irq/43/actions", "percpu\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(&root);
}

static void interrupts_with_a_handler_and_a_mask_are_read_with_their_device(void **state)
{
	static const struct {
		unsigned int number;
		const char *identity;
		int node;
	} rows[] = {
		{0, "0 - timer", IRQ_NO_NODE}, {16, "16 0000:02:00.0 ehci_hcd:usb1,i801 smbus", IRQ_NO_NODE},
		{40, "40 0000:01:00.0 nvme0q0", 1}, {41, "41 0000:01:00.0 nvme0q1", 1},
	};
	struct irq_list list;

	(void)state;
	irqs_read(&root, &list);
	assert_int_equal(list.count, sizeof(rows) / sizeof(rows[0]));
	for (unsigned int i = 0; i < list.count; i++) {
		char *identity = irq_identity(&list.irqs[i]);

		assert_string_equal(identity, rows[i].identity);
		assert_int_equal(list.irqs[i].node, rows[i].node);
		free(identity);
	}
	irqs_release(&list);
}

static void an_interrupt_is_found_by_device_and_handler_whatever_its_number(void **state)
{
	(void)state;
	assert_int_equal(irq_find(&root, "41 0000:01:00.0 nvme0q1"), 41);
	assert_int_equal(irq_find(&root, "77 0000:01:00.0 nvme0q1"), 41);
	assert_int_equal(irq_find(&root, "16 0000:02:00.0 ehci_hcd:usb1,i801 smbus"), 16);
	assert_int_equal(irq_find(&root, "40 0000:01:00.0 nvme0q1"), 41); /* 40 is another one's now */
	assert_int_equal(irq_find(&root, "41 0000:01:00.0 nvme0q7"), -ENOENT);
	assert_int_equal(irq_find(&root, "41 0000:02:00.0 nvme0q1"), -ENOENT);
	assert_int_equal(irq_find(&root, "nonsense"), -EINVAL);
	/* Two with one name: only the number tells them apart. */
	tree_put(&root, "/sys/bus/pci/devices/0000:01:00.0/msi_irqs/44", "msix\n");
	put_irq(44, "nvme0q1\n", "3\n");
	assert_int_equal(irq_find(&root, "44 0000:01:00.0 nvme0q1"), 44);
	assert_int_equal(irq_find(&root, "41 0000:01:00.0 nvme0q1"), 41);
	assert_int_equal(irq_find(&root, "77 0000:01:00.0 nvme0q1"), -ENOENT);
}

static void interrupts_survive_json(void **state)
{
	struct irq_list list, back;
	json_t *json;

	(void)state;
	irqs_read(&root, &list);
	json = irqs_to_json(&list);
	json_array_append_new(json, json_string("no interrupt"));
	irqs_from_json(json, &back);
	assert_int_equal(back.count, list.count);
	for (unsigned int i = 0; i < list.count; i++) {
		assert_string_equal(back.irqs[i].name, list.irqs[i].name);
		assert_true(idset_equal(&back.irqs[i].allowed, &list.irqs[i].allowed));
	}
	json_decref(json);
	irqs_release(&list);
	irqs_release(&back);
}

/* Two nodes: CPUs 0-3 and 4-7. */
static void an_interrupt_is_moved_no_further_than_needed(void **state)
{
	static const struct {
		enum irq_policy policy;
		int node;
		const char *reserved, *now, *wanted;
	} cases[] = {
		{IRQ_KEEP, 1, "2-3", "2", "2"},
		{IRQ_HOUSEKEEPING, 1, "2-3", "0-7", "0-1,4-7"},
		{IRQ_HOUSEKEEPING, 1, "2-3", "2", "0-1,4-7"}, /* no good CPU left: all that are */
		{IRQ_HOUSEKEEPING, 1, "2-3", "0", "0"},
		{IRQ_HOUSEKEEPING, 1, "", "0-7", "0-7"},
		{IRQ_HOUSEKEEPING, 0, "4-7", "0-255", "0-3"}, /* with CPUs that this machine might have */
		{IRQ_HOUSEKEEPING, 0, "", "0-255", "0-255"},
		{IRQ_HOUSEKEEPING, 0, "0-7", "0-7", "0-7"}, /* nowhere to go */
		{IRQ_NODE, 1, "", "0-7", "4-7"},
		{IRQ_NODE, 1, "4-5", "0-7", "6-7"},
		{IRQ_NODE, 1, "4-5", "4", "6-7"},
		{IRQ_NODE, 1, "4-5", "7", "7"}, /* a driver's own spreading stays */
		{IRQ_NODE, 1, "4-7", "5", "0-3"}, /* the node is given away: the nearest other */
		{IRQ_NODE, IRQ_NO_NODE, "4-7", "0-7", "0-3"},
		{IRQ_NODE, 9, "4-7", "0-7", "0-3"},
	};
	struct machine *machine = machine_from_synthetic("node:2 core:4 pu:1", NULL);

	(void)state;
	assert_non_null(machine);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct irq irq = {.node = cases[i].node};
		struct idset reserved, wanted;
		char text[64];

		assert_int_equal(idset_parse(cases[i].now, &irq.allowed, NULL), 0);
		assert_int_equal(idset_parse(cases[i].reserved, &reserved, NULL), 0);
		wanted = irq_wanted(cases[i].policy, &irq, machine, &reserved);
		idset_format(&wanted, text, sizeof(text));
		if (strcmp(text, cases[i].wanted) != 0)
			fail_msg("row %zu: %s, should be %s", i, text, cases[i].wanted);
		/* Where it was sent it is right, or verify would never be green. */
		irq.allowed = wanted;
		wanted = irq_wanted(cases[i].policy, &irq, machine, &reserved);
		assert_true(idset_equal(&wanted, &irq.allowed));
	}
	machine_free(machine);
}

static void masks_are_the_kernels(void **state)
{
	static const struct {
		const char *list, *mask;
	} cases[] = {
		{"", "0"}, {"0-3", "f"}, {"31", "80000000"}, {"32", "1,00000000"},
		{"0,40,95", "80000000,00000100,00000001"},
	};
	struct idset set, back;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(idset_parse(cases[i].list, &set, NULL), 0);
		assert_string_equal(idset_format_mask(&set, text, sizeof(text)), cases[i].mask);
		assert_int_equal(idset_parse_mask(cases[i].mask, &back), 0);
		assert_true(idset_equal(&set, &back));
	}
	assert_int_equal(idset_parse_mask("FF\n", &back), 0);
	assert_int_equal(idset_count(&back), 8);
	assert_int_equal(idset_parse_mask("", &back), -EINVAL);
	assert_int_equal(idset_parse_mask("0x3", &back), -EINVAL);
	idset_add(&set, IDSET_MAX - 1);
	assert_int_equal(idset_parse_mask(idset_format_mask(&set, text, sizeof(text)), &back), 0);
	assert_true(idset_equal(&set, &back));
}

static void reserved_are_dedicated_and_isolated_cpus_only(void **state)
{
	struct machine *machine = machine_from_synthetic("node:2 core:4 pu:1", NULL);
	struct profile_vm vms[] = {{.vcpus = 2, .dedicated = true}, {.vcpus = 1}};
	struct idset pins[2] = {{{0}}}, shared = {{0}}, reserved;
	struct placed_vm placed[] = {{.vm = &vms[0], .pins = pins}, {.vm = &vms[1], .pins = &shared}};
	char text[64];

	(void)state;
	idset_add(&pins[0], 2);
	idset_add(&pins[1], 3);
	idset_add(&shared, 4);
	idset_add(&machine->isolated, 7);
	irq_reserved(placed, 2, machine, &reserved);
	assert_string_equal(idset_format(&reserved, text, sizeof(text)), "2-3,7");
	machine_free(machine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(interrupts_with_a_handler_and_a_mask_are_read_with_their_device),
		TEST(an_interrupt_is_found_by_device_and_handler_whatever_its_number),
		TEST(interrupts_survive_json),
		cmocka_unit_test(an_interrupt_is_moved_no_further_than_needed),
		cmocka_unit_test(masks_are_the_kernels),
		cmocka_unit_test(reserved_are_dedicated_and_isolated_cpus_only),
	};

	return cmocka_run_group_tests_name("irq", tests, NULL, NULL);
}
