// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine reader: synthetic strings, XML, and two machines captured in the lab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/machine.h"
#include "lib/size.h"
#include "tests/unit/capture.h"

static void assert_set(const struct idset *set, const char *wanted)
{
	char text[256];

	assert_string_equal(idset_format(set, text, sizeof(text)), wanted);
}

static struct machine *open_capture(const char *name)
{
	struct error err = {{0}};
	struct machine *machine;
	struct root root;

	assert_int_equal(capture_open(&root, name), 0);
	machine = machine_read(&root, &err);
	capture_close();
	if (!machine)
		fail_msg("%s", err.text);
	return machine;
}

static void synthetic_string_gives_nodes_caches_and_threads(void **state)
{
	struct machine *m = machine_from_synthetic("pack:2 numa:1(memory=8GiB) l3:2 core:2 pu:2", NULL);

	(void)state;
	assert_non_null(m);
	assert_int_equal(m->cpu_count, 16);
	assert_int_equal(m->package_count, 2);
	assert_int_equal(m->llc_count, 4);
	assert_int_equal(m->core_count, 8);
	assert_int_equal(m->node_count, 2);
	assert_set(&m->nodes[1].cpus, "8-15");
	assert_true(m->nodes[0].memory == 8 * GIB);
	assert_true(m->nodes[0].free == 8 * GIB);
	assert_false(m->live);
	assert_int_equal(m->cpus[9].node, 1);
	assert_int_equal(m->cpus[9].package, 1);
	assert_int_equal(m->cpus[9].thread, 1);
	assert_int_equal(m->cpus[9].llc, m->cpus[8].llc);
	assert_int_not_equal(m->cpus[9].llc, m->cpus[12].llc);
	assert_int_equal(machine_distance(m, 0, 0), 10);
	assert_int_equal(machine_distance(m, 0, 1), 20);
	assert_true(idset_equal(&m->allowed, &m->online));
	machine_free(m);
}

/*
 * Two packages with a node of two cores each; beside node 0 hangs high-bandwidth memory with a lower
 * number than its own (as no firmware should do), at package 1 a network card. CPU 3 is a fast one.
 */
static const char *const all_kinds_xml =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
	"<topology version=\"2.0\">"
	"<object type=\"Machine\" os_index=\"0\" cpuset=\"0xf\" complete_cpuset=\"0xf\" allowed_cpuset=\"0x7\""
	" nodeset=\"0x7\" complete_nodeset=\"0x7\" allowed_nodeset=\"0x7\" gp_index=\"1\">"
#define OBJECT(type, os, cpus, nodes, gp) "<object type=\"" type "\" os_index=\"" os "\" cpuset=\"" cpus \
	"\" complete_cpuset=\"" cpus "\" nodeset=\"" nodes "\" complete_nodeset=\"" nodes "\" gp_index=\"" gp "\""
#define PU(os, cpus, nodes, gp) OBJECT("Core", os, cpus, nodes, "1" gp) ">" \
	OBJECT("PU", os, cpus, nodes, "2" gp) "/></object>"
	OBJECT("Package", "0", "0x3", "0x3", "2") ">"
	OBJECT("NUMANode", "0", "0x3", "0x1", "3") " subtype=\"HBM\" local_memory=\"1073741824\"/>"
	OBJECT("NUMANode", "1", "0x3", "0x2", "4") " subtype=\"DRAM\" local_memory=\"4294967296\"/>"
	PU("0", "0x1", "0x3", "0") PU("1", "0x2", "0x3", "1") "</object>"
	OBJECT("Package", "1", "0xc", "0x4", "5") ">"
	OBJECT("NUMANode", "2", "0xc", "0x4", "6") " subtype=\"DRAM\" local_memory=\"4294967296\"/>"
	PU("2", "0x4", "0x4", "2") PU("3", "0x8", "0x4", "3")
	"<object type=\"Bridge\" gp_index=\"7\" bridge_type=\"0-1\" depth=\"0\" bridge_pci=\"0000:[00-3f]\">"
	"<object type=\"PCIDev\" gp_index=\"8\" pci_busid=\"0000:3b:00.0\""
	" pci_type=\"0200 [8086:10c9] [0000:0000] 01\" pci_link_speed=\"0.2\">"
	"<object type=\"OSDev\" gp_index=\"9\" name=\"eth0\" osdev_type=\"2\"/></object></object>"
	"</object></object>"
	"<memattr name=\"Bandwidth\" flags=\"5\"><memattr_value target_obj_type=\"NUMANode\""
	" target_obj_gp_index=\"3\" value=\"460000\" initiator_cpuset=\"0x3\"/></memattr>"
	"<memattr name=\"Latency\" flags=\"6\"><memattr_value target_obj_type=\"NUMANode\""
	" target_obj_gp_index=\"3\" value=\"130\" initiator_cpuset=\"0x3\"/></memattr>"
	"<cpukind cpuset=\"0x7\" forced_efficiency=\"0\"/><cpukind cpuset=\"0x8\" forced_efficiency=\"1\"/>"
	"</topology>";

