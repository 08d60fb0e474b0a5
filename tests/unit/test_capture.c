// SPDX-License-Identifier: GPL-2.0-or-later
/* Running a program for its number: whatever it does, it ends in time and at an interrupt. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tuner/capture.h"
#include "tuner/interrupt.h"

#define LONG_MS  60000 /* longer than any of these takes */
#define SHORT_MS 200

static int number_of(const char *script, int limit_ms, double *value, struct error *err)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script, NULL};

	return capture_number(argv, limit_ms, value, err);
}

static void the_last_number_counts(void **state)
{
	struct error err = {""};
	double value = 0;

	(void)state;
	assert_int_equal(number_of("echo p50=12 p99=345.5 ms", LONG_MS, &value, &err), 0);
	assert_true(value > 345.4 && value < 345.6);
	assert_int_equal(number_of("echo none", LONG_MS, &value, &err), -EINVAL);
	assert_int_equal(number_of("echo 1; echo its word >&2; exit 3", LONG_MS, &value, &err), -ECHILD);
	assert_non_null(strstr(err.text, "status 3: its word"));
}

/* Its end is waited for no longer than its output. */
static void what_has_closed_its_output_is_ended_too(void **state)
{
	struct error err = {""};
	double value = 0;

	(void)state;
	assert_int_equal(number_of("echo 1; exec >&- 2>&-; sleep 1000", SHORT_MS, &value, &err), -ETIMEDOUT);
	assert_int_equal(number_of("sleep 1000", SHORT_MS, &value, &err), -ETIMEDOUT);
}

static void an_interrupt_ends_it_while_it_says_nothing(void **state)
{
	static const char *const scripts[] = {"kill -TERM $PPID; sleep 1000", "exec >&-; kill -TERM $PPID; sleep 1000"};
	struct error err = {""};
	double value = 0;

	(void)state;
	interrupt_watch();
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		assert_int_equal(number_of(scripts[i], LONG_MS, &value, &err), -EINTR);
		interrupt_forget();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_number_counts),
		cmocka_unit_test(what_has_closed_its_output_is_ended_too),
		cmocka_unit_test(an_interrupt_ends_it_while_it_says_nothing),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
