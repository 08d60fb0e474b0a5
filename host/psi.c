/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" (Documentation/accounting/psi.rst). */
#include "host/psi.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_line(const char *text, const char *kind, double *avg10, uint64_t *total)
{
	const char *line = strstr(text, kind), *average, *sum;

	average = line ? strstr(line, "avg10=") : NULL;
	sum = line ? strstr(line, "total=") : NULL;
	if (!average || !sum)
		return false;
	*avg10 = strtod(average + 6, NULL);
	*total = strtoull(sum + 6, NULL, 10);
	return true;
}

int psi_read(const struct root *root, const char *path, struct psi *psi)
{
	char text[512];
	int length = root_read(root, text, sizeof(text), "%s", path);

	*psi = (struct psi){ NAN, NAN, UINT64_MAX, UINT64_MAX };
	if (length < 0)
		return length;
	parse_line(text, "full ", &psi->full_avg10, &psi->full_total);
	return parse_line(text, "some ", &psi->some_avg10, &psi->some_total) ? 0 : -EINVAL;
}
