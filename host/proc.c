/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsers of /proc/PID files, see proc(5). */
#include "host/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/size.h"

/* Field numbers of proc(5), counted from 1; fields 1 and 2 are the PID and "(comm)". */
enum { STAT_STATE = 3, STAT_PARENT = 4, STAT_UTIME = 14, STAT_STIME = 15, STAT_START = 22,
	STAT_CPU = 39, STAT_GUEST = 43, STAT_FIELDS = 44 };

static uint64_t ticks_to_ns(uint64_t ticks)
{
	long hertz = sysconf(_SC_CLK_TCK);

	return ticks * (UINT64_C(1000000000) / (uint64_t)(hertz > 0 ? hertz : 100));
}

static int parse_stat(char *text, struct proc_stat *stat)
{
	uint64_t field[STAT_FIELDS + 1] = {0};
	char *open = strchr(text, '('), *close = strrchr(text, ')'); /* a comm may hold anything */
	char *at, *end;

	if (!open || !close || close < open || close[1] != ' ')
		return -EINVAL;
	*close = '\0';
	snprintf(stat->comm, sizeof(stat->comm), "%.15s", open + 1);
	stat->state = close[2];
	at = close + 3;
	for (int i = STAT_STATE + 1; i <= STAT_FIELDS && *at; i++, at = end) {
		field[i] = strtoull(at, &end, 10);
		if (end == at)
			break;
	}
	stat->parent = (pid_t)field[STAT_PARENT];
	stat->cpu_ns = ticks_to_ns(field[STAT_UTIME] + field[STAT_STIME]);
	stat->guest_ns = ticks_to_ns(field[STAT_GUEST]);
	stat->start = field[STAT_START];
	stat->cpu = (int)field[STAT_CPU];
	return 0;
}

int proc_stat_read(const struct root *root, pid_t pid, pid_t tid, struct proc_stat *stat)
{
	char text[1024];
	int length = tid ? root_read_line(root, text, sizeof(text), "/proc/%d/task/%d/stat", pid, tid)
			 : root_read_line(root, text, sizeof(text), "/proc/%d/stat", pid);

	memset(stat, 0, sizeof(*stat));
	stat->cpu = -1;
	if (length < 0)
		return length;
	return parse_stat(text, stat);
}

void proc_schedstat_read(const struct root *root, pid_t pid, pid_t tid, uint64_t *run_ns,
	uint64_t *wait_ns)
{
	unsigned long long run, wait, slices;
	char text[128];

	*run_ns = *wait_ns = PROC_UNKNOWN;
	if (root_read_line(root, text, sizeof(text), "/proc/%d/task/%d/schedstat", pid, tid) < 0 ||
		sscanf(text, "%llu %llu %llu", &run, &wait, &slices) != 3)
		return;
	/* A kernel that keeps no such statistics prints three zeros; no thread has run in 0 slices. */
	if (!run && !wait && !slices)
		return;
	*run_ns = run;
	*wait_ns = wait;
}

double proc_age(const struct root *root, uint64_t start)
{
	char text[64];
	double uptime = 0;

	if (root_read_line(root, text, sizeof(text), "/proc/uptime") > 0)
		uptime = strtod(text, NULL);
	return uptime - (double)start / (double)sysconf(_SC_CLK_TCK);
}

bool proc_field(const char *text, const char *name, char *value, size_t size)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *end;

		line += *line == '\n';
		if (strncmp(line, name, length) || line[length] != ':')
			continue;
		line += length + 1;
		line += strspn(line, " \t");
		end = line + strcspn(line, "\n");
		while (end > line && isspace((unsigned char)end[-1]))
			end--;
		snprintf(value, size, "%.*s", (int)(end - line), line);
		return true;
	}
	return false;
}

uint64_t proc_field_bytes(const char *text, const char *name)
{
	unsigned long long kib;
	char value[64];

	if (!proc_field(text, name, value, sizeof(value)) || sscanf(value, "%llu kB", &kib) != 1)
		return PROC_UNKNOWN;
	return kib * KIB;
}

int proc_each_number(const struct root *root, const char *dir,
	void (*visit)(void *opaque, unsigned int number), void *opaque)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *handle = opendir(root_path(root, path, "%s", dir));

	if (!handle)
		return -errno;
	while ((entry = readdir(handle))) {
		char *end;
		unsigned long number = strtoul(entry->d_name, &end, 10);

		if (end != entry->d_name && !*end && number <= INT_MAX)
			visit(opaque, (unsigned int)number);
	}
	closedir(handle);
	return 0;
}
