/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of vmtune: one file each in commands/, one row each in the table of main.c, from
 * which dispatch and help are made.
 */
#ifndef VMTUNE_TUNER_COMMAND_H
#define VMTUNE_TUNER_COMMAND_H

#include <stdbool.h>

#include "host/root.h"
#include "lib/options.h"

#define EXIT_DRIFT 3

/* Options every command has (--json, --sysroot DIR); commands embed this first in their own struct. */
struct command_common {
	struct root root;
	bool json;
};

struct command {
	const char *name;
	const char *operands;  /* "NAME SIZE", for help */
	const char *what;      /* one line */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

/* Parses the common options plus @rows (may be NULL) for a command whose struct begins with common. */
int command_options(int argc, char **argv, const struct command *command, const struct option_row *rows,
	struct command_common *target, int *operands, struct error *err);

extern const struct command commands[];

#endif
