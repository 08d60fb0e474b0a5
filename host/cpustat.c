/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses the first line of /proc/stat, see proc(5). */
#include "host/cpustat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cpustat_read(const struct root *root, struct cpustat *stat)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, FIELDS };
	unsigned long long ticks[FIELDS] = {0};
	char *text = root_read_all(root, NULL, "/proc/stat"), *at, *end;
	int count = 0;

	memset(stat, 0, sizeof(*stat));
	if (!text)
		return -errno;
	if (strncmp(text, "cpu ", 4)) {
		free(text);
		return -EINVAL;
	}
	for (at = text + 4; count < FIELDS; at = end, count++) {
		while (*at == ' ')
			at++;
		if (*at == '\n')
			break;
		ticks[count] = strtoull(at, &end, 10);
		if (end == at)
			break;
	}
	free(text);
	/* user and nice contain guest and guest_nice. */
	stat->busy = ticks[USER] + ticks[NICE] + ticks[SYSTEM] + ticks[IRQ] + ticks[SOFTIRQ];
	stat->iowait = ticks[IOWAIT];
	stat->steal = ticks[STEAL];
	stat->guest = ticks[GUEST] + ticks[GUEST_NICE];
	stat->total = stat->busy + ticks[IDLE] + stat->iowait + stat->steal;
	return 0;
}
