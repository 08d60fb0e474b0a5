// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/report.h"

#include <stdio.h>
#include <stdlib.h>

void report_step(struct report *report, const char *what, const struct action *action, const char *note)
{
	char *line;

	if (report->rows) {
		json_t *row = action_to_json(action);

		json_object_set_new(row, "step", json_string(what));
		if (note)
			json_object_set_new(row, "note", json_string(note));
		json_array_append_new(report->rows, row);
		return;
	}
	line = action_describe(action);
	printf("%-9s %s%s%s%s\n", what, line, note ? " (" : "", note ? note : "", note ? ")" : "");
	fflush(stdout);
	free(line);
}
