// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/smaps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"

struct mapping {
	uint64_t start, end, page_size, huge;
	bool mergeable, thp;
};

/* How much of the mapping is RAM of the guest: the kernel splits and joins mappings as it likes. */
static uint64_t overlap(const struct guest *guest, const struct mapping *mapping)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < guest->ram_count; i++) {
		uint64_t from = guest->ram[i].start, to = from + guest->ram[i].size;

		from = from > mapping->start ? from : mapping->start;
		to = to < mapping->end ? to : mapping->end;
		bytes += to > from ? to - from : 0;
	}
	return bytes;
}

static void add(struct smaps_ram *sum, const struct guest *guest, const struct mapping *mapping)
{
	uint64_t bytes = mapping->page_size ? overlap(guest, mapping) : 0;

	if (!bytes)
		return;
	sum->mapped += bytes;
	sum->mergeable += mapping->mergeable ? bytes : 0;
	sum->thp += mapping->thp ? bytes : 0;
	sum->huge += mapping->huge;
	if (!sum->page_min || mapping->page_size < sum->page_min)
		sum->page_min = mapping->page_size;
	if (mapping->page_size > sum->page_max)
		sum->page_max = mapping->page_size;
}

static void take_line(const char *line, struct mapping *mapping)
{
	unsigned long kib;

	if (sscanf(line, "KernelPageSize: %lu kB", &kib) == 1)
		mapping->page_size = kib * KIB;
	else if (sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
		mapping->huge = kib * KIB;
	else if (!strncmp(line, "VmFlags:", 8)) {
		mapping->mergeable = strstr(line, " mg") != NULL;
		mapping->thp = strstr(line, " hg") != NULL;
	}
}

int smaps_read(const struct root *root, const struct guest *guest, struct smaps_ram *sum,
	struct error *err)
{
	char *text = root_read_all(root, NULL, "/proc/%d/smaps", (int)guest->pid), *rest = NULL;
	struct mapping mapping = {0};
	unsigned long start, end;

	*sum = (struct smaps_ram){0};
	if (!text)
		return error_errno(err, errno, "looking at the memory of guest %s (PID %d)", guest->name,
			(int)guest->pid);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			add(sum, guest, &mapping);
			mapping = (struct mapping){.start = start, .end = end};
		} else {
			take_line(line, &mapping);
		}
	}
	add(sum, guest, &mapping);
	free(text);
	if (!sum->mapped)
		return error_set(err, ESRCH, "guest %s (PID %d) has no memory any more", guest->name,
			(int)guest->pid);
	return 0;
}
