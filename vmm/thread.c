// SPDX-License-Identifier: GPL-2.0-or-later
/* Names, affinity and signals of threads. */
#include "vmm/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

void thread_set_name(const char *name)
{
	pthread_setname_np(pthread_self(), name);
}

int thread_pin(const struct idset *cpus, struct error *err)
{
	struct idset got = {0};
	char wanted_text[128], got_text[128];

	/*
	 * An idset is the mask the kernel takes, as long as it likes. CPUs that do not exist or that the
	 * cpuset forbids it drops silently, so look what came of it.
	 */
	if (sched_setaffinity(0, sizeof(cpus->words), (const cpu_set_t *)cpus->words) < 0 ||
		sched_getaffinity(0, sizeof(got.words), (cpu_set_t *)got.words) < 0)
		return error_errno(err, errno, "cannot run on host CPUs %s",
			idset_format(cpus, wanted_text, sizeof(wanted_text)));
	if (!idset_equal(&got, cpus))
		return error_set(err, EINVAL, "of the host CPUs %s only %s may be used here",
			idset_format(cpus, wanted_text, sizeof(wanted_text)),
			idset_format(&got, got_text, sizeof(got_text)));
	return 0;
}

void thread_get_cpus(struct idset *cpus)
{
	*cpus = (struct idset){0};
	sched_getaffinity(0, sizeof(cpus->words), (cpu_set_t *)cpus->words);
}

void thread_block_signals(void)
{
	sigset_t signals;

	sigfillset(&signals);
	sigdelset(&signals, SIGSEGV);
	sigdelset(&signals, SIGBUS);
	sigdelset(&signals, SIGILL);
	sigdelset(&signals, SIGFPE);
	sigdelset(&signals, SIGABRT);
	sigdelset(&signals, SIGTRAP);
	pthread_sigmask(SIG_SETMASK, &signals, NULL);
}

void thread_allow_signal(int signal_number)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, signal_number);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}
