/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Placement on drawn machines: what it chooses where the choice is clear, and what must hold of every
 * placement, on thousands of generated machines and profiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/size.h"
#include "tests/unit/placement_bench.h"
#include "tuner/placement/capacity.h"

#define ROUNDS 3000

static void assert_set(const struct idset *set, const char *wanted)
{
	char list[512];

	assert_string_equal(idset_format(set, list, sizeof(list)), wanted);
}

/* Takes a node's memory or its CPUs away, as on machines with CXL memory or empty sockets. */
static void strip(struct snapshot *snapshot, unsigned int node, bool memory)
{
	struct machine_node *stripped = &snapshot->machine->nodes[node];

	if (memory) {
		stripped->memory = stripped->free = stripped->available = 0;
		return;
	}
	idset_subtract(&snapshot->machine->online, &stripped->cpus);
	idset_subtract(&snapshot->machine->allowed, &stripped->cpus);
	memset(&stripped->cpus, 0, sizeof(stripped->cpus));
}

/* ---- clear choices ---- */

static void one_node_is_shared_by_all(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:1(memory=4GB) core:2 pu:1", "vm a { kernel = k vcpus = 2 } vm b { kernel = k }");
	must_fit(&bench);
	assert_int_equal(bench.vms[0].node_count, 1);
	assert_int_equal(bench.vms[0].nodes[0].memory, 512 * MIB);
	assert_set(&bench.vms[0].nodes[0].vcpus, "0-1");
	assert_set(&bench.vms[0].pins[1], "0-1");
	assert_set(&bench.vms[1].pins[0], "0-1");
	assert_set(&bench.vms[1].io_cpus, "0-1");
	clear(&bench);
}

static void a_vm_that_fits_into_a_node_is_not_split(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:2(memory=4GB) core:4 pu:1", "vm a { kernel = k vcpus = 4 memory = 3G }");
	must_fit(&bench);
	assert_int_equal(bench.vms[0].node_count, 1);
	assert_int_equal(idset_count(&bench.vms[0].pins[0]), 4);
	clear(&bench);
}

/* Two VMs that would overcommit one node's CPUs go to two nodes. */
static void cpus_are_not_overcommitted_without_need(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:2(memory=8GB) core:4 pu:1",
		"vm a { kernel = k vcpus = 3 } vm b { kernel = k vcpus = 3 } vm c { kernel = k }");
	must_fit(&bench);
	assert_int_not_equal(bench.vms[0].nodes[0].host_node, bench.vms[1].nodes[0].host_node);
	clear(&bench);
}

