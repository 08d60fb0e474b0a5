// SPDX-License-Identifier: GPL-2.0-or-later
/* Words on the kernel command line: looked for the way the kernel reads them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/cmdline.h"

#define LINE "quiet nohz_full=2-4 rcu-nocbs=2,3,4 hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=64 " \
	"dyndbg=\"file a +p\" console=ttyS0 -- nosmt\n"

static void a_word_is_looked_for_as_the_kernel_reads_it(void **state)
{
	static const struct {
		const char *word;
		enum cmdline_state state;
		const char *found;
	} cases[] = {
		{"quiet", CMDLINE_PRESENT, NULL},
		{"qui", CMDLINE_ABSENT, ""},
		{"nohz_full=2-4", CMDLINE_PRESENT, NULL},
		{"nohz_full=4,2-3", CMDLINE_PRESENT, NULL}, /* the same CPUs */
		{"nohz-full=2-4", CMDLINE_PRESENT, NULL},
		{"nohz_full=2-5", CMDLINE_OTHER, "nohz_full=2-4"},
		{"nohz_full", CMDLINE_OTHER, "nohz_full=2-4"},
		{"nohz=on", CMDLINE_ABSENT, ""},
		{"rcu_nocbs=2-4", CMDLINE_PRESENT, NULL},
		{"hugepages=64", CMDLINE_PRESENT, NULL}, /* a word may stand there several times */
		{"hugepages=5", CMDLINE_OTHER, "hugepages=64"},
		{"dyndbg=\"file a +p\"", CMDLINE_PRESENT, NULL},
		{"a", CMDLINE_ABSENT, ""}, /* inside of quotes */
		{"nosmt", CMDLINE_ABSENT, ""}, /* that is init's */
		{"console=ttyS1", CMDLINE_OTHER, "console=ttyS0"},
	};
	char found[CMDLINE_WORD_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum cmdline_state got = cmdline_look(LINE, cases[i].word, found);

		if (got != cases[i].state)
			fail_msg("%s: state %d, should be %d", cases[i].word, (int)got, (int)cases[i].state);
		if (cases[i].found)
			assert_string_equal(found, cases[i].found);
	}
	assert_int_equal(cmdline_look("", "quiet", found), CMDLINE_ABSENT);
	assert_int_equal(cmdline_look("\n", "quiet", found), CMDLINE_ABSENT);
}

static void what_is_no_single_word_is_refused_with_advice(void **state)
{
	static const struct {
		const char *word, *says;
	} cases[] = {
		{"", "NAME=VALUE"}, {"=2", "NAME=VALUE"}, {"nosmt quiet", "one by one"}, {"--", "leave it out"},
		{"a\nb", "control character"},
	};
	static const char *const good[] = {"nosmt", "isolcpus=managed_irq,domain,2-7", "a=\"b c\"",
		"kvm_intel.ple_gap=0"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {""};

		assert_int_equal(cmdline_word_check(cases[i].word, &err), -EINVAL);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s\nshould say '%s'", err.text, cases[i].says);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(cmdline_word_check(good[i], NULL), 0);
}

static void words_have_a_reason_and_a_source_and_are_found_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < cmdline_word_count; i++) {
		assert_true(strlen(cmdline_words[i].what) > 10);
		assert_true(strlen(cmdline_words[i].source) > 5);
		assert_ptr_equal(cmdline_word_find(cmdline_words[i].name), &cmdline_words[i]);
	}
	assert_string_equal(cmdline_word_find("nohz-full=2-7")->name, "nohz_full");
	assert_null(cmdline_word_find("nohz_ful"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_is_looked_for_as_the_kernel_reads_it),
		cmocka_unit_test(what_is_no_single_word_is_refused_with_advice),
		cmocka_unit_test(words_have_a_reason_and_a_source_and_are_found_by_name),
	};

	return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
