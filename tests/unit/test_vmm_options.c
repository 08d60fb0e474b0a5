// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of vmm: defaults, what it accepts, and what it says about the rest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/size.h"
#include "vmm/options.h"

#define ARGS_MAX 24

static struct vm_config config;
static struct error err;

/* Parses a command line given as one text, cut at blanks, after "vmm --kernel k". */
static int parse(const char *text)
{
	static char copy[1024];
	char *argv[ARGS_MAX + 1] = {(char *)"vmm", (char *)"--kernel", (char *)"k"};
	char *rest = copy, *word;
	int argc = 3;

	vm_config_release(&config);
	strcpy(copy, text);
	while ((word = strsep(&rest, " ")))
		if (*word && argc < ARGS_MAX)
			argv[argc++] = word;
	err.text[0] = '\0';
	return vm_config_parse(argc, argv, &config, &err);
}

static int teardown(void **state)
{
	(void)state;
	vm_config_release(&config);
	return 0;
}

static bool set_is(const struct idset *set, const char *list)
{
	struct idset wanted;

	assert_int_equal(idset_parse(list, &wanted, NULL), 0);
	return idset_equal(set, &wanted);
}

static void everything_but_the_kernel_has_a_default(void **state)
{
	char *none[] = {(char *)"vmm", NULL};

	(void)state;
	assert_int_equal(parse(""), 0);
	assert_string_equal(config.kernel, "k");
	assert_string_equal(config.name, "guest");
	assert_int_equal(config.cpus, 1);
	assert_int_equal(config.node_count, 1);
	assert_true(config.nodes[0].size == 512 * MIB);
	assert_int_equal(config.nodes[0].pages, MEMORY_PAGES_THP);
	assert_true(set_is(&config.nodes[0].cpus, "0"));
	assert_int_equal(config.serial.kind, CHARDEV_STDIO);
	assert_int_equal(config.console.kind, CHARDEV_NONE);
	assert_true(config.rng && config.balloon);
	assert_false(config.prefault);
	assert_null(config.qmp);
	vm_config_release(&config);
	assert_int_equal(vm_config_parse(1, none, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--kernel"));
}

static void the_example_of_the_manual_is_what_it_says(void **state)
{
	(void)state;
	assert_int_equal(parse("--name db --cpus 4 --numa cpus=0-1,memory=2G,host-node=0,pages=2M "
			       "--numa cpus=2-3,memory=2G,host-node=1,pages=2M --pin 0=2,1=3,2=6,3=7 "
			       "--io-cpus 0 --disk FILE --net user --serial unix:S --qmp Q"),
		0);
	assert_int_equal(config.node_count, 2);
	assert_true(set_is(&config.nodes[1].cpus, "2-3"));
	assert_true(set_is(&config.nodes[1].host_nodes, "1"));
	assert_int_equal(config.nodes[1].policy, MEMORY_POLICY_BIND);
	assert_int_equal(config.nodes[1].pages, MEMORY_PAGES_2M);
	assert_true(set_is(&config.pin[2], "6"));
	assert_true(set_is(&config.io_cpus, "0"));
	assert_string_equal(config.disks[0].path, "FILE");
	assert_int_equal(config.nets[0].backend, NET_USER);
	assert_int_equal(config.serial.kind, CHARDEV_UNIX);
	assert_string_equal(config.serial.path, "S");
	assert_true(config.prefault); /* a host node was named */
	assert_false(config.balloon); /* no use with hugepages */
}

static void lists_inside_of_parts_are_joined_by_plus(void **state)
{
	(void)state;
	assert_int_equal(parse("--cpus 6 --numa cpus=0-1+4,memory=1G,host-node=0+2,policy=interleave "
			       "--numa cpus=2-3+5,memory=1G --pin 0-1=8-9+12,5=3"),
		0);
	assert_true(set_is(&config.nodes[0].cpus, "0-1,4"));
	assert_true(set_is(&config.nodes[0].host_nodes, "0,2"));
	assert_int_equal(config.nodes[0].policy, MEMORY_POLICY_INTERLEAVE);
	assert_true(set_is(&config.pin[1], "8-9,12"));
	assert_true(set_is(&config.pin[5], "3"));
	assert_true(idset_empty(&config.pin[2]));
	assert_int_equal(parse("--numa cpus=0-1,4,memory=1G"), -EINVAL);
	assert_non_null(strstr(err.text, "'+'"));
}

static void cpus_are_counted_or_spread(void **state)
{
	(void)state;
	assert_int_equal(parse("--numa cpus=0-2,memory=1G --numa cpus=3,memory=1G"), 0);
	assert_int_equal(config.cpus, 4);
	assert_int_equal(parse("--cpus 5 --numa memory=1G --numa memory=1G"), 0);
	assert_true(set_is(&config.nodes[0].cpus, "0-2"));
	assert_true(set_is(&config.nodes[1].cpus, "3-4"));
	assert_int_equal(parse("--cpus 2 --numa cpus=0-1,memory=1G --numa memory=1G"), 0);
	assert_true(idset_empty(&config.nodes[1].cpus)); /* a node of memory only */
}

static void distances_default_and_mirror(void **state)
{
	(void)state;
	assert_int_equal(parse("--cpus 3 --numa memory=1G,distance=10+15 --numa memory=1G "
			       "--numa memory=1G,distance=33+31+10"),
		0);
	assert_int_equal(config.distance[0][0], 10);
	assert_int_equal(config.distance[0][1], 15);
	assert_int_equal(config.distance[1][0], 15); /* mirrored */
	assert_int_equal(config.distance[0][2], 33);
	assert_int_equal(config.distance[2][1], 31);
	assert_int_equal(parse("--cpus 2 --numa memory=1G --numa memory=1G"), 0);
	assert_int_equal(config.distance[1][0], 20);
}

static void memory_is_short_for_one_node(void **state)
{
	(void)state;
	assert_int_equal(parse("--cpus 3 --memory 1G"), 0);
	assert_true(config.nodes[0].size == GIB);
	assert_true(set_is(&config.nodes[0].cpus, "0-2"));
	assert_int_equal(parse("--memory 64M,mergeable,host-node=0 --no-prefault"), 0);
	assert_true(config.nodes[0].mergeable);
	assert_int_equal(config.nodes[0].pages, MEMORY_PAGES_4K); /* THP would be split again */
	assert_false(config.prefault);
	assert_int_equal(parse("--memory 2G,pages=1g,shared --balloon"), 0);
	assert_int_equal(config.nodes[0].pages, MEMORY_PAGES_1G);
	assert_true(config.nodes[0].shared && config.balloon);
}

static void devices_are_configured(void **state)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0xab};

	(void)state;
	assert_int_equal(parse("--disk a,b.img,readonly --disk c --net tap=t0,mac=52:54:00:12:34:ab "
			       "--serial none --console stdio --no-rng --no-balloon --pidfile P --paused "
			       "--no-reboot --triple-fault reset"),
		0);
	assert_int_equal(config.disk_count, 2);
	assert_string_equal(config.disks[0].path, "a,b.img");
	assert_true(config.disks[0].readonly && !config.disks[1].readonly);
	assert_int_equal(config.nets[0].backend, NET_TAP);
	assert_string_equal(config.nets[0].tap, "t0");
	assert_memory_equal(config.nets[0].mac, mac, 6);
	assert_int_equal(config.console.kind, CHARDEV_STDIO);
	assert_false(config.rng || config.balloon);
	assert_true(config.paused && config.no_reboot && config.triple_fault_resets);
}

