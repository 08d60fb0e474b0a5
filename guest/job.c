/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of jobs, and what they share. */
#include "guest/job.h"

#include "guest/balloon.h"
#include "guest/breathe.h"
#include "guest/button.h"
#include "guest/clock.h"
#include "guest/console.h"
#include "guest/fill.h"
#include "guest/hold.h"
#include "guest/smp.h"

#define MiB            (UINT64_C(1) << 20)
#define SERVICE_US     20000 /* three exits each time: balloon target, serial line, power button */
#define BUSY_US        1000  /* while the balloon moves */

static const struct job jobs[] = {
	{.name = "latency", .keys = "size threads seconds repeat", .default_size = 256 * MiB, .run = job_latency},
	{.name = "triad", .keys = "size threads seconds repeat", .default_size = 256 * MiB, .all_cpus = true,
		.run = job_triad},
	{.name = "touch", .keys = "size threads repeat", .default_size = SIZE_ALL, .all_cpus = true,
		.run = job_touch},
	{.name = "spin", .keys = "threads seconds repeat", .all_cpus = true, .run = job_spin},
	{.name = "fill", .keys = "size threads dup seed id rate access floor probe", .default_size = SIZE_HALF,
		.all_cpus = true, .shrinks = true, .run = job_fill, .grow = fill_pages},
	{.name = "hold", .keys = "size threads rate access floor probe", .default_size = SIZE_HALF, .shrinks = true,
		.run = job_hold},
	{.name = "check", .keys = "size threads rate", .default_size = SIZE_HALF, .all_cpus = true,
		.run = job_check},
	{.name = "breathe", .keys = "size low period threads rate access floor probe", .default_size = SIZE_HALF,
		.shrinks = true, .run = job_breathe, .tick = breathe_tick},
	{.name = "rewrite", .keys = "size threads dup seed id rate floor probe", .default_size = SIZE_HALF,
		.all_cpus = true, .shrinks = true, .run = job_fill, .grow = fill_pages, .touch = fill_anew},
};

const struct job *job_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		if (!strcmp(jobs[i].name, name))
			return &jobs[i];
	return NULL;
}

void job_share(const struct guest *guest, unsigned int thread, uint64_t *first, uint64_t *end)
{
	uint64_t pages = __atomic_load_n(&guest->pool.job_pages, __ATOMIC_ACQUIRE);

	*first = mul_div(pages, thread, guest->thread_count);
	*end = mul_div(pages, thread + 1, guest->thread_count);
}

void job_pause(struct guest *guest)
{
	uint64_t now, wait_us = SERVICE_US;

	if (this_cpu() != guest->cpu[0])
		return;
	now = rdtsc();
	if (now < guest->next_service)
		return;
	if (guest->balloon && balloon_poll(guest->balloon))
		wait_us = BUSY_US;
	if (guest->options.job->tick && hold_is_running())
		guest->options.job->tick(guest);
	console_poll(guest);
	button_poll(guest);
	guest->next_service = rdtsc() + clock_ticks_of_us(wait_us);
}

void job_result(struct guest *guest, struct json *line)
{
	json_open(line, "result");
	json_string(line, "job", guest->options.job->name);
	json_u64(line, "threads", guest->thread_count);
	if (guest->options.job->default_size)
		json_fixed(line, "size_MiB", guest->pool.job_pages * 1000 / 256, 3);
}

struct measurement {
	struct guest *guest;
	job_slice *slice;
	void *arg;
	struct job_timing *timing;
	uint64_t barrier;
};

static void measure_thread(unsigned int thread, void *arg)
{
	struct measurement *m = arg;
	uint64_t want = clock_ticks_of_us(m->guest->options.duration_us);
	uint64_t steps = 0, ticks = 0, begin;

	smp_barrier(&m->barrier, m->guest->thread_count);
	while (ticks < want) {
		begin = rdtsc();
		steps += m->slice(m->guest, thread, m->arg);
		ticks += rdtsc() - begin;
		job_pause(m->guest);
	}
	m->timing->steps[thread] = steps;
	m->timing->ticks[thread] = ticks;
}

void job_measure(struct guest *guest, job_slice *slice, void *arg, struct job_timing *timing)
{
	struct measurement m = {guest, slice, arg, timing, 0};

	smp_run(guest, measure_thread, &m);
}