/* Why a VM is in parts: what no node has enough of before any of these VMs takes something. */
static void a_split_names_what_no_node_has(void **state)
{
	static const struct { const char *vms, *why; } rows[] = {
		{ "vm a { kernel = k vcpus = 5 }", "split over nodes 0-1: 5 vCPUs are more than the 4 CPUs of one" },
		{ "vm a { kernel = k vcpus = 5 memory = 1500M }\nvm b { kernel = k memory = 6G }\n"
		  "vm c { kernel = k memory = 6G }", "split over nodes 0-1: 5 vCPUs are more than the 4 CPUs of one" },
		{ "vm a { kernel = k vcpus = 4 memory = 9G }", "split over nodes 0-1: 9G do not fit into one" },
		{ "vm a { kernel = k vcpus = 5 memory = 9G }", "at most), and 5 vCPUs are more" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench bench;

		place(&bench, "node:2(memory=8GB) core:4 pu:1", rows[i].vms);
		must_fit(&bench);
		assert_non_null(strstr(bench.vms[0].why, rows[i].why));
		clear(&bench);
	}
}

static void a_device_that_is_not_there_is_refused(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:1(memory=8GB) core:4 pu:1", "vm a { kernel = k\nnear = { \"eth9\" } }");
	must_refuse(&bench, "x.conf:2: a: this host has no device 'eth9'");
	clear(&bench);
}

static void a_large_vm_is_split_over_near_nodes(void **state)
{
	struct snapshot *snapshot = draw("node:8(memory=4GB) core:4 pu:1");
	struct machine *machine = snapshot->machine;
	struct bench bench;

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		for (unsigned int j = 0; j < 8; j++)
			machine->nodes[i].distance[j] = i == j ? 10 : i / 2 == j / 2 ? 12 : 30;
	machine->nodes[0].available = machine->nodes[0].free = GIB; /* nodes 0 and 1 are no pair now */
	place_on(&bench, snapshot, "vm a { kernel = k vcpus = 8 memory = 6G }");
	must_fit(&bench);
	assert_int_equal(bench.vms[0].node_count, 2);
	assert_int_equal(bench.vms[0].nodes[0].host_node / 2, bench.vms[0].nodes[1].host_node / 2);
	assert_int_not_equal(bench.vms[0].nodes[0].host_node / 2, 0);
	assert_int_equal(bench.vms[0].nodes[0].memory, 3 * GIB);
	assert_int_equal(idset_count(&bench.vms[0].nodes[1].vcpus), 4);
	assert_int_equal(bench.vms[0].nodes[0].distance[0], 10);
	assert_int_equal(bench.vms[0].nodes[0].distance[1], 12);
	clear(&bench);
}

/* Where equal parts do not fit, parts are as large as what the nodes have free. */
static void an_uneven_host_gets_uneven_parts(void **state)
{
	struct snapshot *snapshot = draw("node:2(memory=8GB) core:4 pu:1");
	struct bench bench;

	(void)state;
	snapshot->machine->nodes[1].free = snapshot->machine->nodes[1].available = 2 * GIB;
	place_on(&bench, snapshot, "vm a { kernel = k vcpus = 8 memory = 8G }");
	must_fit(&bench);
	assert_int_equal(bench.vms[0].node_count, 2);
	assert_int_equal(bench.vms[0].nodes[0].memory + bench.vms[0].nodes[1].memory, 8 * GIB);
	assert_true(bench.vms[0].nodes[0].memory != bench.vms[0].nodes[1].memory);
	clear(&bench);
}

static void dedicated_cores_are_whole_and_in_one_cache(void **state)
{
	struct bench bench;
	struct idset both;

	(void)state;
	place(&bench, "pack:1 node:1(memory=16GB) l3:2 core:4 pu:2",
		"vm a { kernel = k vcpus = 3 dedicated = true } vm b { kernel = k vcpus = 4 dedicated = true }"
		"vm c { kernel = k vcpus = 2 }");
	must_fit(&bench);
	/* b, the largest, gets two cores; a's two cores are behind the other cache or beside it. */
	assert_set(&bench.vms[1].pins[0], "2");
	assert_set(&bench.vms[1].pins[1], "3");
	assert_set(&bench.vms[1].pins[2], "4");
	both = bench.vms[2].pins[0];
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(idset_count(&bench.vms[0].pins[i]), 1);
		assert_false(idset_has(&both, (unsigned int)idset_next(&bench.vms[0].pins[i], -1)));
		assert_false(idset_has(&both, (unsigned int)idset_next(&bench.vms[0].pins[i], -1) ^ 1));
	}
	/* The sibling that a leaves over is its own I/O thread's. */
	assert_int_equal(idset_count(&bench.vms[0].io_cpus), 1);
	assert_int_equal(idset_next(&bench.vms[0].io_cpus, -1) ^ 1, idset_next(&bench.vms[0].pins[2], -1));
	assert_true(idset_has(&both, 0));
	clear(&bench);
}

/* A hybrid CPU behind one cache: CPUs 0-7 frugal, 8-15 fast with two threads a core. */
static struct snapshot *hybrid(void)
{
	struct snapshot *snapshot = draw("node:1(memory=16GB) l3:1 core:8 pu:2");

	for (unsigned int i = 0; i < 16; i++) {
		snapshot->machine->cpus[i].kind = i >= 8;
		snapshot->machine->cpus[i].core = i < 8 ? i : 4 + i / 2;
	}
	snapshot->machine->core_count = 12;
	return snapshot;
}

static void dedicated_cpus_are_of_one_kind(void **state)
{
	struct bench bench;

	(void)state;
	place_on(&bench, hybrid(), "vm fast { kernel = k vcpus = 6 dedicated = true memory = 1G }"
		" vm frugal { kernel = k vcpus = 5 dedicated = true memory = 512M }");
	must_fit(&bench);
	for (unsigned int i = 0; i < 6; i++)
		assert_true(idset_next(&bench.vms[0].pins[i], -1) >= 8);
	for (unsigned int i = 0; i < 5; i++)
		assert_true(idset_next(&bench.vms[1].pins[i], -1) < 8);
	clear(&bench);
}

static void the_host_keeps_a_cpu(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:1(memory=4GB) core:4 pu:1", "vm a { kernel = k vcpus = 4 dedicated = true }");
	must_refuse(&bench, "x.conf:1: a needs 512M of memory and 4 dedicated CPUs");
	clear(&bench);
	place(&bench, "node:1(memory=4GB) core:4 pu:1", "vm a { kernel = k vcpus = 3 dedicated = true }");
	must_fit(&bench);
	assert_set(&bench.vms[0].pins[0], "1");
	assert_set(&bench.vms[0].io_cpus, "0");
	clear(&bench);
}

static void isolated_cpus_are_for_dedicated_vcpus(void **state)
{
	struct snapshot *snapshot = draw("node:1(memory=4GB) core:6 pu:1");
	struct bench bench;

	(void)state;
	assert_int_equal(idset_parse("3-4", &snapshot->machine->isolated, NULL), 0);
	place_on(&bench, snapshot, "vm a { kernel = k vcpus = 2 dedicated = true } vm b { kernel = k }");
	must_fit(&bench);
	assert_set(&bench.vms[0].pins[0], "3");
	assert_set(&bench.vms[0].pins[1], "4");
	assert_set(&bench.vms[1].pins[0], "0-2,5");
	clear(&bench);
}

static void pins_bring_their_memory_along(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:2(memory=4GB) core:4 pu:1",
		"vm a { kernel = k vcpus = 4 memory = 1G pins = \"0=1,1=5,2=2,3=3\" }");
	must_fit(&bench);
	assert_int_equal(bench.vms[0].node_count, 2);
	assert_set(&bench.vms[0].nodes[0].vcpus, "0,2-3");
	assert_set(&bench.vms[0].nodes[1].vcpus, "1");
	assert_int_equal(bench.vms[0].nodes[0].memory + bench.vms[0].nodes[1].memory, GIB);
	assert_true(bench.vms[0].nodes[0].memory > 2 * bench.vms[0].nodes[1].memory);
	clear(&bench);
}

