// SPDX-License-Identifier: GPL-2.0-or-later
/* Unmerging KSM's pages is refused, with figures, when there is no memory for the copies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xalloc.h"
#include "tuner/unmerge.h"

/* A captured machine whose only facts are these two. */
static void machine(struct root *root, unsigned int pages_sharing, unsigned int available_kib)
{
	char directory[] = "/tmp/test-unmerge-XXXXXX";
	struct error err;
	char *command;

	assert_non_null(mkdtemp(directory));
	command = xasprintf("cd %s && mkdir -p sys/kernel/mm/ksm proc && echo 1 >sys/kernel/mm/ksm/run && "
		"echo %u >sys/kernel/mm/ksm/pages_sharing && "
		"printf 'MemTotal: 9999999 kB\\nMemAvailable: %u kB\\n' >proc/meminfo",
		directory, pages_sharing, available_kib);
	assert_int_equal(system(command), 0);
	free(command);
	assert_int_equal(root_init(root, directory, &err), 0);
}

static void forget(const struct root *root)
{
	char *command = xasprintf("rm -r %s", root->dir);

	assert_int_equal(system(command), 0);
	free(command);
}

static void enough_memory_lets_it_happen(void **state)
{
	struct root root;
	struct error err;

	(void)state;
	machine(&root, 1024, 4096);
	assert_int_equal(unmerge_check(&root, &err), 0);
	forget(&root);
}

static void too_little_memory_is_said_with_figures(void **state)
{
	struct root root;
	struct error err;

	(void)state;
	machine(&root, 1024 * 256, 900 * 1024);
	assert_int_equal(unmerge_check(&root, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "takes 1G; 900M are available"));
	forget(&root);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(enough_memory_lets_it_happen),
		cmocka_unit_test(too_little_memory_is_said_with_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
