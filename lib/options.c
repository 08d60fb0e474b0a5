/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table-driven option parsing on top of getopt_long(3). */
#include "lib/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 64

/* How getopt_long() takes the row's value: "[=VALUE]" may be left out. */
static int argument_of(const struct option_row *row)
{
	if (!row->value)
		return no_argument;
	return row->value[0] == '[' ? optional_argument : required_argument;
}

static int store(const struct option_row *row, void *target, const char *text, struct error *err)
{
	void *place = (char *)target + row->at;

	if (row->set)
		return row->set(target, text, err);
	if (row->value)
		*(const char **)place = text;
	else
		*(bool *)place = true;
	return 0;
}

int options_parse(int argc, char **argv, const struct option_row *rows, void *target,
	int stop_at_operand, int *operands, struct error *err)
{
	struct option longs[ROWS_MAX + 1] = {{0}};
	char shorts[2 * ROWS_MAX + 3];
	size_t used = 0;
	int index, found;

	if (stop_at_operand)
		shorts[used++] = '+';
	shorts[used++] = ':';
	for (int i = 0; i < ROWS_MAX && rows[i].name; i++) {
		longs[i].name = rows[i].name;
		longs[i].has_arg = argument_of(&rows[i]);
		longs[i].val = 256 + i;
		if (rows[i].letter) {
			shorts[used++] = rows[i].letter;
			if (rows[i].value)
				shorts[used++] = ':';
		}
	}
	shorts[used] = '\0';

	optind = 0; /* glibc: full re-initialisation, so that a second parse starts clean */
	opterr = 0;
	while ((found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const char *given = argv[optind - 1];

		if (found == '?')
			return error_set(err, EINVAL, "unknown option '%s'; --help lists them", given);
		if (found == ':')
			return error_set(err, EINVAL, "option '%s' needs a value", given);
		for (index = 0; rows[index].name; index++)
			if (found == 256 + index || (found < 256 && found == rows[index].letter))
				break;
		if (store(&rows[index], target, optarg, err) < 0) {
			error_prefix(err, "--%s", rows[index].name);
			return -EINVAL;
		}
	}
	*operands = optind;
	return 0;
}

void options_help(const struct option_row *rows)
{
	for (; rows->name; rows++) {
		char left[64];
		int used = rows->letter
			? snprintf(left, sizeof(left), "  -%c, --%s", rows->letter, rows->name)
			: snprintf(left, sizeof(left), "      --%s", rows->name);

		if (rows->value && used > 0 && (size_t)used < sizeof(left))
			snprintf(left + used, sizeof(left) - (size_t)used, "%s%s",
				rows->value[0] == '[' ? "" : " ", rows->value);
		printf("%-34s %s\n", left, rows->help);
	}
}