static void xml_brings_tiers_devices_kinds_and_allowed_cpus(void **state)
{
	struct error err = {{0}};
	struct machine *m = machine_from_xml(all_kinds_xml, "x.xml", &err);

	(void)state;
	assert_string_equal(err.text, "");
	assert_non_null(m);
	assert_int_equal(m->node_count, 3);
	assert_set(&m->allowed, "0-2");
	assert_set(&m->nodes[0].cpus, "");
	assert_set(&m->nodes[1].cpus, "0-1");
	assert_int_equal(m->nodes[0].beside, 1);
	assert_int_equal(m->nodes[1].beside, MACHINE_NO_NODE);
	assert_string_equal(m->nodes[0].tier, "HBM");
	assert_string_equal(m->nodes[2].tier, "DRAM");
	assert_true(m->nodes[0].bandwidth == 460000 && m->nodes[0].latency == 130);
	assert_true(m->nodes[1].bandwidth == 0);
	assert_int_equal(machine_distance(m, 1, 0), 15); /* beside it, and there is no SLIT */
	assert_int_equal(machine_distance(m, 1, 2), 20);
	assert_int_equal(machine_cpu_of(m, 2)->kind, 0);
	assert_int_equal(machine_cpu_of(m, 3)->kind, 1);
	assert_non_null(machine_device_of(m, "eth0"));
	assert_int_equal(machine_device_of(m, "eth0")->node, 2);
	assert_ptr_equal(machine_device_of(m, "0000:3B:00.0"), machine_device_of(m, "3b:00.0"));
	assert_non_null(machine_device_of(m, "3b:00.0"));
	machine_free(m);
}

static void nonsense_is_one_clear_error(void **state)
{
	static const char *const bad[] = {"node:2 foo:3", "", "node:0", "[", "pu:5000"};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		assert_null(machine_from_synthetic(bad[i], &err));
		assert_true(strlen(err.text) > 0);
		assert_null(strchr(err.text, '\n'));
	}
	assert_null(machine_from_xml("<topology><object type=\"", "x.xml", &err));
	assert_non_null(strstr(err.text, "x.xml"));
}

static void captured_smt_machine_is_read_as_it_was(void **state)
{
	struct machine *m = open_capture("smt-two-nodes");
	const struct machine_pool *pool;

	(void)state;
	assert_true(m->live);
	assert_int_equal(m->cpu_count, 8);
	assert_int_equal(m->package_count, 2);
	assert_int_equal(m->core_count, 4);
	assert_int_equal(m->llc_count, 2);
	assert_set(&m->nodes[0].cpus, "0-3");
	assert_int_equal(m->cpus[3].thread, 1);
	assert_int_equal(m->cpus[3].core, m->cpus[2].core);
	assert_int_equal(machine_distance(m, 1, 0), 20);
	assert_true(m->nodes[0].free > 0 && m->nodes[0].free < m->nodes[0].memory);
	assert_true(m->nodes[0].available >= m->nodes[0].free);
	pool = machine_pool_of(&m->nodes[0], 2 * MIB);
	assert_non_null(pool);
	assert_int_equal(pool->total, 96);
	assert_int_equal(pool->free, 64); /* a guest holds 32 */
	assert_null(machine_pool_of(&m->nodes[0], 64 * KIB));
	machine_free(m);
}

static void nodes_without_cpus_or_memory_are_kept_apart(void **state)
{
	struct machine *m = open_capture("uneven-three-nodes");

	(void)state;
	assert_int_equal(m->node_count, 3);
	assert_set(&m->nodes[0].cpus, "0-1");
	assert_set(&m->nodes[1].cpus, "2-3");
	assert_true(m->nodes[1].memory == 0);
	assert_set(&m->nodes[2].cpus, "");
	assert_true(m->nodes[2].memory > 900 * MIB);
	assert_int_equal(machine_cpu_of(m, 3)->node, 1);
	assert_int_equal(machine_distance(m, 0, 2), 17);
	assert_int_equal(machine_distance(m, 2, 1), 28);
	machine_free(m);
}

