/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Some VMs are taken out and put back in the best way there is while the others stay (large neighbourhood
 * search, Shaw, 1998). This finds what no order of best places one after another can, as with few VMs that
 * are larger than a node. How many are taken out follows from how many can be searched to the end.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define LEAST       2
#define GROWTH      0.25 /* more VMs after a search that came to its end, twice as many fewer after one that did not */
#define WINDOWS     32   /* the effort is enough for so many searches that do not */

/* The first @size of @vms become @size of all at random. */
static void shuffle(unsigned int *vms, unsigned int count, unsigned int size, uint64_t *seed)
{
	for (unsigned int i = 0; i < size; i++) {
		unsigned int j = i + planner_below(seed, count - i), vm = vms[i];

		vms[i] = vms[j];
		vms[j] = vm;
	}
}

bool windows(struct state *state, uint64_t effort, uint64_t seed)
{
	unsigned int count = state->problem->vm_count;
	unsigned int *vms = xcalloc(count + 1, sizeof(*vms));
	uint64_t begin = state->effort;
	double size = LEAST;
	bool all = count <= LEAST;

	for (unsigned int i = 0; i < count; i++)
		vms[i] = i;
	while (state->effort - begin < effort && state->effort < state->limit) {
		unsigned int now = size < count ? (unsigned int)size : count;
		bool ended;

		shuffle(vms, count, now, &seed);
		ended = exact(state, vms, now, effort / WINDOWS);
		all = ended && now == count;
		if (all)
			break;
		size += ended ? GROWTH : -2 * GROWTH;
		size = size < LEAST ? LEAST : size;
	}
	free(vms);
	return all;
}