static void guest_nodes_can_be_more_than_host_nodes(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:2(memory=4GB) core:4 pu:1",
		"vm a { kernel = k vcpus = 4 memory = 1G nodes = \"0-1\" guest_nodes = 4 }");
	must_fit(&bench);
	assert_int_equal(bench.vms[0].node_count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(bench.vms[0].nodes[i].host_node, i / 2);
		assert_int_equal(bench.vms[0].nodes[i].memory, 256 * MIB);
		assert_int_equal(idset_count(&bench.vms[0].nodes[i].vcpus), 1);
	}
	assert_int_equal(bench.vms[0].nodes[0].distance[1], 11);
	assert_int_equal(bench.vms[0].nodes[0].distance[2], 20);
	assert_non_null(strstr(bench.vms[0].why, "node 0 alone would hold it"));
	clear(&bench);
	place(&bench, "node:2(memory=4GB) core:4 pu:1", "vm a { kernel = k vcpus = 4 memory = 1G guest_nodes = 2 }");
	must_fit(&bench);
	assert_non_null(strstr(bench.vms[0].why, "1 guest node would fit better"));
	clear(&bench);
}

static uint64_t memory_on(const struct bench *bench, int host_node)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < bench->profile->vm_count; i++)
		for (unsigned int j = 0; j < bench->vms[i].node_count; j++)
			if (bench->vms[i].nodes[j].host_node == host_node)
				sum += bench->vms[i].nodes[j].memory;
	return sum;
}

