// SPDX-License-Identifier: GPL-2.0-or-later
/* The antagonist: processes that want CPU time and memory bandwidth, free to run on any CPU. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/size.h"
#include "tuner/bench/bench.h"

#define STREAM_BYTES (64 * MIB) /* past any last-level cache share */

static void __attribute__((noreturn)) stream(pid_t parent)
{
	char *memory;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "vmtune-load");
	memory = mmap(NULL, STREAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (getppid() != parent || memory == MAP_FAILED)
		_exit(1);
	for (unsigned char fill = 0;; fill++) {
		memset(memory, fill, STREAM_BYTES / 2);
		memcpy(memory + STREAM_BYTES / 2, memory, STREAM_BYTES / 2);
		__asm__ volatile("" ::"r"(memory) : "memory"); /* the stores are the point */
	}
}

int bench_load_start(unsigned int count, pid_t *pids, struct error *err)
{
	pid_t self = getpid();

	for (unsigned int i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			stream(self);
		if (pids[i] < 0) {
			int errnum = errno;

			bench_load_stop(i, pids);
			return error_errno(err, errnum, "starting a load process");
		}
	}
	return 0;
}

void bench_load_stop(unsigned int count, const pid_t *pids)
{
	for (unsigned int i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	for (unsigned int i = 0; i < count; i++)
		while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
			;
}
