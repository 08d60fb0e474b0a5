/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmtune help: the table of commands, one command's options, or the keys of a profile. */
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "tuner/command.h"
#include "tuner/profile/profile.h"

static void print_overview(void)
{
	printf("vmtune gets the most out of one KVM host: it plans where every virtual machine should\n"
	       "live, puts it there, proves that it is there, and takes everything back again.\n\n"
	       "usage: vmtune COMMAND [options] [operands]\n\n");
	for (const struct command *command = commands; command->name; command++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", command->name, command->operands);
		printf("  %-28s %s\n", left, command->what);
	}
	printf("\nEvery command takes --json, --sysroot DIR and --help. 'vmtune help profile' explains the\n"
	       "keys of a profile; the manual is vmtune(1) and vmtune.conf(5).\n"
	       "Exit status: 0 done, 1 failed, 2 usage, 3 verify found a difference, the doctor an error\n"
	       "or a warning, or revert left something.\n");
}

int help_command(int argc, char **argv)
{
	struct command_common common = {0};
	const struct command *command;
	char *help[] = { NULL, (char *)"--help", NULL };
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	if (operands == argc) {
		print_overview();
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[operands], "profile")) {
		profile_print_schema();
		return EXIT_SUCCESS;
	}
	command = command_find(argv[operands]);
	if (!command) {
		warn("help: there is no command '%s'; 'vmtune help' lists them", argv[operands]);
		return EXIT_USAGE;
	}
	help[0] = argv[operands];
	return command->run(2, help);
}
