// SPDX-License-Identifier: GPL-2.0-or-later
/* Guest processors: local APIC ids that tell sockets apart, and the CPUID leaves that agree with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xalloc.h"
#include "vmm/cpuid.h"

static struct vm_config config;
static struct cpu_topology topology;

/* Nodes by their lists of vCPUs. */
static void set_nodes(unsigned int cpus, unsigned int count, const char *const *lists)
{
	memset(&config, 0, sizeof(config));
	config.cpus = cpus;
	config.node_count = count;
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(idset_parse(lists[i], &config.nodes[i].cpus, NULL), 0);
	cpu_topology_init(&topology, &config);
}

static void expect_ids(const unsigned int *ids)
{
	for (unsigned int cpu = 0; cpu < config.cpus; cpu++)
		assert_int_equal(topology.apic_id[cpu], ids[cpu]);
}

static void one_node_has_ids_in_order(void **state)
{
	(void)state;
	set_nodes(3, 1, (const char *const[]){"0-2"});
	expect_ids((const unsigned int[]){0, 1, 2});
	assert_int_equal(topology.core_bits, 2);
}

static void each_node_is_a_socket(void **state)
{
	(void)state;
	set_nodes(4, 2, (const char *const[]){"0-1", "2-3"});
	expect_ids((const unsigned int[]){0, 1, 2, 3});
	set_nodes(5, 2, (const char *const[]){"0-2", "3-4"}); /* ids leave a gap */
	expect_ids((const unsigned int[]){0, 1, 2, 4, 5});
	set_nodes(4, 2, (const char *const[]){"1,3", "0,2"});
	expect_ids((const unsigned int[]){2, 0, 3, 1});
	set_nodes(2, 3, (const char *const[]){"0", "", "1"}); /* a node of memory is no socket */
	expect_ids((const unsigned int[]){0, 1});
}

static void ids_that_do_not_fit_fall_back_to_one_socket(void **state)
{
	const char *lists[40];
	char texts[40][16];

	(void)state;
	for (unsigned int i = 0; i < 39; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%u", 100 + i);
		lists[i + 1] = texts[i];
	}
	lists[0] = "0-99";
	set_nodes(139, 40, lists); /* 40 sockets of 128 ids */
	for (unsigned int cpu = 0; cpu < 139; cpu++)
		assert_int_equal(topology.apic_id[cpu], cpu);
	set_nodes(255, 1, (const char *const[]){"0-254"});
	assert_int_equal(topology.apic_id[254], 254);
}

static bool has(const struct kvm_cpuid2 *cpuid, __u32 function)
{
	for (__u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function)
			return true;
	return false;
}

static struct kvm_cpuid_entry2 find(const struct kvm_cpuid2 *cpuid, __u32 function, __u32 index)
{
	for (__u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return cpuid->entries[i];
	fail_msg("no leaf 0x%x, %u", function, index);
	return (struct kvm_cpuid_entry2){0};
}

/* What a host with 2 x 32 threads tells, as far as topology goes. */
static struct kvm_cpuid2 *host(const char *vendor)
{
	struct kvm_cpuid2 *cpuid = xcalloc(1, sizeof(*cpuid) + 32 * sizeof(cpuid->entries[0]));
	const struct kvm_cpuid_entry2 entries[] = {
		{.function = 0, .eax = 0x1f},
		{.function = 1, .ebx = 0x05400800, .ecx = 0, .edx = 1u << 28},
		{.function = 4, .index = 0, .flags = 1, .eax = 0xfc004121},
		{.function = 4, .index = 3, .flags = 1, .eax = 0xfc0fc163},
		{.function = 0xb, .index = 0, .flags = 1, .eax = 1, .ebx = 2},
		{.function = 0xb, .index = 1, .flags = 1, .eax = 6, .ebx = 64},
		{.function = 0x1f, .index = 0, .flags = 1, .eax = 1, .ebx = 2},
		{.function = 0x80000008, .eax = 0x3030, .ecx = 0x603f},
		{.function = 0x8000001e, .eax = 5, .ebx = 0x102, .ecx = 1},
	};

	cpuid->nent = sizeof(entries) / sizeof(entries[0]);
	memcpy(cpuid->entries, entries, sizeof(entries));
	memcpy(&cpuid->entries[0].ebx, vendor, 4);
	return cpuid;
}

static void leaves_tell_the_guests_topology_not_the_hosts(void **state)
{
	struct kvm_cpuid2 *cpuid = host("Genu");

	(void)state;
	set_nodes(4, 2, (const char *const[]){"0-1", "2-3"});
	for (unsigned int cpu = 0; cpu < 4; cpu++) { /* one table after another, rewritten in place */
		cpuid_for_vcpu(cpuid, &topology, cpu);
		assert_int_equal(find(cpuid, 1, 0).ebx, cpu << 24 | 2u << 16 | 0x0800);
		assert_true(find(cpuid, 1, 0).ecx & 1u << 31);
		assert_int_equal(find(cpuid, 4, 0).eax >> 14 & 0xfff, 0); /* L1: its own */
		assert_int_equal(find(cpuid, 4, 3).eax >> 14 & 0xfff, 1); /* L3: the socket's two */
		assert_int_equal(find(cpuid, 4, 3).eax >> 26, 1);
		assert_int_equal(find(cpuid, 0xb, 0).ebx, 1);
		assert_int_equal(find(cpuid, 0xb, 1).eax, 1);
		assert_int_equal(find(cpuid, 0xb, 1).ebx, 2);
		assert_int_equal(find(cpuid, 0xb, 1).edx, cpu);
		assert_false(has(cpuid, 0x1f));
		assert_int_equal(find(cpuid, 0x80000008, 0).ecx, 0x603f); /* reserved on Intel */
	}
	free(cpuid);
}

static void amd_leaves_agree(void **state)
{
	struct kvm_cpuid2 *cpuid = host("Auth");

	(void)state;
	set_nodes(6, 2, (const char *const[]){"0-2", "3-5"});
	cpuid_for_vcpu(cpuid, &topology, 4);
	assert_int_equal(find(cpuid, 0x80000008, 0).ecx, 2u << 12 | 2);
	assert_int_equal(find(cpuid, 0x8000001e, 0).eax, 5); /* socket 1, core 1 */
	assert_int_equal(find(cpuid, 0x8000001e, 0).ebx, 1);
	assert_int_equal(find(cpuid, 0x8000001e, 0).ecx, 1);
	free(cpuid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_node_has_ids_in_order),
		cmocka_unit_test(each_node_is_a_socket),
		cmocka_unit_test(ids_that_do_not_fit_fall_back_to_one_socket),
		cmocka_unit_test(leaves_tell_the_guests_topology_not_the_hosts),
		cmocka_unit_test(amd_leaves_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
