/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold: touches its working set at a given rate for ever, and sleeps in between. Each thread goes
 * round and round in its own share. The balloon may shrink the working set at any time: every thread
 * looks at the limit at the start of a turn, and hold_quiesce() waits until all have done so.
 */
#include "guest/hold.h"

#include "guest/apic.h"
#include "guest/clock.h"
#include "guest/job.h"
#include "guest/loops.h"
#include "guest/probe.h"
#include "guest/smp.h"

#define TURN_US       10000
#define PAGES_A_TURN  65536 /* at most: a turn must end soon */
#define SLOW_A_TURN   4096  /* of pages that are timed, or written from end to end */

struct turns {
	uint64_t epoch;             /* the last one that the thread has seen */
	uint64_t page;              /* offset in its share */
	uint64_t touched, passes;
} __attribute__((aligned(64)));

static struct {
	struct guest *guest;
	bool running;
	uint64_t epoch;
	struct turns turns[CPUS_MAX];
} hold;

static bool writes(const struct guest *guest)
{
	uint64_t access = guest->options.access;

	if (guest->options.job->touch)
		return true;
	return access == ACCESS_DEFAULT ? !guest->options.job->grow : access == ACCESS_WRITE;
}

static void touch_pages(struct turns *turns, uint64_t page, uint64_t count)
{
	struct guest *guest = hold.guest;

	if (guest->options.job->touch)
		for (; count; count--)
			guest->options.job->touch(guest, page++, turns->passes);
	else if (writes(guest))
		loop_write(pool_page(page), count);
	else
		loop_read(pool_page(page), count);
}

static void touch_timed(struct turns *turns, unsigned int thread, uint64_t page, uint64_t count)
{
	uint64_t begin;

	for (; count; count--) {
		begin = rdtsc();
		touch_pages(turns, page++, 1);
		probe_add(thread, rdtsc() - begin);
	}
}

/* Touches @count pages of the thread's share from where it is. */
static void touch(struct turns *turns, unsigned int thread, uint64_t count)
{
	uint64_t first, end, run;

	while (count) {
		__atomic_store_n(&turns->epoch, __atomic_load_n(&hold.epoch, __ATOMIC_SEQ_CST),
			__ATOMIC_SEQ_CST);
		job_share(hold.guest, thread, &first, &end);
		if (first == end)
			return;
		if (turns->page >= end - first) {
			turns->page = 0;
			turns->passes++;
		}
		run = min_u64(count, end - first - turns->page);
		if (hold.guest->options.probe)
			touch_timed(turns, thread, first + turns->page, run);
		else
			touch_pages(turns, first + turns->page, run);
		turns->page += run;
		turns->touched += run;
		count -= run;
	}
}

static void hold_thread(unsigned int thread, void *arg)
{
	struct guest *guest = arg;
	struct turns *turns = &hold.turns[thread];
	bool slow = guest->options.probe || guest->options.job->touch;
	uint64_t begin = rdtsc(), done = 0, due, most = slow ? SLOW_A_TURN : PAGES_A_TURN;

	for (;;) {
		due = mul_div(clock_ns(rdtsc() - begin) / 1000, guest->options.rate,
			      UINT64_C(1000000) * guest->thread_count);
		/* What a turn cannot do is dropped: a rate too high for the machine gets what there is. */
		touch(turns, thread, min_u64(due - done, most));
		__atomic_store_n(&turns->epoch, __atomic_load_n(&hold.epoch, __ATOMIC_SEQ_CST),
			__ATOMIC_SEQ_CST);
		done = due;
		job_pause(guest);
		apic_sleep_us(TURN_US);
	}
}

bool hold_is_running(void)
{
	return hold.running;
}

void hold_quiesce(struct guest *guest)
{
	uint64_t epoch;
	unsigned int i;

	if (!hold.running)
		return;
	epoch = __atomic_add_fetch(&hold.epoch, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < guest->thread_count; i++) {
		if (guest->thread[i] == this_cpu())
			continue;
		apic_wake(guest->thread[i]->apic_id);
		while (__atomic_load_n(&hold.turns[i].epoch, __ATOMIC_SEQ_CST) < epoch)
			clock_spin_us(100);
	}
}

void hold_status(struct json *line)
{
	uint64_t touched = 0, passes = UINT64_MAX;
	unsigned int i;

	if (!hold.running)
		return;
	for (i = 0; i < hold.guest->thread_count; i++) {
		touched += hold.turns[i].touched;
		passes = min_u64(passes, hold.turns[i].passes);
	}
	json_u64(line, "pages_touched", touched);
	json_u64(line, "passes", passes);
}

void hold_forever(struct guest *guest)
{
	struct json line;

	hold.guest = guest;
	if (guest->options.probe)
		probe_init(guest);
	hold.running = true;
	guest->phase = "holding";
	json_open(&line, "ready");
	json_string(&line, "job", guest->options.job->name);
	json_fixed(&line, "working_set_MiB", guest->pool.job_pages * 1000 / 256, 3);
	json_u64(&line, "rate_pages_per_s", guest->options.rate);
	json_string(&line, "access", writes(guest) ? "write" : "read");
	json_close(&line);
	smp_run(guest, hold_thread, guest);
}

static void touch_share(unsigned int thread, void *arg)
{
	struct guest *guest = arg;
	uint64_t page, end, count;

	job_share(guest, thread, &page, &end);
	for (; page < end; page += count) {
		count = min_u64(PAGES_A_TURN, end - page);
		loop_write(pool_page(page), count);
		job_pause(guest);
	}
}

void job_hold(struct guest *guest)
{
	guest->phase = "touching";
	smp_run(guest, touch_share, guest);
	hold_forever(guest);
}
