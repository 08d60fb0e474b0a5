/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * touch: writes one word of every page. The first pass meets pages the host may not have given yet;
 * the second shows the cost without that. repeat=N makes N passes, at least the two.
 */
#include "guest/clock.h"
#include "guest/job.h"
#include "guest/loops.h"
#include "guest/smp.h"

#define SLICE_PAGES 4096

struct pass {
	struct guest *guest;
	uint64_t barrier;
	/* TSC of each thread's first and last moment, the time job_pause() took left out. */
	uint64_t begin[CPUS_MAX], end[CPUS_MAX];
};

static void touch(unsigned int thread, void *arg)
{
	struct pass *pass = arg;
	uint64_t page, end, count, now, paused = 0;

	job_share(pass->guest, thread, &page, &end);
	smp_barrier(&pass->barrier, pass->guest->thread_count);
	pass->begin[thread] = rdtsc();
	for (; page < end; page += count) {
		count = min_u64(SLICE_PAGES, end - page);
		loop_write(pool_page(page), count);
		now = rdtsc();
		job_pause(pass->guest);
		paused += rdtsc() - now;
	}
	pass->end[thread] = rdtsc() - paused;
}

/* From the first thread's begin to the last one's end: threads that took turns on one CPU count. */
static uint64_t pass_ns(const struct pass *pass)
{
	uint64_t begin = pass->begin[0], end = pass->end[0];
	unsigned int i;

	for (i = 1; i < pass->guest->thread_count; i++) {
		begin = min_u64(begin, pass->begin[i]);
		end = max_u64(end, pass->end[i]);
	}
	return max_u64(1, clock_ns(end - begin));
}

void job_touch(struct guest *guest)
{
	static struct pass pass;
	uint64_t round, ns;
	struct json line;

	pass.guest = guest;
	for (round = 0; round < max_u64(2, guest->options.repeat); round++) {
		guest->phase = round ? "touching again" : "touching";
		smp_run(guest, touch, &pass);
		ns = pass_ns(&pass);
		job_result(guest, &line);
		json_u64(&line, "pass", round + 1);
		json_u64(&line, "pages", guest->pool.job_pages);
		json_u64(&line, "pages_per_s", mul_div(guest->pool.job_pages, 1000000000, ns));
		json_fixed(&line, "ns_per_page", mul_div(ns, 10, guest->pool.job_pages), 1);
		json_close(&line);
	}
}
