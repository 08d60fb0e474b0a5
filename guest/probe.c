/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/probe.h"

#include "guest/clock.h"
#include "guest/json.h"
#include "guest/paging.h"

#define STEPS   8 /* buckets for each doubling */
#define BUCKETS (STEPS * 62)

struct histogram {
	uint64_t count[BUCKETS], max;
};

static struct histogram *histograms; /* by thread; NULL: nobody probes */

/* Below 8 ticks a bucket each; then the three bits behind the first one. */
static unsigned int bucket_of(uint64_t ticks)
{
	unsigned int top;

	if (ticks < STEPS)
		return (unsigned int)ticks;
	top = 63 - (unsigned int)__builtin_clzll(ticks);
	return STEPS * (top - 2) + (unsigned int)(ticks >> (top - 3) & (STEPS - 1));
}

/* The middle of a bucket, in ticks. */
static uint64_t ticks_of(unsigned int bucket)
{
	unsigned int top = bucket / STEPS + 2;

	if (bucket < STEPS)
		return bucket;
	return ((uint64_t)(STEPS + bucket % STEPS) << (top - 3)) + (UINT64_C(1) << (top - 3)) / 2;
}

void probe_init(const struct guest *guest)
{
	histograms = boot_alloc(guest->thread_count * sizeof(*histograms), 64);
}

void probe_add(unsigned int thread, uint64_t ticks)
{
	struct histogram *mine = &histograms[thread];

	mine->count[bucket_of(ticks)]++;
	mine->max = max_u64(mine->max, ticks);
}

/* Moves all samples into @all. What a thread counts in between may be lost. */
static uint64_t collect(const struct guest *guest, struct histogram *all)
{
	uint64_t samples = 0;
	unsigned int thread, i;

	memset(all, 0, sizeof(*all));
	for (thread = 0; thread < guest->thread_count; thread++) {
		struct histogram *one = &histograms[thread];

		for (i = 0; i < BUCKETS; i++) {
			all->count[i] += one->count[i];
			samples += one->count[i];
		}
		all->max = max_u64(all->max, one->max);
		memset(one, 0, sizeof(*one));
	}
	return samples;
}

/* The value that @share of @samples are not above, in ticks. */
static uint64_t percentile(const struct histogram *all, uint64_t samples, unsigned int share)
{
	uint64_t rank = mul_div(samples, share, 100), seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++) {
		seen += all->count[i];
		if (seen > rank)
			return min_u64(ticks_of(i), all->max);
	}
	return all->max;
}

static uint64_t picoseconds(uint64_t ticks)
{
	return mul_div(ticks, 1000000000, clock_khz());
}

void probe_report(const struct guest *guest)
{
	static struct histogram all;
	struct json line;
	uint64_t samples;

	if (!histograms) {
		json_open(&line, "error");
		json_string(&line, "error", "only fill, hold, breathe and rewrite with probe=on time their accesses");
		json_close(&line);
		return;
	}
	samples = collect(guest, &all);
	json_open(&line, "latency");
	json_u64(&line, "samples", samples);
	if (samples) {
		json_fixed(&line, "median_ns", picoseconds(percentile(&all, samples, 50)), 3);
		json_fixed(&line, "p99_ns", picoseconds(percentile(&all, samples, 99)), 3);
		json_fixed(&line, "max_ns", picoseconds(all.max), 3);
	}
	json_close(&line);
}
