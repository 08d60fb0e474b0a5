/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of vmtune's commands, and what all of them share: options, usage checks, help. */
#include "tuner/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 32

const struct command commands[] = {
	{ "topology", "", 0, 0, "what this machine is: nodes, caches, cores, memory, pools, distances",
	  "With --host, of a saved snapshot, an hwloc XML file or a synthetic description such as\n"
	  "\"node:2 l3:1 core:4 pu:2\".", topology_command },
	{ "snapshot", "FILE", 1, 1, "save everything known about this machine, for plan --host",
	  "FILE - writes to standard output.", snapshot_command },
	{ "plan", "PROFILE", 1, 1, "show what apply would do; changes nothing",
	  "Prints where every virtual machine would live and every change with its old and new value.\n"
	  "With --host, for a saved snapshot, an hwloc XML file or a synthetic description.",
	  plan_command },
	{ "help", "[COMMAND | profile]", 0, 1, "this list, a command's options, or the profile's keys",
	  NULL, help_command },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};

static int set_json(void *target, const char *text, struct error *err)
{
	(void)text, (void)err;
	((struct command_common *)target)->json = true;
	return 0;
}

static int set_sysroot(void *target, const char *text, struct error *err)
{
	return root_init(&((struct command_common *)target)->root, text, err);
}

static int set_help(void *target, const char *text, struct error *err)
{
	(void)text, (void)err;
	((struct command_common *)target)->help = true;
	return 0;
}

static const struct option_row common_rows[] = {
	{ "json", 0, NULL, "print JSON; field names are in vmtune(1)", set_json },
	{ "sysroot", 0, "DIR", "read (and write) /sys, /proc, /run and /var/lib below DIR", set_sysroot },
	{ "help", 'h', NULL, "this text", set_help },
};

#define COMMON_COUNT (sizeof(common_rows) / sizeof(common_rows[0]))

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static void print_usage(const struct command *command, const struct option_row *rows)
{
	printf("usage: vmtune %s [options]%s%s\n\n%s\n", command->name, *command->operands ? " " : "",
		command->operands, command->what);
	if (command->more)
		printf("\n%s\n", command->more);
	printf("\nOptions:\n");
	options_help(rows);
}

static int check_operands(const struct command *command, int count, struct error *err)
{
	const char *fault = count < command->operands_min ? "something is missing" : "too many operands";

	if (count >= command->operands_min && count <= command->operands_max)
		return 0;
	return error_set(err, EINVAL, "%s; usage: vmtune %s [options]%s%s", fault, command->name,
		*command->operands ? " " : "", command->operands);
}

int command_options(int argc, char **argv, const struct command *command, const struct option_row *rows,
	struct command_common *target, int *operands, struct error *err)
{
	struct option_row all[ROWS_MAX] = {{0}};
	size_t own = 0;
	int rc;

	while (rows && rows[own].name && own < ROWS_MAX - COMMON_COUNT - 1)
		own++;
	if (own)
		memcpy(all, rows, own * sizeof(*rows));
	memcpy(all + own, common_rows, sizeof(common_rows));

	/* Where --help was given, the rest of the line does not matter. */
	rc = options_parse(argc, argv, all, target, 0, operands, err);
	if (target->help) {
		print_usage(command, all);
		return 1;
	}
	return rc < 0 ? rc : check_operands(command, argc - *operands, err);
}

int command_begin(int argc, char **argv, const struct option_row *rows, struct command_common *target,
	int *operands)
{
	struct error err;
	int rc = command_options(argc, argv, command_find(argv[0]), rows, target, operands, &err);

	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc == 0)
		return COMMAND_GOES;
	command_failed(argv[0], &err);
	return EXIT_USAGE;
}

int command_print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(json);
	return EXIT_SUCCESS;
}

int command_failed(const char *command, const struct error *err)
{
	warn("%s: %s", command, err->text);
	return EXIT_FAILURE;
}
