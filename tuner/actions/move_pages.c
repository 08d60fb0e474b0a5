// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moving a running guest's pages to other nodes (move/). Where pages were is not kept page by page, so
 * this cannot be undone, only done again the other way. The guest's memory policy stays what its VMM
 * made it: pages it touches later follow that. Pages that will not move are told, and no failure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/idset.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"
#include "tuner/move/move.h"
#include "tuner/plan/internal.h"

#define QMP_MS  500
#define SAMPLES 4096

/* The owner's machine, or one of our own in *@own, to be freed. hwloc takes its time on a large one. */
static const struct machine *look_at_machine(const struct action_context *context, struct machine **own,
	struct error *err)
{
	*own = context->machine ? NULL : machine_read(&context->root, err);
	if (!context->machine)
		return *own;
	machine_refresh(context->machine, &context->root);
	return context->machine;
}

/* ---- what is where -------------------------------------------------------------------------- */

/*
 * The part of the guest that the action is about: all its RAM, or what is one of its nodes'. False: QEMU
 * does not say any more which that is.
 */
static bool select_ram(const struct action *action, struct guest *guest, struct guest *part)
{
	unsigned int node;

	*part = *guest;
	if (!action->detail)
		return true;
	guest_ask_threads(guest, QMP_MS);
	guest_ask_nodes(guest, QMP_MS);
	if (sscanf(action->detail, "node %u", &node) != 1 || node >= guest_node_count(guest))
		return false;
	part->ram = &guest->ram[node]; /* guest_ask_nodes() has put them in this order */
	part->ram_count = 1;
	return true;
}

static int find_nodes(const struct action *action, const struct guest *guest, const struct machine *machine,
	unsigned int samples, struct idset *nodes)
{
	struct guest_memory_map map;
	int status = guest_map_read(guest, machine, samples, &map);

	*nodes = (struct idset){0};
	for (unsigned int i = 0; status == 0 && i < map.node_count; i++)
		if (map.node_bytes[i] >= (action->detail ? MOVE_WORTH : 1))
			idset_add(nodes, machine->nodes[i].os);
	if (status == 0)
		guest_map_release(&map);
	return status;
}

/* Some pages tell that there is something to move; that there is nothing only all of them do. */
static char *nodes_of(const struct action *action, const struct guest *guest, const struct machine *machine)
{
	struct idset nodes, wanted = {0};
	char text[1024];
	int status = find_nodes(action, guest, machine, SAMPLES, &nodes);

	if (status == 0 && (!action->after || idset_parse(action->after, &wanted, NULL) < 0 ||
			idset_within(&nodes, &wanted)))
		status = find_nodes(action, guest, machine, 0, &nodes);
	if (status < 0) {
		errno = -status;
		return NULL;
	}
	return xstrdup(idset_format(&nodes, text, sizeof(text)));
}

static char *read_nodes(const struct action_context *context, const struct action *action)
{
	struct guest *guest, part;
	const struct machine *machine;
	struct machine *own;
	struct guest_list list;
	struct guest_ref ref;
	char *nodes = NULL;

	if (!root_is_live(&context->root) || guest_resolve(context, action->target, &ref, NULL) < 0) {
		errno = ESRCH;
		return NULL;
	}
	machine = look_at_machine(context, &own, NULL);
	guests_read(&context->root, &list);
	guest = guest_by_pid(&list, ref.pid);
	if (guest && machine && select_ram(action, guest, &part))
		nodes = nodes_of(action, &part, machine);
	guests_release(&list);
	machine_free(own);
	return nodes;
}

static bool same(const struct action *action, const char *now, const char *wanted)
{
	struct idset left, right;

	(void)action;
	return !idset_parse(now, &left, NULL) && !idset_parse(wanted, &right, NULL) &&
		idset_within(&left, &right);
}

static int move(const struct action_context *context, const struct guest *guest, const struct idset *nodes,
	struct error *err)
{
	struct machine *own;
	const struct machine *machine = look_at_machine(context, &own, err);
	struct move_result result = {0};
	char text[MOVE_TEXT];
	int status;

	if (!machine)
		return -EIO;
	status = move_guest(guest, machine, nodes, &context->move, &result, err);
	machine_free(own);
	if (context->move.result)
		*context->move.result = result;
	if (status < 0)
		return status;
	if (result.interrupted)
		return error_set(err, EINTR, "interrupted; %s", move_text(&result, text));
	if (!result.pages && result.left_pages)
		return error_set(err, EBUSY, "no page of %s could be moved: %s", guest->name,
			move_text(&result, text));
	warn("%s: %s", guest->name, move_text(&result, text));
	return 0;
}

static int apply(const struct action_context *context, const struct action *action, struct error *err)
{
	struct guest_list list;
	struct guest_ref ref;
	struct idset nodes;
	struct guest *guest, part;
	int status = guest_resolve(context, action->target, &ref, err);

	if (status >= 0)
		status = idset_parse(action->after, &nodes, err);
	if (status < 0)
		return status;
	guests_read(&context->root, &list);
	guest = guest_by_pid(&list, ref.pid);
	if (!guest)
		status = error_set(err, ESRCH, "guest %s has ended", ref.name);
	else if (!select_ram(action, guest, &part))
		status = error_set(err, EIO, "guest %s does not say what its %s is", ref.name, action->detail);
	else {
		part.name = ref.name; /* as it was asked for */
		status = move(context, &part, &nodes, err);
	}
	guests_release(&list);
	return status;
}

/* Pages that stay (a device has them) are the kernel's affair then: it leaves them where they are as well. */
int action_move_off(const struct action_context *context, const char *guest, const struct idset *nodes,
	struct error *err)
{
	struct action action = { .target = (char *)(uintptr_t)guest };
	char *now = read_nodes(context, &action), list[1024];
	int status = 0;

	action.after = (char *)(uintptr_t)idset_format(nodes, list, sizeof(list));
	if (now && !same(&action, now, action.after))
		status = apply(context, &action, err);
	free(now);
	return status == -EBUSY ? 0 : status;
}

const struct action_verbs action_move_pages = {
	.name = "move-pages",
	.verb = "move pages of guest",
	.read = read_nodes,
	.apply = apply,
	.same = same,
	.partial = true,
	.resolve = guest_resolve_target,
};
