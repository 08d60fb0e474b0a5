/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which order running guests are changed: the ones whose memory has room where it goes come first, for
 * what they leave is room for the others. Two guests that change places on full nodes cannot be helped:
 * their moves end with a rest that is told.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/placement/placement.h"
#include "tuner/plan/internal.h"

struct ordering {
	const struct snapshot *snapshot;
	uint64_t *left; /* bytes that each node can give now, for guests of any page size */
};

static unsigned int index_of(const struct machine *machine, int node)
{
	const struct machine_node *found = machine_node_of(machine, node);

	return found ? (unsigned int)(found - machine->nodes) : 0;
}

static uint64_t can_give(const struct machine_node *node)
{
	uint64_t bytes = node->available > node->free ? node->available : node->free;

	for (unsigned int i = 0; i < node->pool_count; i++)
		bytes += node->pools[i].free * node->pools[i].page_size;
	return bytes;
}

static bool has_room(const struct ordering *ordering, const struct placed_vm *placed)
{
	for (unsigned int i = 0; i < placed->node_count; i++)
		if (placed->nodes[i].incoming >
			ordering->left[index_of(ordering->snapshot->machine, placed->nodes[i].host_node)])
			return false;
	return true;
}

static void move(struct ordering *ordering, const struct placed_vm *placed, const struct guest *guest)
{
	const struct machine *machine = ordering->snapshot->machine;

	for (unsigned int i = 0; i < placed->node_count; i++) {
		uint64_t *left = &ordering->left[index_of(machine, placed->nodes[i].host_node)];

		*left -= placed->nodes[i].incoming < *left ? placed->nodes[i].incoming : *left;
	}
	for (unsigned int i = 0; guest->node_bytes && i < guest->node_count && i < machine->node_count; i++)
		if (!placed_on(placed, machine->nodes[i].os))
			ordering->left[i] += guest->node_bytes[i];
}

/* The first of the rest that has room, or the first. */
static unsigned int pick(const struct ordering *ordering, const struct plan *plan, const unsigned int *order,
	unsigned int from, unsigned int count)
{
	for (unsigned int i = from; i < count; i++)
		if (has_room(ordering, &plan->vms[order[i]]))
			return i;
	return from;
}

unsigned int plan_order(const struct plan *plan, const struct snapshot *snapshot, unsigned int *order)
{
	const struct machine *machine = snapshot->machine;
	struct ordering ordering = { snapshot, xcalloc(machine->node_count + 1, sizeof(*ordering.left)) };
	unsigned int count = 0;

	for (unsigned int i = 0; i < machine->node_count; i++)
		ordering.left[i] = can_give(&machine->nodes[i]);
	for (unsigned int i = 0; i < plan->vm_count; i++)
		if (plan->vms[i].running)
			order[count++] = i;
	for (unsigned int i = 0; i < count; i++) {
		unsigned int at = pick(&ordering, plan, order, i, count), next = order[at];

		for (; at > i; at--)
			order[at] = order[at - 1];
		order[i] = next;
		move(&ordering, &plan->vms[next], placement_guest(&snapshot->guests, plan->vms[next].vm));
	}
	free(ordering.left);
	return count;
}
