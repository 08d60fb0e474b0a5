// SPDX-License-Identifier: GPL-2.0-or-later
/* The readers of /proc and /sys counters: what they make of a captured machine and of odd files. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/cpustat.h"
#include "host/ksm.h"
#include "host/meminfo.h"
#include "host/proc.h"
#include "host/psi.h"
#include "lib/size.h"
#include "tests/unit/capture.h"

static int open_machine(void **state)
{
	static struct root root;

	*state = &root;
	return capture_open(&root, "smt-two-nodes");
}

static int close_machine(void **state)
{
	(void)state;
	capture_close();
	return 0;
}

static void put(const struct root *root, const char *path, const char *text)
{
	char real[PATH_MAX];
	FILE *file = fopen(root_path(root, real, "%s", path), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void memory_of_the_host_and_of_a_node(void **state)
{
	struct meminfo host, node;

	assert_int_equal(meminfo_read(*state, &host), 0);
	assert_int_equal(meminfo_read_node(*state, 1, &node), 0);
	assert_true(node.total > 900 * MIB && node.total < host.total);
	assert_true(node.available >= node.free && host.available != MEMINFO_UNKNOWN);
	assert_int_equal(meminfo_read_node(*state, 7, &node), -ENOENT);
	assert_true(node.total == MEMINFO_UNKNOWN && node.anon == MEMINFO_UNKNOWN);
}

static void time_of_all_cpus(void **state)
{
	struct cpustat stat;

	assert_int_equal(cpustat_read(*state, &stat), 0);
	assert_true(stat.busy > 0 && stat.busy < stat.total);
	/* An old kernel with fewer columns; guest time is within user time. */
	put(*state, "/proc/stat", "cpu  10 1 5 80 4\ncpu0 1 2 3\n");
	assert_int_equal(cpustat_read(*state, &stat), 0);
	assert_true(stat.total == 100 && stat.busy == 16 && stat.iowait == 4);
	put(*state, "/proc/stat", "cpu  10 1 5 80 4 0 0 6 3 1 99 99\n");
	assert_int_equal(cpustat_read(*state, &stat), 0);
	assert_true(stat.total == 106 && stat.steal == 6 && stat.guest == 4);
	put(*state, "/proc/stat", "intr 1\n");
	assert_int_equal(cpustat_read(*state, &stat), -EINVAL);
}

static void ksm_counters_this_kernel_lacks_are_unknown(void **state)
{
	struct ksm ksm;

	assert_int_equal(ksm_read(*state, &ksm), 0);
	assert_true(ksm.run == 0 && ksm.pages_sharing == 0);
	assert_true(ksm.zero_pages == KSM_UNKNOWN); /* Linux 6.1 does not count them */
	assert_int_equal(ksm_daemon(*state), 0);
}

static void pressure_without_a_full_line_or_without_support(void **state)
{
	struct psi psi;

	assert_int_equal(psi_read(*state, "/proc/pressure/memory", &psi), 0);
	assert_false(isnan(psi.some_avg10) || isnan(psi.full_avg10));
	put(*state, "/proc/pressure/cpu", "some avg10=1.50 avg60=0.10 avg300=0.00 total=77\n");
	assert_int_equal(psi_read(*state, "/proc/pressure/cpu", &psi), 0);
	assert_true(psi.some_avg10 > 1.49 && psi.some_avg10 < 1.51 && psi.some_total == 77);
	assert_true(isnan(psi.full_avg10));
	put(*state, "/proc/pressure/cpu", "");
	assert_int_equal(psi_read(*state, "/proc/pressure/cpu", &psi), -EINVAL);
	assert_true(isnan(psi.some_avg10));
}

static void a_process_name_may_hold_anything(void **state)
{
	struct proc_stat stat;

	put(*state, "/proc/203/stat",
		"203 (a) R 9 (b) S 2 1 1 0 -1 64 0 0 0 0 150 50 0 0 20 0 1 0 4711 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 3 "
		"0 0 0 25 0\n");
	assert_int_equal(proc_stat_read(*state, 203, 0, &stat), 0);
	assert_string_equal(stat.comm, "a) R 9 (b");
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.parent, 2);
	assert_int_equal(stat.start, 4711);
	assert_int_equal(stat.cpu, 3);
	assert_true(stat.cpu_ns == UINT64_C(200) * 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void schedstat_that_is_switched_off_is_unknown(void **state)
{
	uint64_t run, wait;

	put(*state, "/proc/203/task/203/schedstat", "0 0 0\n");
	proc_schedstat_read(*state, 203, 203, &run, &wait);
	assert_true(run == PROC_UNKNOWN && wait == PROC_UNKNOWN);
	put(*state, "/proc/203/task/203/schedstat", "5 0 1\n");
	proc_schedstat_read(*state, 203, 203, &run, &wait);
	assert_true(run == 5 && wait == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_the_host_and_of_a_node),
		cmocka_unit_test(time_of_all_cpus),
		cmocka_unit_test(ksm_counters_this_kernel_lacks_are_unknown),
		cmocka_unit_test(pressure_without_a_full_line_or_without_support),
		cmocka_unit_test(a_process_name_may_hold_anything),
		cmocka_unit_test(schedstat_that_is_switched_off_is_unknown),
	};

	return cmocka_run_group_tests_name("host files", tests, open_machine, close_machine);
}
