/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads KSM's counters (Documentation/admin-guide/mm/ksm.rst). */
#include "host/ksm.h"

#include <stddef.h>
#include <string.h>

#include "host/proc.h"

static const struct {
	const char *file;
	size_t offset;
} counters[] = {
	{"run", offsetof(struct ksm, run)},
	{"pages_shared", offsetof(struct ksm, pages_shared)},
	{"pages_sharing", offsetof(struct ksm, pages_sharing)},
	{"pages_unshared", offsetof(struct ksm, pages_unshared)},
	{"pages_volatile", offsetof(struct ksm, pages_volatile)},
	{"pages_scanned", offsetof(struct ksm, pages_scanned)},
	{"full_scans", offsetof(struct ksm, full_scans)},
	{"ksm_zero_pages", offsetof(struct ksm, zero_pages)},
};

int ksm_read(const struct root *root, struct ksm *ksm)
{
	int result = 0;

	memset(ksm, 0xff, sizeof(*ksm));
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		uint64_t *counter = (uint64_t *)((char *)ksm + counters[i].offset);
		int one = root_read_u64(root, counter, "/sys/kernel/mm/ksm/%s", counters[i].file);

		if (i == 0)
			result = one;
	}
	return result;
}

struct search {
	const struct root *root;
	pid_t found;
};

static void visit(void *opaque, unsigned int pid)
{
	struct search *search = opaque;
	struct proc_stat stat;

	/* Kernel threads are children of kthreadd, PID 2; anyone can call a process "ksmd". */
	if (!search->found && !proc_stat_read(search->root, (pid_t)pid, 0, &stat) && stat.parent == 2 &&
		!strcmp(stat.comm, "ksmd"))
		search->found = (pid_t)pid;
}

pid_t ksm_daemon(const struct root *root)
{
	struct search search = { .root = root };

	proc_each_number(root, "/proc", visit, &search);
	return search.found;
}
