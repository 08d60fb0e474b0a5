/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few /proc/PID files that everything about guests is read from. */
#ifndef VMTUNE_HOST_PROC_H
#define VMTUNE_HOST_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/root.h"

#define PROC_UNKNOWN UINT64_MAX

/* /proc/PID/stat or /proc/PID/task/TID/stat; times in nanoseconds. */
struct proc_stat {
	char comm[16];
	char state;
	pid_t parent;
	uint64_t cpu_ns;       /* user + system */
	uint64_t guest_ns;     /* of it, inside a guest */
	uint64_t start;        /* clock ticks since boot: identity */
	int cpu;               /* ran last there, -1 unknown */
};

/* @tid 0 reads the process as a whole. Returns 0 or -errno. */
int proc_stat_read(const struct root *root, pid_t pid, pid_t tid, struct proc_stat *stat);

/* /proc/PID/task/TID/schedstat: time on a CPU and time spent waiting for one; PROC_UNKNOWN if off. */
void proc_schedstat_read(const struct root *root, pid_t pid, pid_t tid, uint64_t *run_ns,
	uint64_t *wait_ns);

/* Seconds since a process or thread was started at @start (of proc_stat). */
double proc_age(const struct root *root, uint64_t start);

/* The rest of the line "NAME:\t..." in the text of a status file, without blanks; false if absent. */
bool proc_field(const char *text, const char *name, char *value, size_t size);
/* The same as bytes, for "NAME: 12 kB"; PROC_UNKNOWN if absent. */
uint64_t proc_field_bytes(const char *text, const char *name);

/* Calls @visit for each number among the names of a directory ("/proc", ".../task"). -errno if none. */
int proc_each_number(const struct root *root, const char *dir,
	void (*visit)(void *opaque, unsigned int number), void *opaque);

#endif
