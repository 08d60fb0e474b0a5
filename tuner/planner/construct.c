/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Construction: the hardest VM first, each to where it costs least at that moment. */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

struct hardness {
	unsigned int vm;
	double value;
};

static int hardest_first(const void *a, const void *b)
{
	const struct hardness *left = a, *right = b;

	if (left->value > right->value || left->value < right->value)
		return left->value > right->value ? -1 : 1;
	return left->vm < right->vm ? -1 : 1;
}

void construct(struct state *state)
{
	unsigned int count = state->problem->vm_count;
	struct hardness *order = xcalloc(count + 1, sizeof(*order));

	for (unsigned int i = 0; i < count; i++)
		order[i] = (struct hardness){ i, state->hardness[i] };
	qsort(order, count, sizeof(*order), hardest_first);
	for (unsigned int i = 0; i < count; i++) {
		int shape = state_best(state, order[i].vm, 0, NULL);

		if (shape != NO_PLACE)
			state_put(state, order[i].vm, (unsigned int)shape);
	}
	free(order);
}
