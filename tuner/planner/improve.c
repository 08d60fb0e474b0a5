/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Improvement by ruin and recreate (Schrimpf et al., 2000): some VMs are taken out and put back, each
 * to where it costs least, in an order drawn by lot. A single VM taken out is a move, two are a swap
 * or a chain; more find what moves and swaps cannot. VMs without a place go in first, so the same
 * step is the repair of a construction that got stuck. What is worse than the best one seen, but
 * not by much, is gone on from (record-to-record travel, Dueck, 1993); by how much shrinks to nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/planner/state.h"

#define OUT_MAX  6     /* VMs taken out at once, at most */

/* Shapes of 256 overlooked for a VM: mostly few, sometimes nearly all, which leaves a random one. */
static const unsigned int blink_rates[] = { 0, 10, 10, 10, 40, 40, 128, 240 };
#define BLINK_RATES (sizeof(blink_rates) / sizeof(blink_rates[0]))

uint64_t planner_random(uint64_t *seed)
{
	uint64_t x = *seed ? *seed : 0x9e3779b97f4a7c15u;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*seed = x;
	return x * 0x2545f4914f6cdd1du;
}

unsigned int planner_below(uint64_t *seed, unsigned int limit)
{
	return (unsigned int)((planner_random(seed) >> 32) * limit >> 32);
}

struct improver {
	struct state *state;
	int *best;              /* shapes of the best placement */
	double best_total;
	double best_missing;
	uint64_t seed;
	unsigned int out[OUT_MAX], out_count;
	int was[OUT_MAX];
	unsigned int *homeless, homeless_count; /* VMs without a place */
};

static bool is_out(const struct improver *improver, unsigned int vm)
{
	for (unsigned int i = 0; i < improver->out_count; i++)
		if (improver->out[i] == vm)
			return true;
	return false;
}

static void take_out(struct improver *improver, unsigned int vm)
{
	struct state *state = improver->state;

	improver->out[improver->out_count] = vm;
	improver->was[improver->out_count++] = state->at[vm];
	if (state->at[vm] != NO_PLACE)
		state_take(state, vm);
}

/* One VM at random, and others; a VM without a place always comes along. */
static void ruin(struct improver *improver)
{
	unsigned int vms = improver->state->problem->vm_count;
	unsigned int count = 1 + planner_below(&improver->seed, OUT_MAX - 1);

	improver->out_count = 0;
	if (improver->homeless_count)
		take_out(improver, improver->homeless[planner_below(&improver->seed, improver->homeless_count)]);
	for (unsigned int i = 0; i < count && improver->out_count < vms; i++) {
		unsigned int vm = planner_below(&improver->seed, vms);

		if (!is_out(improver, vm))
			take_out(improver, vm);
	}
}

static void recreate(struct improver *improver)
{
	for (unsigned int i = 0; i < improver->out_count; i++) {
		unsigned int j = i + planner_below(&improver->seed, improver->out_count - i);
		unsigned int vm = improver->out[j];
		unsigned int blinks = blink_rates[planner_below(&improver->seed, BLINK_RATES)];
		int was = improver->was[j], shape;

		improver->out[j] = improver->out[i];
		improver->was[j] = improver->was[i];
		improver->out[i] = vm;
		improver->was[i] = was;
		shape = state_best(improver->state, vm, blinks, &improver->seed);
		if (shape != NO_PLACE)
			state_put(improver->state, vm, (unsigned int)shape);
	}
}

static void take_back(struct improver *improver)
{
	for (unsigned int i = 0; i < improver->out_count; i++)
		if (improver->state->at[improver->out[i]] != NO_PLACE)
			state_take(improver->state, improver->out[i]);
	for (unsigned int i = 0; i < improver->out_count; i++)
		if (improver->was[i] != NO_PLACE)
			state_put(improver->state, improver->out[i], (unsigned int)improver->was[i]);
}

static void list_homeless(struct improver *improver)
{
	const struct state *state = improver->state;

	improver->homeless_count = 0;
	for (unsigned int i = 0; state->unplaced && i < state->problem->vm_count; i++)
		if (state->at[i] == NO_PLACE)
			improver->homeless[improver->homeless_count++] = i;
}

static void remember(struct improver *improver, double total)
{
	const struct state *state = improver->state;

	improver->best_total = total;
	improver->best_missing = state_missing(state);
	memcpy(improver->best, state->at, state->problem->vm_count * sizeof(*improver->best));
}

static bool fewer(double missing, double than)
{
	return missing < than - 1e-9;
}

/* Smaller is better; a VM without a place outweighs everything. */
static bool better(double missing, double total, double than_missing, double than_total)
{
	if (fewer(missing, than_missing) || fewer(than_missing, missing))
		return missing < than_missing;
	return total < than_total - 1e-12;
}

static void step(struct improver *improver, double tolerance)
{
	struct state *state = improver->state;
	double after, limit = improver->best_total + tolerance;
	double before = state_missing(state), missing;

	ruin(improver);
	recreate(improver);
	after = state_total(state);
	missing = state_missing(state);
	if (better(missing, after, improver->best_missing, improver->best_total)) {
		remember(improver, after);
	} else if (fewer(before, missing) || (!state->unplaced && after > limit)) {
		take_back(improver);
		return;
	}
	if (before > 0 || state->unplaced)
		list_homeless(improver);
}

static void restore(struct improver *improver)
{
	struct state *state = improver->state;

	for (unsigned int i = 0; i < state->problem->vm_count; i++)
		if (state->at[i] != NO_PLACE && state->at[i] != improver->best[i])
			state_take(state, i);
	for (unsigned int i = 0; i < state->problem->vm_count; i++)
		if (state->at[i] == NO_PLACE && improver->best[i] != NO_PLACE)
			state_put(state, i, (unsigned int)improver->best[i]);
}

/* Tolerance falls from @tolerance to nothing while the effort is spent. */
static void search(struct improver *improver, uint64_t effort, double tolerance)
{
	struct state *state = improver->state;
	uint64_t begin = state->effort;

	list_homeless(improver);
	while (state->effort - begin < effort && state->effort < state->limit) {
		double left = 1 - (double)(state->effort - begin) / (double)effort;

		state->effort++; /* a step that overlooks every shape is one, too */
		step(improver, tolerance * left * left);
	}
}

void improve(struct state *state, uint64_t effort, double tolerance, uint64_t seed)
{
	unsigned int count = state->problem->vm_count;
	struct improver improver = { .state = state, .seed = seed ? seed : 1 };

	if (!count)
		return;
	improver.best = xcalloc(count, sizeof(*improver.best));
	improver.homeless = xcalloc(count, sizeof(*improver.homeless));
	remember(&improver, state_total(state));
	search(&improver, effort, tolerance * improver.best_total / count);
	restore(&improver);
	free(improver.best);
	free(improver.homeless);
}
