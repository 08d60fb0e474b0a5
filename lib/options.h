/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command-line options as a table: one row is the option, its setter and its help text, so that
 * parsing and --help cannot drift apart. getopt_long(3) does the splitting.
 */
#ifndef VMTUNE_LIB_OPTIONS_H
#define VMTUNE_LIB_OPTIONS_H

#include <stddef.h>

#include "lib/error.h"

#define EXIT_USAGE 2 /* the command-line contract: 0 done, 1 failed, 2 usage, 3 drift */

struct option_row {
	const char *name;  /* long name without the dashes; NULL ends the table */
	char letter;       /* short name, or 0 */
	const char *value; /* name of the argument in help ("FILE"), "[=FILE]" if it may be left out, NULL for a flag */
	const char *help;  /* one line */
	/* Stores @text (NULL for a flag, or left out) into @target. Returns 0, or negative with @err filled. */
	int (*set)(void *target, const char *text, struct error *err);
	/* Without ->set: where in @target a flag is a bool that becomes true, a value a const char * to the text. */
	size_t at;
};

/*
 * Parses argv[1..] with @rows into @target. Options may follow operands unless @stop_at_operand.
 * On return *@operands is the index of the first operand in @argv (getopt permutes).
 * Returns 0, or -EINVAL with @err naming the option and what would be right.
 * @stop_at_operand: for "vmtune COMMAND ..." and "bench -- CMD", where the rest is another's.
 */
int options_parse(int argc, char **argv, const struct option_row *rows, void *target,
	int stop_at_operand, int *operands, struct error *err);

/* Prints the rows, one line each, aligned, on stdout. */
void options_help(const struct option_row *rows);

#endif