static void nodes_without_memory_or_cpus_are_used_by_halves(void **state)
{
	struct snapshot *snapshot = draw("node:3(memory=4GB) core:2 pu:1");
	struct bench bench;

	(void)state;
	strip(snapshot, 1, true);
	strip(snapshot, 2, false);
	place_on(&bench, snapshot, "vm a { kernel = k vcpus = 2 memory = 3G }"
		"vm b { kernel = k vcpus = 2 memory = 3G }");
	must_fit(&bench);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_not_equal(bench.vms[i].nodes[0].host_node, 1);
		assert_false(idset_empty(&bench.vms[i].pins[0]));
		assert_false(idset_has(&bench.vms[i].pins[0], 4));
	}
	assert_true(memory_on(&bench, 0) <= 4 * GIB && memory_on(&bench, 2) >= 2 * GIB);
	clear(&bench);
	snapshot = draw("node:2(memory=4GB) core:2 pu:1");
	strip(snapshot, 1, true);
	place_on(&bench, snapshot, "vm a { kernel = k nodes = \"1\" }");
	must_refuse(&bench, "node 1 of this host has no memory; nodes with memory are 0");
	clear(&bench);
}

static void pool_pages_come_from_the_pool_first(void **state)
{
	struct snapshot *snapshot = draw("node:2(memory=4GB) core:2 pu:1");
	struct machine_node *node = &snapshot->machine->nodes[1];
	struct bench bench;

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		snapshot->machine->nodes[i].available = snapshot->machine->nodes[i].free = 256 * MIB;
	node->pools[0] = (struct machine_pool){ .page_size = 2 * MIB, .total = 600, .free = 512 };
	node->pool_count = 1;
	place_on(&bench, snapshot, "vm a { kernel = k memory = 1G pages = 2M }");
	must_fit(&bench);
	assert_int_equal(bench.vms[0].nodes[0].host_node, 1);
	clear(&bench);
}

/* ---- refusals ---- */

static void refusals_say_what_is_missing_where(void **state)
{
	struct bench bench;
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "vm a { kernel = k memory = 9G vcpus = 2 }", "x.conf:1: a needs 9216M of memory and 2 CPUs" },
		{ "vm a { kernel = k memory = 9G vcpus = 2 }", "node 1: " },
		{ "vm a { kernel = k\nnodes = \"2\" }", "x.conf:2: a: this host has no node 2; it has 0-1" },
		{ "vm a { kernel = k\npins = \"9\" }", "x.conf:2: a: vCPU 0 is pinned to host CPU 9" },
		{ "vm a { kernel = k vcpus = 2 nodes = \"0-1\"\nmemory = 8G }", "x.conf:2: a needs 4096M on node 0" },
		{ "vm a { kernel = k nodes = \"0\" pages = 2M\nmemory = 8G }",
			"x.conf:2: a needs 4096 2M pages on node 0" },
		{ "vm a { kernel = k pins = \"1\" dedicated = true }\nvm b { kernel = k\npins = \"1\" }",
			"x.conf:3: b: vCPU 0 is pinned to host CPU 1, which is dedicated to another VM" },
		{ "vm a { kernel = k pins = \"1\" dedicated = true }\nvm b { kernel = k\nio_cpus = \"1\" }",
			"x.conf:3: b: host CPU 1 is dedicated to a vCPU" },
		{ "vm a { kernel = k pins = \"0,1\" vcpus = 2 dedicated = true }\nvm b { kernel = k\n"
		  "nodes = \"0\" }", "x.conf:3: b: all CPUs of node 0 are dedicated" },
		{ "vm a { kernel = k vcpus = 3 nodes = \"0\"\ndedicated = true }",
			"x.conf:2: a needs 3 dedicated CPUs on node 0; 2 are free there" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		place(&bench, "node:2(memory=4GB) core:2 pu:1", rows[i].text);
		must_refuse(&bench, rows[i].words);
		clear(&bench);
	}
}

