/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan --what-if: what it understands, and that what it says of two placements is so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/xalloc.h"
#include "tests/unit/stdout.h"
#include "tuner/what_if.h"

#define MACHINE "node:2(memory=8GB) core:4 pu:1"

/* A file, since another machine has the profile read again. */
static const char *write_profile(const char *text)
{
	static char path[] = "/tmp/vmtune-what-if-XXXXXX";
	FILE *file;

	if (strstr(path, "XXXXXX"))
		close(mkstemp(path));
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return path;
}

/* Asks, and gives back the answer as JSON; NULL when it was refused, with @err. */
static json_t *ask(const char *profile_text, const char *question, struct error *err)
{
	struct snapshot *snapshot = snapshot_load(MACHINE, err);
	struct profile *profile = profile_read(write_profile(profile_text), err);
	struct what_if what = { 0 };
	struct printed printed;
	json_t *answer = NULL;
	char *text;
	int rc;

	assert_non_null(snapshot);
	assert_non_null(profile);
	assert_int_equal(what_if_parse(&what, question, err), 0);
	printed_begin(&printed);
	rc = what_if_run(&what, profile, snapshot, true, err);
	text = printed_end(&printed);
	if (rc == 0)
		answer = json_loads(text, 0, NULL);
	free(text);
	what_if_release(&what);
	profile_free(profile);
	snapshot_free(snapshot);
	return answer;
}

static void questions_that_ask_nothing_are_refused(void **state)
{
	static const char *const wrong[] = { "", "profile=", "host", "more=", "more=a:0", "more=a:x", "more=a: 1",
		"more=a:99999", "less=a" };
	struct what_if what = { 0 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_true(what_if_parse(&what, wrong[i], &err) < 0);
	assert_int_equal(what_if_parse(&what, "more=a:7", &err), 0);
	assert_string_equal(what.more, "a");
	assert_int_equal(what.count, 7);
	assert_int_equal(what_if_parse(&what, "host=x", &err), 0);
	assert_true(what_if_parse(&what, "more=b", &err) < 0);
	assert_true(what_if_parse(&what, "host=y", &err) < 0);
	assert_string_equal(what.more, "a");
	what_if_release(&what);
}

/* Two nodes with room for two of 3 GiB each: beside one there is room for three more. */
static void as_many_fit_as_there_is_room(void **state)
{
	struct error err;
	json_t *answer = ask("vm a { kernel = k memory = 3G }", "more=a", &err);

	(void)state;
	assert_non_null(answer);
	assert_int_equal(json_integer_value(json_object_get(answer, "fit")), 3);
	assert_non_null(strstr(json_string_value(json_object_get(answer, "refusal")), "needs 3072M of memory"));
	json_decref(answer);
}

static void the_copies_stand_beside_the_others(void **state)
{
	struct error err;
	json_t *answer = ask("vm a { kernel = k } vm b { kernel = k vcpus = 2 dedicated = true }", "more=b:2", &err);
	json_t *then = json_object_get(answer, "then"), *now = json_object_get(answer, "now");

	(void)state;
	assert_int_equal(json_array_size(json_object_get(now, "vms")), 2);
	assert_int_equal(json_array_size(json_object_get(then, "vms")), 4);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(then, "vms"), 3), "name")),
		"b+2");
	assert_true(json_real_value(json_object_get(then, "loses")) > json_real_value(json_object_get(now, "loses")));
	json_decref(answer);
}

static void another_machine_and_what_is_not_there(void **state)
{
	struct error err;
	json_t *answer = ask("vm a { kernel = k memory = 10G vcpus = 4 }", "host=node:1(memory=16GB) core:8 pu:1", &err);
	json_t *vm;

	(void)state;
	assert_non_null(answer);
	vm = json_array_get(json_object_get(json_object_get(answer, "then"), "vms"), 0);
	assert_int_equal(json_array_size(json_object_get(vm, "nodes")), 1);
	json_decref(answer);
	assert_null(ask("vm a { kernel = k }", "more=zz", &err));
	assert_non_null(strstr(err.text, "has no VM 'zz'"));
	assert_null(ask("vm a { kernel = k memory = 10G vcpus = 4 }", "host=node:1(memory=4GB) core:8 pu:1", &err));
	assert_int_equal(strncmp(err.text, "then: ", 6), 0);
	assert_non_null(strstr(err.text, "a needs 10240M"));
}

static int remove_profile(void **state)
{
	(void)state;
	return unlink(write_profile(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_that_ask_nothing_are_refused),
		cmocka_unit_test(as_many_fit_as_there_is_room),
		cmocka_unit_test(the_copies_stand_beside_the_others),
		cmocka_unit_test(another_machine_and_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, remove_profile);
}
