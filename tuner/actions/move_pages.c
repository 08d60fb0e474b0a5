// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moving a running guest's pages to other nodes with move_pages(2): a batch at a time, huge pages
 * whole. Where pages were is not kept page by page, so this cannot be undone, only done again the other
 * way. The guest's memory policy stays what its VMM made it: pages it touches later follow that.
 *
 * Huge pages move only into free pages of the target's pool: otherwise the kernel takes new ones
 * and the sizes of both pools change behind everybody's back.
 */
#include <errno.h>
#include <inttypes.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/idset.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"
#include "tuner/interrupt.h"

#define BATCH 4096

struct move {
	pid_t pid;
	struct idset nodes;
	unsigned int node_count;
	uint64_t done, total; /* bytes looked at, for the progress line */
	uint64_t need[IDSET_MAX / 64]; /* bytes to come, by index in nodes; only with @count_only */
	bool count_only;
};

/* ---- what is where -------------------------------------------------------------------------- */

static const struct guest *find_guest(const struct guest_list *list, pid_t pid)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (list->guests[i].pid == pid)
			return &list->guests[i];
	return NULL;
}

static char *nodes_of(const struct guest *guest, const struct machine *machine)
{
	struct guest_memory_map map;
	struct idset nodes = {0};
	char text[1024];
	int status = guest_map_read(guest, machine, 0, &map);

	if (status < 0) {
		errno = -status;
		return NULL;
	}
	for (unsigned int i = 0; i < map.node_count; i++)
		if (map.node_bytes[i])
			idset_add(&nodes, machine->nodes[i].os);
	guest_map_release(&map);
	return xstrdup(idset_format(&nodes, text, sizeof(text)));
}

static char *read_nodes(const struct action_context *context, const struct action *action)
{
	const struct guest *guest;
	struct machine *machine;
	struct guest_list list;
	struct guest_ref ref;
	char *nodes = NULL;

	if (!root_is_live(&context->root) || guest_resolve(context, action->target, &ref, NULL) < 0) {
		errno = ESRCH;
		return NULL;
	}
	machine = machine_read(&context->root, NULL);
	guests_read(&context->root, &list);
	guest = find_guest(&list, ref.pid);
	if (guest && machine)
		nodes = nodes_of(guest, machine);
	guests_release(&list);
	machine_free(machine);
	return nodes;
}

static bool same(const struct action *action, const char *now, const char *wanted)
{
	struct idset left, right;

	(void)action;
	return !idset_parse(now, &left, NULL) && !idset_parse(wanted, &right, NULL) &&
		idset_within(&left, &right);
}

/* ---- moving --------------------------------------------------------------------------------- */

/* Which wanted node the page at @offset of @size bytes belongs on: equal parts, in order. */
static int target_node(const struct move *move, uint64_t offset, uint64_t size, unsigned int *index)
{
	int node = -1;

	*index = (unsigned int)(offset / (size / move->node_count + 1));
	for (unsigned int i = 0; i <= *index; i++)
		node = idset_next(&move->nodes, node);
	return node;
}

/*
 * Looks where @count pages are and moves (or counts) those on unwanted nodes. Pages that are not there
 * have a negative status and stay out of it.
 */
static int move_batch(struct move *move, const struct guest_ram *ram, uint64_t first, unsigned int count)
{
	void *pages[BATCH];
	int where[BATCH], nodes[BATCH];
	unsigned int wrong = 0, index;

	for (unsigned int i = 0; i < count; i++)
		pages[i] = (void *)(uintptr_t)(ram->start + (first + i) * ram->page_size);
	if (move_pages(move->pid, count, pages, NULL, where, 0) < 0)
		return -errno;
	for (unsigned int i = 0; i < count; i++) {
		if (where[i] < 0 || idset_has(&move->nodes, (unsigned int)where[i]))
			continue;
		nodes[wrong] = target_node(move, (first + i) * ram->page_size, ram->size, &index);
		if (move->count_only)
			move->need[index] += ram->page_size;
		pages[wrong++] = pages[i];
	}
	if (wrong && !move->count_only &&
	    move_pages(move->pid, wrong, pages, nodes, where, MPOL_MF_MOVE) < 0)
		return -errno;
	return 0;
}

