// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Executes one breakpoint N times (`trap N`), as a CPU of the lab does for ever when TCG's
 * translation is stale; for the test of stale_int3.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t traps;

static void count_trap(int signal)
{
	(void)signal;
	traps++;
}

int main(int argc, char **argv)
{
	long count = argc == 2 ? atol(argv[1]) : 0;

	if (count < 1 || signal(SIGTRAP, count_trap) == SIG_ERR) {
		fprintf(stderr, "usage: trap N\n");
		return 2;
	}
	for (long i = 0; i < count; i++)
		__asm__ volatile("int3");
	return traps == count ? 0 : 1;
}
