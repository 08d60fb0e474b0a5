/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of vmtune: one file each in commands/, one row each in the table of command.c, from
 * which dispatch, usage checks and help are made.
 *
 * A command begins like this and then does its work; command_begin() has said what was wrong:
 *
 *	struct stop_options { struct command_common common; bool all; } options = {0};
 *	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);
 *
 *	if (status >= 0)
 *		return status;
 */
#ifndef VMTUNE_TUNER_COMMAND_H
#define VMTUNE_TUNER_COMMAND_H

#include <stdbool.h>
#include <stdlib.h>

#include <jansson.h>

#include "host/root.h"
#include "lib/options.h"

#define EXIT_DRIFT   3
#define COMMAND_GOES (-1) /* from command_begin(): go on */
#define OPERANDS_ANY 1000

/* Options every command has (--json, --sysroot DIR); commands embed this first in their own struct. */
struct command_common {
	struct root root;
	bool json;
	bool help; /* --help was given; command_options() has answered it */
};

struct command {
	const char *name;
	const char *operands;  /* "NAME SIZE", for help; "" when there are none */
	int operands_min, operands_max;
	const char *what;      /* one line */
	const char *more;      /* a paragraph or two for `vmtune help NAME`, or NULL */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
	bool changes;          /* the host: where a daemon runs, that carries it out */
};

/* Ends with a row whose name is NULL. */
extern const struct command commands[];
const struct command *command_find(const char *name);

/*
 * Parses the common options plus @rows (may be NULL) for a command whose struct begins with common.
 * Returns 0; 1 when --help was printed; negative with @err when the command line is wrong.
 */
int command_options(int argc, char **argv, const struct command *command, const struct option_row *rows,
	struct command_common *target, int *operands, struct error *err);

/*
 * The same for the command named argv[0], with errors printed: COMMAND_GOES, or the exit status to
 * return at once (0 after --help, EXIT_USAGE, that of the daemon to which it was handed).
 */
int command_begin(int argc, char **argv, const struct option_row *rows, struct command_common *target,
	int *operands);

/* Prints @json (consumed) with stable formatting and a newline on stdout. Returns 0, the exit status. */
int command_print_json(json_t *json);
/* Prints "vmtune COMMAND: text" on stderr. Returns EXIT_FAILURE, the exit status. */
int command_failed(const char *command, const struct error *err);

int apply_command(int argc, char **argv);
int balloon_command(int argc, char **argv);
int bench_command(int argc, char **argv);
int console_command(int argc, char **argv);
int daemon_command(int argc, char **argv);
int doctor_command(int argc, char **argv);
int help_command(int argc, char **argv);
int import_command(int argc, char **argv);
int ksm_command(int argc, char **argv);
int memory_command(int argc, char **argv);
int move_command(int argc, char **argv);
int pin_command(int argc, char **argv);
int plan_command(int argc, char **argv);
int revert_command(int argc, char **argv);
int snapshot_command(int argc, char **argv);
int status_command(int argc, char **argv);
int stop_command(int argc, char **argv);
int topology_command(int argc, char **argv);
int verify_command(int argc, char **argv);
int worth_command(int argc, char **argv);

#endif