static void balloon_has_switches(void **state)
{
	(void)state;
	assert_int_equal(parse("--balloon"), 0);
	assert_true(config.balloon_config.deflate_on_oom && config.balloon_config.page_poison);
	assert_false(config.balloon_config.free_page_reporting || config.balloon_config.free_page_hint);
	assert_int_equal(parse("--balloon=free-page-reporting=on,free-page-hint=on,deflate-on-oom=off,"
			       "page-poison=off"),
		0);
	assert_true(config.balloon);
	assert_false(config.balloon_config.deflate_on_oom || config.balloon_config.page_poison);
	assert_true(config.balloon_config.free_page_reporting && config.balloon_config.free_page_hint);
	assert_int_equal(parse("--balloon=free-page-reporting=yes"), -EINVAL);
	assert_non_null(strstr(err.text, "neither on nor off"));
	assert_int_equal(parse("--balloon=reporting=on"), -EINVAL);
	assert_non_null(strstr(err.text, "free-page-reporting"));
}

static void bad_values_are_named(void **state)
{
	static const struct {
		const char *arguments, *says;
	} cases[] = {
		{"--cpus 0", "1 to 255"},
		{"--cpus 256", "1 to 255"},
		{"--cpus two", "'two'"},
		{"--memory 1X", "1X"},
		{"--memory 1G --numa memory=1G", "--memory"},
		{"--numa memory=1G --memory 1G", "--numa"},
		{"--memory 1G --memory 1G", "twice"},
		{"--numa cpus=0", "memory=SIZE"},
		{"--numa memory=1G,polcy=bind", "policy"},
		{"--numa memory=1G,policy=bind", "host-node"},
		{"--numa memory=1G,policy=near,host-node=0", "interleave"},
		{"--numa memory=1G,pages=3M", "THP"},
		{"--numa memory", "memory=SIZE"},
		{"--numa memory=1G,shared=on", "no value"},
		{"--cpus 2 --numa cpus=0,memory=1G", "vCPU 1 is in no node"},
		{"--cpus 1 --numa cpus=0-1,memory=1G", "the last is 0"},
		{"--numa cpus=0-1,memory=1G --numa cpus=1,memory=1G", "two nodes"},
		{"--numa memory=1G,distance=11", "10 to itself"},
		{"--numa memory=1G,distance=10+20", "there are 1 nodes"},
		{"--numa memory=1G,distance=10+300", "10 to 254"},
		{"--pin 0", "VCPU=HOSTCPUS"},
		{"--pin 1=0", "no vCPU 1"},
		{"--pin 0=1,0=2", "twice"},
		{"--pin 300=1", "at most 255"},
		{"--io-cpus x", "0-3,8"},
		{"--disk ,readonly", "names no file"},
		{"--net", "value"},
		{"--net mac=52:54:00:12:34:56", "no backend"},
		{"--net user,tap=t", "second backend"},
		{"--net tap=sixteen-letters-", "too long"},
		{"--net user,mac=53:54:00:12:34:56", "MAC"},
		{"--net user,mac=52:54:00:12:34", "MAC"},
		{"--serial tty", "unix:SOCKET"},
		{"--serial file:", "unix:SOCKET"},
		{"--serial stdio:x", "unix:SOCKET"},
		{"--console stdio", "--serial none"},
		{"--triple-fault ignore", "end, reset"},
		{"--name a/b", "'a/b'"},
		{"--colour", "--colour"},
		{"stray", "stray"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(cases[i].arguments) != -EINVAL)
			fail_msg("'%s' was accepted", cases[i].arguments);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' says '%s', without '%s'", cases[i].arguments, err.text, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(everything_but_the_kernel_has_a_default, teardown),
		cmocka_unit_test_teardown(the_example_of_the_manual_is_what_it_says, teardown),
		cmocka_unit_test_teardown(lists_inside_of_parts_are_joined_by_plus, teardown),
		cmocka_unit_test_teardown(cpus_are_counted_or_spread, teardown),
		cmocka_unit_test_teardown(distances_default_and_mirror, teardown),
		cmocka_unit_test_teardown(memory_is_short_for_one_node, teardown),
		cmocka_unit_test_teardown(devices_are_configured, teardown),
		cmocka_unit_test_teardown(balloon_has_switches, teardown),
		cmocka_unit_test_teardown(bad_values_are_named, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
