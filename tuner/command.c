/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of vmtune's commands, and what all of them share: options, usage checks, help. */
#include "tuner/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tuner/daemon/control.h"

#define ROWS_MAX 32

const struct command commands[] = {
	{ "topology", "", 0, 0, "what this machine is: nodes, caches, cores, memory, pools, distances",
	  "With --host, of a saved snapshot, an hwloc XML file or a synthetic description such as\n"
	  "\"node:2 l3:1 core:4 pu:2\".", topology_command, false },
	{ "snapshot", "FILE", 1, 1, "save everything known about this machine, for plan --host",
	  "FILE - writes to standard output.", snapshot_command, false },
	{ "plan", "PROFILE", 1, 1, "show what apply would do; changes nothing",
	  "Prints where every virtual machine would live and every change with its old and new value.\n"
	  "With --host, for a saved snapshot, an hwloc XML file or a synthetic description.",
	  plan_command, false },
	{ "apply", "PROFILE", 1, 1, "make the machine what the profile says, and start its guests",
	  "Prints the plan, then carries it out; every change is in the journal first. When one fails, all\n"
	  "are undone. With --trial: measures the guests, or a number of yours, before and after, and takes\n"
	  "everything back when it got worse (vmtune(1), A TRIAL). Applying again changes nothing. On a\n"
	  "captured machine (--sysroot) no guest can be started: --host-only leaves the vm sections out.",
	  apply_command, true },
	{ "import", "[NAME...]", 0, OPERANDS_ANY, "write a profile of the guests that run; changes nothing",
	  "Applied as it is, it changes nothing either. With --qemu or --libvirt: of a QEMU command line or\n"
	  "a domain of libvirt in a file.", import_command, false },
	{ "status", "", 0, 0, "what runs, what was applied, what can be reverted", NULL, status_command, false },
	{ "verify", "[PROFILE]", 0, 1, "look at the machine and print every difference; exit 3 on drift",
	  "Without PROFILE: the one that was applied last. Looks at the machine, not at the journal.",
	  verify_command, false },
	{ "revert", "", 0, 0, "take back every change, newest first",
	  "Values that someone else has changed since stay as they are without --force; guests keep running\n"
	  "without --stop, and what they use is listed as pending. Exit status 3 when something is left.",
	  revert_command, true },
	{ "stop", "NAME | --all", 0, 1, "shut a guest down and take back what served only it",
	  "Asks by power button, then ends it, then kills it.", stop_command, true },
	{ "console", "NAME", 1, 1, "connect this terminal to a guest's console; Ctrl-] leaves", NULL,
	  console_command, false },
	{ "pin", "NAME VCPU=CPUS...", 2, OPERANDS_ANY, "put vCPU threads on CPUs (\"io=CPUS\": the others)",
	  "NAME is a guest of any VMM, or its PID. Example: vmtune pin db 0=2 1=6 io=0.", pin_command, true },
	{ "move", "NAME NODES", 2, 2, "move a guest's pages to NUMA nodes while it runs",
	  "Cannot be taken back; it can be moved again. Huge pages need free ones in the node's pool.\n"
	  "Interrupted, it says how many pages were moved and how many were left.",
	  move_command, true },
	{ "balloon", "NAME SIZE", 2, 2, "how much memory a guest keeps", NULL, balloon_command, true },
	{ "ksm", "NAME on|off", 2, 2, "whether KSM may merge a guest's pages", NULL, ksm_command, true },
	{ "memory", "", 0, 0, "where the host's memory is, by node, and each guest's",
	  "The lines of a node add up to all it has; what no counter shows is a line of its own. NEEDS is what\n"
	  "a guest's balloon driver reports, CAN GIVE what it would not miss.", memory_command, false },
	{ "worth", "[NAME...]", 0, OPERANDS_ANY, "what KSM would save, of which guest; changes nothing",
	  "Looks at a sample of each guest's pages twice: which did not change, are zero, are equal to others.\n"
	  "Whose profit is negative costs more to scan than it saves.", worth_command, false },
	{ "daemon", "", 0, 0, "hold what was applied true, and carry out commands for everyone",
	  "Puts right what drifts: guests that others start, threads and memory off their place, settings,\n"
	  "pools. Guests are moved only when what was measured in a window is worth it. Every decision is\n"
	  "logged. Until something is applied it holds nothing; SIGHUP reads the profile anew.",
	  daemon_command, false },
	{ "doctor", "", 0, 0, "what on this host costs guests speed or safety, and what would help",
	  "Worst first: what was found, why it matters, and the fix as a line of a profile, or what to add\n"
	  "to the kernel command line. What could not be read is listed as unknown. Changes nothing.\n"
	  "Exit status 3 when there are errors or warnings.", doctor_command, false },
	{ "bench", "[-- COMMAND...]", 0, OPERANDS_ANY, "measure what placement and page size are worth here",
	  "Runs the benchmark guest pinned and unpinned, on 4K and on 2M pages, alone and beside a load.\n"
	  "With --vm NAME -- COMMAND: a running guest pinned and unpinned, measured by a command that\n"
	  "prints a number.", bench_command, false },
	{ "help", "[COMMAND | profile]", 0, 1, "this list, a command's options, or the profile's keys",
	  NULL, help_command, false },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, false },
};

static int set_sysroot(void *target, const char *text, struct error *err)
{
	return root_init(&((struct command_common *)target)->root, text, err);
}

static const struct option_row common_rows[] = {
	{ "json", 0, NULL, "print JSON; field names are in vmtune(1)",
		.at = offsetof(struct command_common, json) },
	{ "sysroot", 0, "DIR", "read (and write) /sys, /proc, /run and /var/lib below DIR",
		.set = set_sysroot },
	{ "help", 'h', NULL, "this text", .at = offsetof(struct command_common, help) },
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

/* There is one writer: what changes the host is the daemon's to do where one runs. */
static int hand_over(int argc, char **argv, const struct root *root)
{
	struct error err;
	const struct command *command = command_find(argv[0]);
	int status = command && command->changes ? control_hand_over(root, argc, argv, &err) : -ENOENT;

	if (status == -ENOENT)
		return COMMAND_GOES;
	return status < 0 ? command_failed(argv[0], &err) : status;
}

int command_begin(int argc, char **argv, const struct option_row *rows, struct command_common *target,
	int *operands)
{
	struct error err;
	int rc = command_options(argc, argv, command_find(argv[0]), rows, target, operands, &err);

	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc == 0)
		return hand_over(argc, argv, &target->root);
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
