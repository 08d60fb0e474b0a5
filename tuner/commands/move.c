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
#include "tuner/context.h"

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

static void count_pages(const struct root *root, const struct machine *machine, const char *name)
{
	const struct guest *guest;
	struct guest_list list;

	guests_read(root, &list);
	guest = guest_find(&list, name);
	if (guest)
		print_count(guest, machine);
	guests_release(&list);
}

/* Looked at before the change is announced. */
static int check_nodes(const struct machine *machine, const struct idset *nodes, struct error *err)
{
	struct idset there = {0}, rest = *nodes;
	char wrong[256], have[256];

	for (unsigned int i = 0; i < machine->node_count; i++)
		if (machine->nodes[i].memory)
			idset_add(&there, machine->nodes[i].os);
	idset_subtract(&rest, &there);
	if (idset_empty(&rest) && !idset_empty(nodes))
		return 0;
	return error_set(err, EINVAL, "'%s' is no place for memory; this machine has it on node %s",
		idset_format(&rest, wrong, sizeof(wrong)), idset_format(&there, have, sizeof(have)));
}

struct move_command_options {
	struct command_common common;
	struct move_options move;
};

static int set_rate(void *target, const char *text, struct error *err)
{
	return move_parse_rate(text, &((struct move_command_options *)target)->move.rate, err);
}

static int set_threads(void *target, const char *text, struct error *err)
{
	char *end;
	long threads = strtol(text, &end, 10);

	if (end == text || *end || threads < 1 || threads > MOVE_THREADS_MAX)
		return error_set(err, EINVAL, "'%s' is no number of threads (1 to %d)", text, MOVE_THREADS_MAX);
	((struct move_command_options *)target)->move.threads = (unsigned int)threads;
	return 0;
}

static const struct option_row rows[] = {
	{"max-rate", 0, "MIB", "move at most so many MiB a second", .set = set_rate},
	{"threads", 0, "NUMBER", "threads that move (as many as make it faster, up to two for each node)",
		.set = set_threads},
	{0},
};

static int move(const struct move_command_options *options, struct action_context *context, char **operands,
	struct error *err)
{
	struct action_list list = {0};
	struct idset nodes;
	int status;

	context->machine = machine_read(&context->root, err);
	if (!context->machine || idset_parse(operands[1], &nodes, err) < 0 ||
		check_nodes(context->machine, &nodes, err) < 0)
		return command_failed("move", err);
	if (!options->common.json)
		warn("moved pages stay where they are: revert does not move them back");
	action_add(&list, ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, xstrdup(operands[0]), NULL, NULL,
		xstrdup(operands[1]), xstrdup("vmtune move"), operands[0]);
	status = apply_actions_in(context, "move", &list, options->common.json);
	if (status == EXIT_SUCCESS && !options->common.json)
		count_pages(&context->root, context->machine, operands[0]);
	return status;
}

int move_command(int argc, char **argv)
{
	struct move_command_options options = {0};
	struct action_context context;
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	context_init(&context, &options.common.root);
	context.move = options.move;
	status = move(&options, &context, argv + operands, &err);
	machine_free(context.machine);
	return status;
}
