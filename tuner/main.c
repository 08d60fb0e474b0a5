/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmtune: finds the command in the table and runs it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/version.h"
#include "tuner/command.h"

/*
 * What a careless starter has left: without the standard descriptors the next file opened, the journal it may be, is
 * standard output; with SIGCHLD ignored nobody learns how a child has ended.
 */
static void settle_in(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	signal(SIGCHLD, SIG_DFL);
}

int main(int argc, char **argv)
{
	char *bare[] = { (char *)"help", NULL };
	const struct command *command;

	settle_in();
	if (argc < 2) {
		help_command(1, bare);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = bare[0];
	if (!strcmp(argv[1], "--version")) {
		puts("vmtune " VMTUNE_VERSION);
		return EXIT_SUCCESS;
	}
	command = command_find(argv[1]);
	if (!command) {
		warn("there is no command '%s'; 'vmtune help' lists them", argv[1]);
		return EXIT_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}
