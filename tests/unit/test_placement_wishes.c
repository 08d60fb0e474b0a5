/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a VM wants of those who live beside it: CPUs to itself, a limit, company or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/placement_bench.h"

/* Who may choose its CPUs leaves those alone that the profile names for others. */
static void named_cpus_are_not_dedicated_to_others(void **state)
{
	struct bench bench;
	char text[256];

	(void)state;
	place(&bench, "node:1(memory=8GB) core:4 pu:2", "vm a { kernel = k vcpus = 2 pins = \"2,4\" }\n"
		"vm b { kernel = k vcpus = 2 dedicated = true }");
	must_fit(&bench);
	for (unsigned int i = 0; i < 2; i++)
		assert_in_range(idset_next(&bench.vms[1].pins[i], -1), 6, 7);
	clear(&bench);
	for (unsigned int io = 2; io < 4; io++) {
		snprintf(text, sizeof(text), "vm a { kernel = k io_cpus = %u }\n"
			"vm b { kernel = k vcpus = 7 dedicated = true }", io);
		place(&bench, "node:1(memory=8GB) core:4 pu:2", text);
		must_fit(&bench);
		for (unsigned int i = 0; i < 7; i++)
			assert_false(idset_has(&bench.vms[1].pins[i], io));
		clear(&bench);
	}
}

/* vCPUs are counted, busy or not, where a VM says how many it bears beside it. */
static void the_overcommit_limit_is_kept(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:2(memory=8GB) core:4 pu:1", "vm a { kernel = k vcpus = 4 overcommit = 1 demand = 10 }\n"
		"vm b { kernel = k vcpus = 2 demand = 10 }");
	must_fit(&bench);
	assert_int_not_equal(bench.vms[0].nodes[0].host_node, bench.vms[1].nodes[0].host_node);
	clear(&bench);
	place(&bench, "node:2(memory=8GB) core:4 pu:1", "vm a { kernel = k vcpus = 4 overcommit = 1 demand = 10 }\n"
		"vm b { kernel = k vcpus = 6 demand = 10 }");
	must_refuse(&bench, "vCPUs on them and a limit of 1 a CPU");
	clear(&bench);
	place(&bench, "node:1(memory=8GB) core:4 pu:1", "vm a { kernel = k vcpus = 4 overcommit = 1.5 }\n"
		"vm b { kernel = k vcpus = 3 demand = 10% }");
	must_refuse(&bench, "4 CPUs with 4 vCPUs on them and a limit of 1.5 a CPU");
	clear(&bench);
}

/* What the profile says itself is done, and what that breaks is said. */
static void given_places_that_break_a_wish_are_told(void **state)
{
	struct bench bench;

	(void)state;
	place(&bench, "node:2(memory=8GB) core:4 pu:1", "vm a { kernel = k apart = web nodes = 1 }\n"
		"vm b { kernel = k apart = web nodes = 1 }\nvm c { kernel = k vcpus = 5 nodes = 0 overcommit = 1 }");
	must_fit(&bench);
	assert_non_null(strstr(bench.vms[0].why, "has CPUs of node 1 as b has"));
	assert_non_null(strstr(bench.vms[1].why, "has CPUs of node 1 as a has"));
	assert_non_null(strstr(bench.vms[2].why, "5 vCPUs share the 4 CPUs of node 0"));
	clear(&bench);
	place(&bench, "node:1(memory=8GB) core:4 pu:1", "vm a { kernel = k apart = web }\n"
		"vm b { kernel = k apart = web }");
	must_refuse(&bench, "but a is there");
	clear(&bench);
}

static void groups_keep_vms_apart_or_together(void **state)
{
	struct bench bench;
	char text[256];

	(void)state;
	for (unsigned int apart = 0; apart < 2; apart++) {
		const char *key = apart ? "apart" : "together";

		snprintf(text, sizeof(text), "vm a { kernel = k %s = web nodes = \"1\" }\nvm b { kernel = k %s = web }", key, key);
		place(&bench, "node:2(memory=8GB) core:4 pu:1", text);
		must_fit(&bench);
		assert_int_equal(bench.vms[1].nodes[0].host_node, apart ? 0 : 1);
		clear(&bench);
	}
	place(&bench, "node:1(memory=8GB) core:4 pu:1", "vm a { kernel = k apart = web }\nvm b { kernel = k apart = web }");
	must_refuse(&bench, "apart from the others of 'web'");
	clear(&bench);
}

/* Small VMs keep out of each other's caches, unless many shall fit: then they share a node. */
static void the_goal_says_whether_small_vms_spread(void **state)
{
	static const char *const goals[] = { "balanced", "density" };

	(void)state;
	for (unsigned int dense = 0; dense < 2; dense++) {
		struct bench bench;
		char text[256];

		snprintf(text, sizeof(text), "vm a { kernel = k memory = 2G goal = %s }\n"
			"vm b { kernel = k memory = 2G goal = %s }", goals[dense], goals[dense]);
		place(&bench, "node:2(memory=8GB) core:8 pu:1", text);
		must_fit(&bench);
		assert_int_equal(bench.vms[0].nodes[0].host_node == bench.vms[1].nodes[0].host_node, dense);
		clear(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_cpus_are_not_dedicated_to_others),
		cmocka_unit_test(the_overcommit_limit_is_kept),
		cmocka_unit_test(given_places_that_break_a_wish_are_told),
		cmocka_unit_test(groups_keep_vms_apart_or_together),
		cmocka_unit_test(the_goal_says_whether_small_vms_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
