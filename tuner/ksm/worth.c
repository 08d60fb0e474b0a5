// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two equal pages are seen only when both are in the samples. So of A's pages that have one copy in B, about as many
 * are seen to have one as the part of B that was sampled: each that is seen stands for 1 / part of them. A page of
 * which several copies are seen is one of many copies, whose like is hardly ever missed: it stands for itself.
 */
#include "tuner/ksm/worth.h"

#include <stdlib.h>

#include "lib/xalloc.h"

#define ONE_IN      100
#define SAMPLE_MIN  4096  /* pages: 16 MiB */
#define SAMPLE_MAX  65536

unsigned int worth_sample_size(uint64_t pages)
{
	uint64_t size = pages / ONE_IN;

	if (size < SAMPLE_MIN)
		size = SAMPLE_MIN;
	if (size > SAMPLE_MAX)
		size = SAMPLE_MAX;
	return (unsigned int)(size < pages ? size : pages);
}

/* ---- pairs ---------------------------------------------------------------------------------- */

/* A page that did not change between the looks, and is not zero. */
struct entry {
	uint64_t hash;
	unsigned int guest;
};

static int by_hash(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	if (left->hash != right->hash)
		return left->hash < right->hash ? -1 : 1;
	return left->guest < right->guest ? -1 : left->guest > right->guest;
}

/* Fills ->stable and ->zero as well. Returns how many entries; the caller frees. */
static unsigned int collect(const struct worth_sample *samples, unsigned int count, uint64_t zero, struct worth *worths,
	struct entry **entries)
{
	unsigned int total = 0, used = 0;

	for (unsigned int g = 0; g < count; g++)
		total += samples[g].count;
	*entries = xcalloc(total + 1, sizeof(**entries));
	for (unsigned int g = 0; g < count; g++) {
		unsigned int stable = 0, zeros = 0;

		for (unsigned int i = 0; i < samples[g].count; i++) {
			uint64_t hash = samples[g].second[i];

			if (hash != samples[g].first[i])
				continue;
			stable++;
			if (hash == zero)
				zeros++;
			else
				(*entries)[used++] = (struct entry){ hash, g };
		}
		worths[g].stable = samples[g].count ? (double)stable / samples[g].count : 0;
		worths[g].zero = samples[g].count ? (double)zeros / samples[g].count : 0;
	}
	qsort(*entries, used, sizeof(**entries), by_hash);
	return used;
}

/* What was seen of A's pages and their equals in B, at [A * guests + B]. */
struct seen {
	double share;     /* pages of A's sample that have an equal there, estimated */
	uint64_t pairs;
};

static double part_of(const struct worth_sample *sample)
{
	return sample->pages ? (double)sample->count / (double)sample->pages : 0;
}

/* Equal entries, those of a guest together: adds what they say of each pair of guests. */
static void add_equal(const struct entry *equal, unsigned int length, const struct worth_sample *samples,
	unsigned int count, struct seen *seen)
{
	for (unsigned int a = 0, next_a; a < length; a = next_a) {
		for (next_a = a; next_a < length && equal[next_a].guest == equal[a].guest;)
			next_a++;
		for (unsigned int b = 0, next_b; b < length; b = next_b) {
			struct seen *both = &seen[equal[a].guest * count + equal[b].guest];
			uint64_t mine = next_a - a, others;

			for (next_b = b; next_b < length && equal[next_b].guest == equal[b].guest;)
				next_b++;
			others = a == b ? mine - 1 : next_b - b;
			if (!others)
				continue;
			both->pairs += a == b ? mine * others / 2 : mine * others;
			both->share += (double)mine * (others == 1 ? 1 / part_of(&samples[equal[b].guest]) : 1);
		}
	}
}

/* The caller frees. */
static struct seen *see(const struct entry *entries, unsigned int used, const struct worth_sample *samples,
	unsigned int count)
{
	struct seen *seen = xcalloc((size_t)count * count + 1, sizeof(*seen));

	for (unsigned int at = 0, next; at < used; at = next) {
		for (next = at; next < used && entries[next].hash == entries[at].hash;)
			next++;
		if (next - at > 1)
			add_equal(entries + at, next - at, samples, count, seen);
	}
	for (unsigned int a = 0; a < count; a++)
		for (unsigned int b = 0; b < count && samples[a].count; b++)
			seen[a * count + b].share /= samples[a].count;
	return seen;
}

/* ---- shares --------------------------------------------------------------------------------- */

/*
 * Copies in several guests are taken for those of the same pages, as of one system installed in all of them: so the
 * share is that of the guest with most in common, and @holders how many guests hold such a page, this one included.
 */
static void find_common(const struct seen *seen, unsigned int count, unsigned int a, struct worth *worth,
	double *holders)
{
	double most = 0, sum = 0;

	worth->partner = -1;
	for (unsigned int b = 0; b < count; b++) {
		double share = b == a ? 0 : seen[a * count + b].share;

		worth->matches += seen[a * count + b].pairs;
		sum += share;
		if (share > most) {
			most = share;
			worth->partner = (int)b;
		}
	}
	worth->common = most;
	*holders = most > 0 ? 1 + sum / most : 1;
}

static double at_most(double value, double most)
{
	return value < most ? value : most;
}

void worth_estimate(const struct worth_sample *samples, unsigned int count, uint64_t zero, struct worth *worths)
{
	struct entry *entries;
	unsigned int used;
	struct seen *seen;

	for (unsigned int g = 0; g < count; g++)
		worths[g] = (struct worth){ 0 };
	used = collect(samples, count, zero, worths, &entries);
	seen = see(entries, used, samples, count);
	for (unsigned int g = 0; g < count; g++) {
		struct worth *worth = &worths[g];
		double rest = worth->stable - worth->zero, holders, share;

		find_common(seen, count, g, worth, &holders);
		worth->common = at_most(worth->common, rest);
		worth->twin = at_most(seen[g * count + g].share, rest - worth->common);
		/* one page is kept of those that several guests hold, and of twins one of two at least */
		share = worth->zero + worth->common * (1 - 1 / holders) + worth->twin / 2;
		worth->saved = (uint64_t)(share * (double)samples[g].pages) * KSM_PAGE;
		worth->metadata = samples[g].pages * KSM_ITEM;
		worth->profit = (int64_t)worth->saved - (int64_t)worth->metadata;
	}
	free(seen);
	free(entries);
}
