/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * latency: a pointer chase through all cache lines of the working set in random order, each load
 * depending on the one before.
 *
 * The order is one cycle by construction: position j of the walk is line P(j), where P is a
 * bijection on k-bit numbers made of steps that can be undone; positions whose line lies beyond the
 * working set are skipped. Because P can be inverted, the lines are written in address order (line x
 * needs only P(inverse(x) + 1)), in parallel, and no list of lines has to be shuffled: building the
 * cycle costs nanoseconds a line where a shuffle would miss the cache twice.
 */
#include "guest/clock.h"
#include "guest/job.h"
#include "guest/loops.h"
#include "guest/smp.h"

#define LINE        64
#define SLICE_STEPS 8192
#define ODD_1       UINT64_C(0x9e3779b97f4a7c15)
#define ODD_2       UINT64_C(0xbf58476d1ce4e5b9)

struct cycle {
	struct guest *guest;
	uint64_t lines, mask;
	unsigned int shift;      /* at least half the bits, so that x ^= x >> shift undoes itself */
	uint64_t undo_1, undo_2; /* inverses of the odd factors modulo 2^64 */
	void *at[CPUS_MAX];      /* where each thread is */
};

/* Newton's iteration doubles the number of right bits each time. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;
	unsigned int i;

	for (i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

static uint64_t line_of(const struct cycle *c, uint64_t position)
{
	uint64_t x = position;

	x = (x ^ x >> c->shift) * ODD_1 & c->mask;
	x = (x ^ x >> c->shift) * ODD_2 & c->mask;
	return x ^ x >> c->shift;
}

static uint64_t position_of(const struct cycle *c, uint64_t line)
{
	uint64_t x = line;

	x = (x ^ x >> c->shift) * c->undo_2 & c->mask;
	x = (x ^ x >> c->shift) * c->undo_1 & c->mask;
	return x ^ x >> c->shift;
}

/* The first line from @position on that is in the working set. */
static void *line_from(const struct cycle *c, uint64_t position)
{
	uint64_t line;

	do
		line = line_of(c, position++ & c->mask);
	while (line >= c->lines);
	return (void *)(POOL_BASE + line * LINE);
}

static void build(unsigned int thread, void *arg)
{
	struct cycle *c = arg;
	uint64_t first, end, line;

	job_share(c->guest, thread, &first, &end);
	for (line = first * (PAGE_SIZE / LINE); line < end * (PAGE_SIZE / LINE); line++) {
		*(void **)(POOL_BASE + line * LINE) = line_from(c, position_of(c, line) + 1);
		if (line % 65536 == 0)
			job_pause(c->guest);
	}
	c->at[thread] = line_from(c, mul_div(c->mask, thread, c->guest->thread_count));
}

static uint64_t slice(struct guest *guest, unsigned int thread, void *arg)
{
	struct cycle *c = arg;

	(void)guest;
	c->at[thread] = loop_chase(c->at[thread], SLICE_STEPS);
	return SLICE_STEPS;
}

static void init(struct cycle *c, struct guest *guest)
{
	unsigned int bits = 1;

	c->guest = guest;
	c->lines = guest->pool.job_pages * (PAGE_SIZE / LINE);
	while (c->lines > UINT64_C(1) << bits)
		bits++;
	c->mask = (UINT64_C(1) << bits) - 1;
	c->shift = (bits + 1) / 2;
	c->undo_1 = inverse(ODD_1);
	c->undo_2 = inverse(ODD_2);
}

static void report(struct guest *guest, const struct job_timing *timing)
{
	uint64_t ps[CPUS_MAX], steps = 0, ns = 0;
	struct json line;
	unsigned int i;

	for (i = 0; i < guest->thread_count; i++) {
		ps[i] = mul_div(clock_ns(timing->ticks[i]), 1000, timing->steps[i]);
		steps += timing->steps[i];
		ns += clock_ns(timing->ticks[i]);
	}
	job_result(guest, &line);
	json_u64(&line, "steps", steps);
	json_fixed(&line, "ns_per_step", mul_div(ns, 1000, steps), 3);
	json_array(&line, "thread_ns_per_step", ps, guest->thread_count, 3);
	json_close(&line);
}

void job_latency(struct guest *guest)
{
	static struct job_timing timing;
	static struct cycle cycle;
	uint64_t round;

	init(&cycle, guest);
	guest->phase = "building";
	smp_run(guest, build, &cycle);
	guest->phase = "measuring";
	for (round = 0; round < guest->options.repeat; round++) {
		job_measure(guest, slice, &cycle, &timing);
		report(guest, &timing);
	}
}
