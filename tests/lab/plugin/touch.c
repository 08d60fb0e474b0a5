// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes a known number of memory accesses, for tests/lab/test-count: `touch N` loads N times from a
 * buffer of 1 MiB, with one instruction between the symbols job_loops_start and job_loops_end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER (1 << 20)

static char buffer[BUFFER];

int main(int argc, char **argv)
{
	long count = argc == 2 ? atol(argv[1]) : 0;
	unsigned long offset = 0, value;

	if (count < 1) {
		fprintf(stderr, "usage: touch N\n");
		return 2;
	}
	memset(buffer, 1, sizeof(buffer));
	__asm__ volatile(".globl job_loops_start, job_loops_end\n"
			 "job_loops_start:\n"
			 "1:	mov	(%[buffer], %[offset]), %[value]\n"
			 "	add	$64, %[offset]\n"
			 "	and	%[mask], %[offset]\n"
			 "	dec	%[count]\n"
			 "	jnz	1b\n"
			 "job_loops_end:\n"
			 : [offset] "+r"(offset), [count] "+r"(count), [value] "=&r"(value)
			 : [buffer] "r"(buffer), [mask] "i"(BUFFER - 1)
			 : "memory", "cc");
	return 0;
}
