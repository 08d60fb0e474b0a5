/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of what is shown of a VM. Columns, sort keys, JSON members and the help screen all
 * come from it; a new figure is a new row.
 */
#ifndef VMTUNE_MONITOR_FIELD_H
#define VMTUNE_MONITOR_FIELD_H

#include <stddef.h>

#include <jansson.h>

#include "monitor/model.h"

enum field_id { FIELD_NAME, FIELD_VMM, FIELD_PID, FIELD_VCPUS, FIELD_CPU, FIELD_READY, FIELD_MEMORY,
	FIELD_RESIDENT, FIELD_NODES, FIELD_HUGE, FIELD_KSM, FIELD_BALLOON, FIELD_EXITS, FIELD_COUNT };

enum field_format { FORMAT_TEXT, FORMAT_COUNT, FORMAT_PERCENT, FORMAT_BYTES, FORMAT_RATE,
	FORMAT_NODES };

struct field {
	const char *key;          /* JSON member and --sort name, with the unit */
	const char *title;        /* column head */
	const char *help;
	enum field_format format;
	unsigned int width;       /* narrowest useful column */
	unsigned int rank;        /* the highest rank is left out first when the window is narrow; 0 never */
	char sort_key;            /* as in top(1), 0 none */
	const char *(*text)(const struct vm_row *vm);
	double (*value)(const struct vm_row *vm);
};

extern const struct field fields[FIELD_COUNT];

/* Field by JSON key or column title (any case); FIELD_COUNT when there is none. */
enum field_id field_find(const char *name);

#define FIGURE_MAX 32
/* A figure in at most 5-6 characters: "12.3", "1.5G", "873K"; "n/a" for NAN. Returns @out. */
const char *figure_format(enum field_format format, double value, char out[FIGURE_MAX]);
/* The text of a field of a VM. FORMAT_NODES gives "0:75 1:25". Returns @out. */
const char *field_format(const struct field *field, const struct model *model, const struct vm_row *vm,
	char *out, size_t size);
json_t *field_to_json(const struct field *field, const struct model *model, const struct vm_row *vm);
/* NAN becomes null; whole numbers stay whole. */
json_t *figure_to_json(double value);

/*
 * Puts the rows in order of a field: numbers largest first, texts and PIDs from the start, unknown
 * values always last, ties by name and PID. @reverse turns all but the unknown around.
 */
void model_sort(struct model *model, enum field_id field, bool reverse);

#endif
