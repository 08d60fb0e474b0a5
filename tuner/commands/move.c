// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune move: a running guest's pages to other nodes; the one change that cannot be taken back. */
#include <errno.h>
#include <stdio.h>

#include "host/guest.h"
#include "host/machine.h"
#include "lib/idset.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/command.h"

/* Says where every page is now, counted, not assumed. */
static void print_count(const struct guest *guest, const struct machine *machine)
{
	struct guest_memory_map map;
	char size[SIZE_TEXT_MAX];

	if (guest_map_read(guest, machine, 0, &map) < 0)
		return;
	printf("pages of %s:", guest->name);
	for (unsigned int i = 0; i < map.node_count; i++)
		printf("%s %s on node %u", i ? "," : "", size_format(size, map.node_bytes[i]),
			machine->nodes[i].os);
	putchar('\n');
	guest_map_release(&map);
}

static void count_pages(const struct root *root, const char *name)
{
	struct machine *machine = machine_read(root, NULL);
	const struct guest *guest;
	struct guest_list list;

	guests_read(root, &list);
	guest = guest_find(&list, name);
	if (guest && machine)
		print_count(guest, machine);
	guests_release(&list);
	machine_free(machine);
}

/* Looked at before the change is announced. */
static int check_nodes(const struct root *root, const struct idset *nodes, struct error *err)
{
	struct machine *machine = machine_read(root, err);
	struct idset there = {0}, rest = *nodes;
	char wrong[256], have[256];

	if (!machine)
		return -EIO;
	for (unsigned int i = 0; i < machine->node_count; i++)
		if (machine->nodes[i].memory)
			idset_add(&there, machine->nodes[i].os);
	machine_free(machine);
	idset_subtract(&rest, &there);
	if (idset_empty(&rest) && !idset_empty(nodes))
		return 0;
	return error_set(err, EINVAL, "'%s' is no place for memory; this machine has it on node %s",
		idset_format(&rest, wrong, sizeof(wrong)), idset_format(&there, have, sizeof(have)));
}

int move_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_list list = {0};
	struct idset nodes;
	struct error err;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	if (idset_parse(argv[operands + 1], &nodes, &err) < 0 || check_nodes(&common.root, &nodes, &err) < 0)
		return command_failed(argv[0], &err);
	if (!common.json)
		warn("moved pages stay where they are: revert does not move them back");
	action_add(&list, ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, xstrdup(argv[operands]), NULL, NULL,
		xstrdup(argv[operands + 1]), xstrdup("vmtune move"), argv[operands]);
	status = apply_actions(&common.root, argv[0], &list, common.json);
	if (status == EXIT_SUCCESS && !common.json)
		count_pages(&common.root, argv[operands]);
	return status;
}
