// SPDX-License-Identifier: GPL-2.0-or-later
/* Daemons that tune the host as well: noticed when root runs them, and what they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/knob.h"
#include "host/service.h"
#include "lib/xalloc.h"
#include "tests/unit/tree.h"

static struct root root;

static void put(int pid, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	tree_put(&root, path, text);
}

static void process(int pid, const char *comm, int uid)
{
	char status[128];

	snprintf(status, sizeof(status), "Name:\tx\nUid:\t%d\t%d\t%d\t%d\n", uid, uid, uid, uid);
	put(pid, "comm", comm);
	put(pid, "status", status);
}

static int setup(void **state)
{
	(void)state;
	return tree_open(&root);
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(&root);
}

static void roots_daemons_are_noticed_and_namesakes_are_not(void **state)
{
	struct service_list list, back;
	json_t *json;

	(void)state;
	process(10, "irqbalance\n", 0);
	process(11, "ksmtuned\n", 1000); /* anyone may call his process so */
	process(12, "tuned-gui\n", 0);
	put(13, "comm", "numad\n"); /* gone before its status was read */
	services_read(&root, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.found[0].service->name, "irqbalance");
	assert_int_equal(list.found[0].pid, 10);
	json = services_to_json(&list);
	json_array_append_new(json, json_pack("{s:s, s:i}", "name", "unheard-of", "pid", 1));
	services_from_json(json, &back);
	assert_int_equal(back.count, 1);
	assert_ptr_equal(back.found[0].service, list.found[0].service);
	assert_int_equal(back.found[0].pid, 10);
	json_decref(json);
	services_release(&list);
	services_release(&back);
}

static void only_what_is_written_again_and_again_is_held(void **state)
{
	struct service_list list;

	(void)state;
	process(10, "irqbalance\n", 0);
	process(11, "ksmtuned\n", 0);
	process(12, "tuned\n", 0);
	services_read(&root, &list);
	assert_int_equal(list.count, 3);
	assert_string_equal(services_holder(&list, "irq_affinity")->service->name, "irqbalance");
	assert_string_equal(services_holder(&list, "ksm_run")->service->name, "ksmtuned");
	assert_null(services_holder(&list, "ksm_merge_across_nodes"));
	assert_null(services_holder(&list, "cpu_governor")); /* tuned's, but written when it starts */
	services_release(&list);
}

/* A key that is misspelt in the table would never be found in a profile. */
static void every_key_of_the_table_is_one_of_the_profile(void **state)
{
	(void)state;
	for (size_t i = 0; i < service_count; i++) {
		char *keys = xstrdup(services[i].manages), *rest = keys, *key;

		while ((key = strsep(&rest, " "))) {
			struct service one = {.manages = key};
			unsigned int known = !strcmp(key, "vm") || !strcmp(key, "irq_affinity");

			for (size_t j = 0; j < knob_count; j++)
				known += service_manages(&one, knobs[j].name);
			if (!known)
				fail_msg("%s: no setting is called %s", services[i].name, key);
		}
		free(keys);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(roots_daemons_are_noticed_and_namesakes_are_not),
		TEST(only_what_is_written_again_and_again_is_held),
		cmocka_unit_test(every_key_of_the_table_is_one_of_the_profile),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
