// SPDX-License-Identifier: GPL-2.0-or-later
/* The CPUs a thread may run on. The thread is named with its start time: numbers are used again. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

#include "lib/idset.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"

struct thread_id {
	int pid, tid;
};

/* Parses "PID:START/TID:START" and looks whether that very thread is there. */
static bool find(const struct action_context *context, const struct action *action,
	struct thread_id *thread)
{
	uint64_t pid_start, tid_start;

	if (sscanf(action->target, "%d:%" SCNu64 "/%d:%" SCNu64, &thread->pid, &pid_start,
		    &thread->tid, &tid_start) != 4)
		return false;
	return thread_start(&context->root, thread->pid, thread->tid) == tid_start;
}

static char *read_list(const struct action_context *context, const struct action *action)
{
	struct thread_id thread;
	struct idset allowed;
	cpu_set_t *cpus;
	size_t size = CPU_ALLOC_SIZE(IDSET_MAX);
	char text[4096];

	if (!root_is_live(&context->root) || !find(context, action, &thread)) {
		errno = ESRCH;
		return NULL;
	}
	cpus = CPU_ALLOC(IDSET_MAX);
	if (!cpus || sched_getaffinity(thread.tid, size, cpus) < 0) {
		CPU_FREE(cpus);
		return NULL;
	}
	allowed = (struct idset){0};
	for (unsigned int cpu = 0; cpu < IDSET_MAX; cpu++)
		if (CPU_ISSET_S(cpu, size, cpus))
			idset_add(&allowed, cpu);
	CPU_FREE(cpus);
	return xstrdup(idset_format(&allowed, text, sizeof(text)));
}

static int set(const struct action_context *context, const struct action *action, const char *list,
	struct error *err)
{
	size_t size = CPU_ALLOC_SIZE(IDSET_MAX);
	struct thread_id thread;
	struct idset wanted;
	cpu_set_t *cpus;
	int status = idset_parse(list, &wanted, err);

	if (status < 0)
		return status;
	if (!find(context, action, &thread))
		return error_set(err, ESRCH, "thread %s has ended", action->target);
	cpus = CPU_ALLOC(IDSET_MAX);
	if (!cpus)
		return error_errno(err, ENOMEM, "a CPU set");
	CPU_ZERO_S(size, cpus);
	idset_for_each(cpu, &wanted)
		CPU_SET_S((unsigned int)cpu, size, cpus);
	if (sched_setaffinity(thread.tid, size, cpus) < 0)
		status = error_errno(err, errno, "putting thread %d on CPUs %s%s", thread.tid, list,
			errno == EINVAL ? " (does the cpuset of its control group allow them?)" : "");
	CPU_FREE(cpus);
	return status;
}

/* VMMs have threads that come and go (QEMU's pool of workers). */
static bool moot(const struct action_context *context, const struct action *action)
{
	struct thread_id thread;
	uint64_t start;

	return !find(context, action, &thread) && thread.pid != thread.tid &&
		sscanf(action->target, "%*d:%" SCNu64, &start) == 1 &&
		thread_start(&context->root, thread.pid, thread.pid) == start;
}

const struct action_verbs action_affinity = {
	.name = "affinity",
	.verb = "pin thread",
	.read = read_list,
	.set = set,
	.same = action_same_set,
	.moot = moot,
};
