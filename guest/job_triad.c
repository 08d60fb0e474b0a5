/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * triad: memory bandwidth as in STREAM, a = b + 3 c on doubles. Each thread has its own share of
 * the working set, cut into the three arrays. Bytes are counted as STREAM does: what the program
 * asks for (24 bytes an element), not what caches move.
 */
#include "guest/clock.h"
#include "guest/job.h"
#include "guest/loops.h"
#include "guest/smp.h"

#define SLICE_BYTES (UINT64_C(4) << 20) /* of each array */

struct arrays {
	double *a, *b, *c;
	uint64_t count, next; /* elements; where the next slice starts */
};

struct triad {
	struct guest *guest;
	struct arrays arrays[CPUS_MAX];
};

static void prepare(unsigned int thread, void *arg)
{
	struct triad *triad = arg;
	struct arrays *s = &triad->arrays[thread];
	uint64_t first, end, pages;

	job_share(triad->guest, thread, &first, &end);
	pages = (end - first) / 3;
	s->count = pages * PAGE_SIZE / sizeof(double);
	s->a = pool_page(first);
	s->b = pool_page(first + pages);
	s->c = pool_page(first + 2 * pages);
	s->next = 0;
	loop_set(s->a, s->count, 0);
	loop_set(s->b, s->count, 1);
	loop_set(s->c, s->count, 2);
}

static uint64_t slice(struct guest *guest, unsigned int thread, void *arg)
{
	struct arrays *s = &((struct triad *)arg)->arrays[thread];
	uint64_t count = min_u64(SLICE_BYTES / sizeof(double), s->count - s->next);

	(void)guest;
	loop_triad(s->a + s->next, s->b + s->next, s->c + s->next, count);
	s->next = s->next + count == s->count ? 0 : s->next + count;
	return count;
}

/* Every a[] of the first pass must be 1 + 3 * 2. False after a lost or wrong write. */
static bool check(const struct guest *guest, const struct triad *triad, const struct job_timing *timing)
{
	static const uint64_t seven = UINT64_C(0x401c000000000000); /* 7.0 */
	const uint64_t *a;
	unsigned int thread;
	uint64_t i, n;

	for (thread = 0; thread < guest->thread_count; thread++) {
		a = (const void *)triad->arrays[thread].a;
		n = min_u64(triad->arrays[thread].count, timing->steps[thread]);
		for (i = 0; i < n; i += 512)
			if (a[i] != seven)
				return false;
	}
	return true;
}

static void report(struct guest *guest, const struct triad *triad, const struct job_timing *timing)
{
	uint64_t rate[CPUS_MAX], total = 0, bytes;
	struct json line;
	unsigned int i;

	for (i = 0; i < guest->thread_count; i++) {
		bytes = timing->steps[i] * 3 * sizeof(double);
		rate[i] = mul_div(bytes, 1000000000, clock_ns(timing->ticks[i])) * 10 >> 20;
		total += rate[i];
	}
	job_result(guest, &line);
	json_fixed(&line, "MiB_per_s", total, 1);
	json_array(&line, "thread_MiB_per_s", rate, guest->thread_count, 1);
	json_bool(&line, "values_right", check(guest, triad, timing));
	json_close(&line);
}

void job_triad(struct guest *guest)
{
	static struct job_timing timing;
	static struct triad triad;
	uint64_t round;

	triad.guest = guest;
	guest->phase = "preparing";
	smp_run(guest, prepare, &triad);
	guest->phase = "measuring";
	for (round = 0; round < guest->options.repeat; round++) {
		job_measure(guest, slice, &triad, &timing);
		report(guest, &triad, &timing);
	}
}
