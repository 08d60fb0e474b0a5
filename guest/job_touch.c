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
	uint64_t ticks[CPUS_MAX];
};

static void touch(unsigned int thread, void *arg)
{
	struct pass *pass = arg;
	uint64_t page, end, count, begin, ticks = 0;

	job_share(pass->guest, thread, &page, &end);
	smp_barrier(&pass->barrier, pass->guest->thread_count);
	for (; page < end; page += count) {
		count = min_u64(SLICE_PAGES, end - page);
		begin = rdtsc();
		loop_write(pool_page(page), count);
		ticks += rdtsc() - begin;
		job_pause(pass->guest);
	}
	pass->ticks[thread] = ticks;
}

void job_touch(struct guest *guest)
{
	static struct pass pass;
	uint64_t round, slowest;
	struct json line;
	unsigned int i;

	pass.guest = guest;
	for (round = 0; round < max_u64(2, guest->options.repeat); round++) {
		guest->phase = round ? "touching again" : "touching";
		smp_run(guest, touch, &pass);
		slowest = 1;
		for (i = 0; i < guest->thread_count; i++)
			slowest = max_u64(slowest, clock_ns(pass.ticks[i]));
		job_result(guest, &line);
		json_u64(&line, "pass", round + 1);
		json_u64(&line, "pages", guest->pool.job_pages);
		json_u64(&line, "pages_per_s", mul_div(guest->pool.job_pages, 1000000000, slowest));
		json_fixed(&line, "ns_per_page", mul_div(slowest, 10, guest->pool.job_pages), 1);
		json_close(&line);
	}
}