/* ---- what must hold always ---- */

static unsigned int seed;

static unsigned int below(unsigned int limit)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % limit;
}

static struct snapshot *draw_any(void)
{
	char text[128];
	struct snapshot *snapshot;
	unsigned int nodes = 1 + below(4);

	snprintf(text, sizeof(text), "node:%u(memory=%uGB) l3:%u core:%u pu:%u", nodes, 1 + below(8),
		1 + below(2), 1 + below(4), 1 + below(2));
	snapshot = draw(text);
	for (unsigned int i = 0; i < nodes; i++) {
		struct machine_node *node = &snapshot->machine->nodes[i];

		if (i && below(6) == 0)
			strip(snapshot, i, below(2));
		if (node->memory && below(3) == 0)
			node->free = node->available = node->memory / (1 + below(4));
		if (node->memory && below(3) == 0) {
			node->pools[0] = (struct machine_pool){ .page_size = 2 * MIB,
				.total = 100, .free = below(100) };
			node->pool_count = 1;
		}
	}
	return snapshot;
}

static void write_vm(char *text, size_t size, unsigned int number)
{
	static const char *const pages[] = { "4K", "THP", "2M" };
	unsigned int vcpus = 1 + below(6);
	size_t used = strlen(text);

	snprintf(text + used, size - used, "vm v%u { kernel = k vcpus = %u memory = %uM pages = %s "
		"dedicated = %s }\n", number, vcpus, 64 * (1 + below(24)), pages[below(3)],
		below(3) ? "false" : "true");
}

/* Who has a CPU to himself shares it with nobody, neither vCPU nor I/O thread. */
static void check_dedicated(const struct bench *bench)
{
	struct idset taken = { 0 };

	for (unsigned int i = 0; i < bench->profile->vm_count; i++)
		for (unsigned int j = 0; bench->vms[i].vm->dedicated && j < bench->vms[i].vm->vcpus; j++) {
			assert_int_equal(idset_count(&bench->vms[i].pins[j]), 1);
			assert_false(idset_has(&taken, (unsigned int)idset_next(&bench->vms[i].pins[j], -1)));
			idset_union(&taken, &bench->vms[i].pins[j]);
		}
	for (unsigned int i = 0; i < bench->profile->vm_count; i++) {
		struct idset io = bench->vms[i].io_cpus;

		assert_false(idset_empty(&io));
		idset_intersect(&io, &taken);
		assert_true(idset_empty(&io));
		for (unsigned int j = 0; !bench->vms[i].vm->dedicated && j < bench->vms[i].vm->vcpus; j++) {
			struct idset both = bench->vms[i].pins[j];

			assert_false(idset_empty(&both));
			idset_intersect(&both, &taken);
			assert_true(idset_empty(&both));
		}
	}
}

/* Every VM has all its memory and each of its vCPUs once, on nodes and CPUs that exist. */
static void check_sums(const struct bench *bench)
{
	for (unsigned int i = 0; i < bench->profile->vm_count; i++) {
		const struct placed_vm *placed = &bench->vms[i];
		struct idset seen = { 0 };
		uint64_t memory = 0;

		for (unsigned int j = 0; j < placed->node_count; j++) {
			const struct placed_node *node = &placed->nodes[j];
			const struct machine_node *host = machine_node_of(bench->snapshot->machine,
				node->host_node);
			struct idset both = node->vcpus;

			assert_true(host && host->memory);
			assert_true(node->memory && node->memory % (2 * MIB) == 0);
			memory += node->memory;
			idset_intersect(&both, &seen);
			assert_true(idset_empty(&both));
			idset_union(&seen, &node->vcpus);
		}
		assert_int_equal(memory, placed->vm->memory);
		assert_int_equal(idset_count(&seen), placed->vm->vcpus);
		for (unsigned int j = 0; j < placed->vm->vcpus; j++)
			assert_true(idset_within(&placed->pins[j], &bench->snapshot->machine->online));
		assert_non_null(placed->why);
	}
}