/* CXL memory beside node 1: twice as slow as node 1's own, and a hop more from node 0. */
static void an_access_costs_what_the_firmware_measured(void **state)
{
	struct machine *m = machine_from_synthetic("node:3 core:2 pu:1", NULL);

	(void)state;
	assert_non_null(m);
	assert_true(machine_access(m, 0, 1) == 2 && machine_access(m, 1, 1) == 1);
	memset(&m->nodes[2].cpus, 0, sizeof(m->nodes[2].cpus));
	m->nodes[2].beside = 1;
	m->nodes[0].distance[2] = 17;
	assert_true(machine_access(m, 0, 2) == 1.7); /* the SLIT, as long as it alone is known */
	m->nodes[0].latency = m->nodes[1].latency = 100;
	assert_true(machine_access(m, 0, 2) == 1.7);
	assert_true(machine_access(m, 0, 9) == 2); /* of a node that is not there nothing is known */
	m->nodes[2].latency = 200;
	assert_true(machine_access(m, 1, 2) == 2);
	assert_true(machine_access(m, 0, 2) == 4);
	assert_true(machine_access(m, 0, 1) == 2);
	m->nodes[2].latency = 50; /* faster than local is local */
	assert_true(machine_access(m, 1, 2) == 1);
	m->nodes[2].beside = MACHINE_NO_NODE; /* nobody knows from where it was measured */
	assert_true(machine_access(m, 0, 2) == 1.7);
	machine_free(m);
}

static void json_brings_the_same_machine_back(void **state)
{
	static const char *const captures[] = {"smt-two-nodes", "uneven-three-nodes"};
	struct error err = {{0}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct machine *m = open_capture(captures[i]), *again;
		json_t *json = machine_to_json(m), *json_again;

		again = machine_from_json(json, "copy", &err);
		if (!again)
			fail_msg("%s", err.text);
		json_again = machine_to_json(again);
		/* Where it came from, and hwloc's own notes in the XML, may differ. */
		json_object_del(json, "source");
		json_object_del(json, "xml");
		json_object_del(json_again, "source");
		json_object_del(json_again, "xml");
		assert_true(json_equal(json, json_again));
		json_decref(json);
		json_decref(json_again);
		machine_free(m);
		machine_free(again);
	}
}

static void xml_subtracts_its_hugepages_from_free_memory(void **state)
{
	struct machine *m = open_capture("smt-two-nodes");
	struct machine *xml = machine_from_xml(m->xml, "x.xml", NULL);

	(void)state;
	assert_non_null(xml);
	assert_true(xml->nodes[0].free == xml->nodes[0].memory - 96 * 2 * MIB);
	machine_free(m);
	machine_free(xml);
}

static void damaged_json_is_refused(void **state)
{
	struct machine *m = machine_from_synthetic("node:2 pu:2", NULL);
	json_t *json = machine_to_json(m), *node = json_array_get(json_object_get(json, "nodes"), 1);
	struct error err;

	(void)state;
	json_object_set_new(node, "free", json_integer(-1));
	assert_null(machine_from_json(json, "f", &err));
	json_object_set_new(node, "free", json_integer(1));
	json_object_set_new(node, "node", json_integer(7));
	assert_null(machine_from_json(json, "f", &err));
	json_object_set_new(node, "node", json_integer(1));
	json_object_set_new(node, "distance", json_pack("[i]", 10));
	assert_null(machine_from_json(json, "f", &err));
	json_object_set_new(node, "distance", json_pack("[i,i]", 20, 10));
	json_object_set_new(node, "cpus", json_string("0-x"));
	assert_null(machine_from_json(json, "f", &err));
	json_object_del(json, "xml");
	assert_null(machine_from_json(json, "f", &err));
	assert_non_null(strstr(err.text, "xml"));
	json_decref(json);
	machine_free(m);
}

static void a_directory_that_is_no_machine_is_an_error(void **state)
{
	struct root root;
	struct error err;

	(void)state;
	assert_true(root_init(&root, "/nonexistent/x", &err) < 0);
	assert_int_equal(root_init(&root, "/tmp", &err), 0);
	assert_null(machine_read(&root, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(synthetic_string_gives_nodes_caches_and_threads),
		cmocka_unit_test(xml_brings_tiers_devices_kinds_and_allowed_cpus),
		cmocka_unit_test(nonsense_is_one_clear_error),
		cmocka_unit_test(captured_smt_machine_is_read_as_it_was),
		cmocka_unit_test(nodes_without_cpus_or_memory_are_kept_apart),
		cmocka_unit_test(an_access_costs_what_the_firmware_measured),
		cmocka_unit_test(json_brings_the_same_machine_back),
		cmocka_unit_test(xml_subtracts_its_hugepages_from_free_memory),
		cmocka_unit_test(damaged_json_is_refused),
		cmocka_unit_test(a_directory_that_is_no_machine_is_an_error),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
