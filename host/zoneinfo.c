// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/zoneinfo.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/size.h"

/* "Node 0, zone      DMA", then lines "  NAME   13", in pages. */
uint64_t zoneinfo_sum(const char *text, unsigned int node, const char *name)
{
	uint64_t sum = 0, pages;
	unsigned int of = 0;
	bool here = false;
	char word[16];

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "Node %u, zone", &of) == 1)
			here = of == node;
		else if (here && sscanf(line, " %15s %" SCNu64, word, &pages) == 2 && !strcmp(word, name))
			sum += pages * 4 * KIB;
	}
	return sum;
}
