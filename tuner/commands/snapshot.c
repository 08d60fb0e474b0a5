/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmtune snapshot: everything known about this machine, in a file for `plan --host`. */
#include <string.h>

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/command.h"

#define LOCATE_SAMPLES 16384 /* enough for a plan elsewhere; where guests run, every page is asked for */

int snapshot_command(int argc, char **argv)
{
	struct command_common common = { 0 };
	struct snapshot *snapshot;
	struct error err;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	snapshot = snapshot_read(&common.root, &err);
	if (!snapshot)
		return command_failed(argv[0], &err);
	for (unsigned int i = 0; i < snapshot->guests.count; i++)
		guest_locate(&snapshot->guests.guests[i], snapshot->machine, LOCATE_SAMPLES);
	if (!strcmp(argv[operands], "-"))
		status = command_print_json(snapshot_to_json(snapshot));
	else if (snapshot_save(snapshot, argv[operands], &err) < 0)
		status = command_failed(argv[0], &err);
	else
		status = common.json ? command_print_json(json_pack("{s:s}", "snapshot", argv[operands]))
				     : EXIT_SUCCESS;
	snapshot_free(snapshot);
	return status;
}