static void progress(const struct move *move)
{
	char done[SIZE_TEXT_MAX], total[SIZE_TEXT_MAX];

	if (!move->count_only && isatty(STDERR_FILENO))
		fprintf(stderr, "\rmoving pages: %s of %s%s", size_format(done, move->done & ~(MIB - 1)),
			size_format(total, move->total), move->done == move->total ? "\n" : "   ");
}

static int move_ram(struct move *move, const struct guest_ram *ram, struct error *err)
{
	uint64_t pages = ram->size / ram->page_size;

	for (uint64_t first = 0; first < pages; first += BATCH) {
		unsigned int count = pages - first < BATCH ? (unsigned int)(pages - first) : BATCH;
		int status = move_batch(move, ram, first, count);

		if (status < 0)
			return error_errno(err, -status, "moving pages of PID %d", (int)move->pid);
		if (interrupted())
			return error_set(err, EINTR, "interrupted");
		move->done += count * ram->page_size;
		progress(move);
	}
	return 0;
}

static int move_all(struct move *move, const struct guest *guest, bool count_only, struct error *err)
{
	int status = 0;

	move->count_only = count_only;
	move->done = 0;
	move->total = guest->configured;
	memset(move->need, 0, sizeof(move->need));
	for (unsigned int i = 0; i < guest->ram_count && status >= 0; i++)
		status = move_ram(move, &guest->ram[i], err);
	return status;
}

/* Whether what must come fits, before anything moves. */
static int check_room(const struct move *move, const struct guest *guest, const struct machine *machine,
	struct error *err)
{
	uint64_t page_size = guest->ram_count ? guest->ram[0].page_size : 0;
	char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];
	unsigned int index = 0;

	idset_for_each(os, &move->nodes) {
		const struct machine_node *node = machine_node_of(machine, os);
		const struct machine_pool *pool;
		uint64_t room;

		if (!node || !node->memory)
			return error_set(err, EINVAL, "node %d %s", os, node ? "has no memory" :
				"does not exist");
		pool = page_size > 4 * KIB ? machine_pool_of(node, page_size) : NULL;
		room = pool ? pool->free * page_size : node->free;
		if (move->need[index] > room)
			return error_set(err, ENOMEM, "node %d has %s%s free, %s must come", os,
				size_format(have, room), pool ? " of huge pages" : "",
				size_format(need, move->need[index]));
		index++;
	}
	return 0;
}

static int run(struct move *move, const struct guest *guest, const struct machine *machine,
	struct error *err)
{
	int status = move_all(move, guest, true, err);

	if (status >= 0)
		status = check_room(move, guest, machine, err);
	if (status >= 0)
		status = move_all(move, guest, false, err);
	return status;
}

static int apply(const struct action_context *context, const struct action *action, struct error *err)
{
	struct move move = {0};
	struct machine *machine;
	struct guest_list list;
	struct guest_ref ref;
	const struct guest *guest;
	int status = guest_resolve(context, action->target, &ref, err);

	if (status >= 0)
		status = idset_parse(action->after, &move.nodes, err);
	if (status < 0)
		return status;
	move.pid = ref.pid;
	move.node_count = idset_count(&move.nodes);
	if (!move.node_count || move.node_count > sizeof(move.need) / sizeof(move.need[0]))
		return error_set(err, EINVAL, "'%s' is no list of nodes", action->after);
	machine = machine_read(&context->root, err);
	if (!machine)
		return -EIO;
	guests_read(&context->root, &list);
	guest = find_guest(&list, ref.pid);
	status = guest ? run(&move, guest, machine, err)
		       : error_set(err, ESRCH, "guest %s has ended", ref.name);
	guests_release(&list);
	machine_free(machine);
	return status;
}

const struct action_verbs action_move_pages = {
	.name = "move-pages",
	.verb = "move pages of guest",
	.read = read_nodes,
	.apply = apply,
	.same = same,
	.resolve = guest_resolve_target,
};