static void check_capacity(const struct bench *bench)
{
	const struct machine *machine = bench->snapshot->machine;

	for (unsigned int n = 0; n < machine->node_count; n++) {
		const struct machine_node *node = &machine->nodes[n];
		uint64_t small = 0, huge = 0, pool = node->pool_count ? node->pools[0].free * 2 * MIB : 0;

		for (unsigned int i = 0; i < bench->profile->vm_count; i++)
			for (unsigned int j = 0; j < bench->vms[i].node_count; j++) {
				const struct placed_node *placed = &bench->vms[i].nodes[j];
				bool is_huge = bench->vms[i].vm->pages == PAGES_2M;

				if (placed->host_node == (int)node->os)
					*(is_huge ? &huge : &small) += placed->memory;
			}
		if (small || huge > pool)
			assert_true(small + (huge > pool ? huge - pool : 0) + host_share(node) <=
				node_available(node));
	}
}

static void check_same(const struct bench *bench)
{
	struct placed_vm *again = xcalloc(bench->profile->vm_count + 1, sizeof(*again));
	struct error err;

	assert_int_equal(placement_make(bench->profile, bench->snapshot, again, &err), 0);
	for (unsigned int i = 0; i < bench->profile->vm_count; i++) {
		const struct placed_vm *one = &bench->vms[i], *two = &again[i];

		assert_int_equal(one->node_count, two->node_count);
		assert_memory_equal(one->nodes, two->nodes, one->node_count * sizeof(*one->nodes));
		assert_memory_equal(one->pins, two->pins, one->vm->vcpus * sizeof(*one->pins));
		assert_true(idset_equal(&one->io_cpus, &two->io_cpus));
		assert_string_equal(one->why, two->why);
	}
	placed_vms_free(again, bench->profile->vm_count);
}

static void every_placement_keeps_its_promises(void **state)
{
	unsigned int fitted = 0;

	(void)state;
	for (seed = 1; seed <= ROUNDS;) {
		unsigned int round = seed, count;
		struct snapshot *snapshot = draw_any();
		struct bench bench;
		char text[2048] = "";

		count = 1 + below(4);
		for (unsigned int i = 0; i < count; i++)
			write_vm(text, sizeof(text), i);
		place_on(&bench, snapshot, text);
		if (bench.rc == 0) {
			fitted++;
			check_dedicated(&bench);
			check_sums(&bench);
			check_capacity(&bench);
			check_same(&bench);
		} else {
			assert_int_equal(strncmp(bench.err.text, "x.conf:", 7), 0);
		}
		clear(&bench);
		seed = round + 1;
	}
	/* Both outcomes must have been seen often, or the rounds proved little. */
	assert_true(fitted > ROUNDS / 5 && fitted < ROUNDS - ROUNDS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_node_is_shared_by_all),
		cmocka_unit_test(a_vm_that_fits_into_a_node_is_not_split),
		cmocka_unit_test(cpus_are_not_overcommitted_without_need),
		cmocka_unit_test(a_split_names_what_no_node_has),
		cmocka_unit_test(a_device_that_is_not_there_is_refused),
		cmocka_unit_test(a_large_vm_is_split_over_near_nodes),
		cmocka_unit_test(an_uneven_host_gets_uneven_parts),
		cmocka_unit_test(dedicated_cores_are_whole_and_in_one_cache),
		cmocka_unit_test(dedicated_cpus_are_of_one_kind),
		cmocka_unit_test(the_host_keeps_a_cpu),
		cmocka_unit_test(isolated_cpus_are_for_dedicated_vcpus),
		cmocka_unit_test(pins_bring_their_memory_along),
		cmocka_unit_test(guest_nodes_can_be_more_than_host_nodes),
		cmocka_unit_test(nodes_without_memory_or_cpus_are_used_by_halves),
		cmocka_unit_test(pool_pages_come_from_the_pool_first),
		cmocka_unit_test(refusals_say_what_is_missing_where),
		cmocka_unit_test(every_placement_keeps_its_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
