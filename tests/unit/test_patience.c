// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that may not return. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>

#include "host/patience.h"

static sem_t go, released;

static int answer(void *opaque)
{
	return *(int *)opaque;
}

static int hang(void *opaque)
{
	(void)opaque;
	sem_wait(&go);
	return 0;
}

static void release(void *opaque)
{
	(void)opaque;
	sem_post(&released);
}

static void a_call_that_answers_gives_its_answer(void **unused)
{
	struct patience patience = PATIENCE_INITIALIZER;
	/* its own -ETIMEDOUT must not read as if it had been given up */
	int values[] = { 0, 7, -ENOENT, -ETIMEDOUT }, answers[] = { 0, 7, -ENOENT, -ETIME };

	(void)unused;
	for (int i = 0; i < 4; i++)
		assert_int_equal(patience_run(&patience, 60, answer, &values[i], release), answers[i]);
	assert_int_equal(sem_trywait(&released), -1); /* it stays the caller's */
}

static void a_call_that_hangs_is_given_up_and_none_made_until_it_returns(void **unused)
{
	static struct patience patience = PATIENCE_INITIALIZER;
	int value = 7, status;

	(void)unused;
	assert_int_equal(patience_run(&patience, 1, hang, &value, release), -ETIMEDOUT);
	assert_int_equal(patience_run(&patience, 60, answer, &value, release), -EBUSY);
	sem_post(&go);
	sem_wait(&released); /* what it was given is released when it is done with it */
	while ((status = patience_run(&patience, 60, answer, &value, release)) == -EBUSY)
		;
	assert_int_equal(status, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_answers_gives_its_answer),
		cmocka_unit_test(a_call_that_hangs_is_given_up_and_none_made_until_it_returns),
	};

	sem_init(&go, 0, 0);
	sem_init(&released, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
