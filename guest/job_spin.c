/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spin: how many rounds of an empty loop each vCPU gets done; shows stolen time and sharing. */
#include "guest/clock.h"
#include "guest/job.h"
#include "guest/loops.h"

#define SLICE_ROUNDS (1 << 20)

static uint64_t slice(struct guest *guest, unsigned int thread, void *arg)
{
	(void)guest;
	(void)thread;
	(void)arg;
	loop_spin(SLICE_ROUNDS);
	return SLICE_ROUNDS;
}

void job_spin(struct guest *guest)
{
	static struct job_timing timing;
	uint64_t per_second[CPUS_MAX], round, total = 0;
	struct json line;
	unsigned int i;

	for (round = 0; round < guest->options.repeat; round++, total = 0) {
		job_measure(guest, slice, NULL, &timing);
		for (i = 0; i < guest->thread_count; i++) {
			per_second[i] = mul_div(timing.steps[i], 1000000000, clock_ns(timing.ticks[i]));
			total += per_second[i];
		}
		job_result(guest, &line);
		json_fixed(&line, "seconds", guest->options.duration_us, 6);
		json_u64(&line, "rounds_per_s", total);
		json_array(&line, "thread_rounds_per_s", per_second, guest->thread_count, 0);
		json_close(&line);
	}
}
