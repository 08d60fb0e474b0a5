// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Work for a guest of tests/lab/compare: `load MIB CPUS` fills so much memory, says "load: running" and
 * then reads words of it at random, on each CPU, for ever. Every CPU reads all of the memory alike, so the
 * share of remote reads is known from where memory and CPUs are. The only accesses between the symbols
 * job_loops_start and job_loops_end are those reads. Linked at several addresses (Makefile), so that guests
 * can be told apart by the code that they run.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LINE 64

/* One load a step, from a line that a linear congruence (Knuth's MMIX) chooses. */
static void read_at_random(const char *buffer, uint64_t lines, uint64_t state, uint64_t count)
{
	uint64_t line;

	__asm__ volatile(".globl job_loops_start, job_loops_end\n"
			 "job_loops_start:\n"
			 "1:	imul	%[factor], %[state]\n"
			 "	add	$1442695041, %[state]\n"
			 "	mov	%[state], %[line]\n"
			 "	shr	$32, %[line]\n"
			 "	imul	%[lines], %[line]\n"
			 "	shr	$32, %[line]\n"
			 "	shl	$6, %[line]\n"
			 "	mov	(%[buffer], %[line]), %[line]\n"
			 "	dec	%[count]\n"
			 "	jnz	1b\n"
			 "job_loops_end:\n"
			 : [state] "+r"(state), [count] "+r"(count), [line] "=&r"(line)
			 : [buffer] "r"(buffer), [lines] "r"(lines), [factor] "r"(UINT64_C(6364136223846793005))
			 : "memory", "cc");
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	int cpus = argc == 3 ? atoi(argv[2]) : 0, cpu = 0;
	char *buffer;

	if (!size || cpus < 1) {
		fprintf(stderr, "usage: load MIB CPUS\n");
		return 2;
	}
	buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED) {
		perror("load: mmap");
		return 1;
	}
	memset(buffer, 1, size);
	puts("load: running");
	fflush(stdout);
	for (int i = 1; i < cpus; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			cpu = i;
			break;
		}
	run_on(cpu);
	read_at_random(buffer, size / LINE, (uint64_t)cpu + 1, UINT64_MAX);
	return 0;
}
