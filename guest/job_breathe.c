/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * breathe: hold with a working set that is a square wave: size= for half a period, low= for the other.
 * What it leaves is free at once, for the balloon and for free page reporting; what it takes again is
 * written at once, page by page, and how long that took is what having given it away cost the guest.
 */
#include "guest/breathe.h"

#include "guest/balloon.h"
#include "guest/clock.h"
#include "guest/hold.h"
#include "guest/job.h"
#include "guest/loops.h"

static struct {
	bool high;
	uint64_t next;       /* TSC of the next turn */
	uint64_t pages;      /* when high */
} breath;

static void say(const struct guest *guest, uint64_t pages, uint64_t ticks, uint64_t bad)
{
	struct json line;

	json_open(&line, "breath");
	json_string(&line, "phase", breath.high ? "high" : "low");
	json_fixed(&line, "working_set_MiB", guest->pool.job_pages * 1000 / 256, 3);
	json_u64(&line, "pages", pages);
	if (breath.high) {
		json_fixed(&line, "ns_per_page", pages ? mul_div(clock_ns(ticks), 1000, pages) : 0, 3);
		json_u64(&line, "bad_poison_pages", bad);
	}
	json_close(&line);
}

static void out(struct guest *guest)
{
	struct pool *pool = &guest->pool;
	uint64_t low = max_u64(guest->options.low / PAGE_SIZE, guest->thread_count);
	uint64_t before = pool->job_pages;

	breath.high = false;
	guest->job_wanted = min_u64(low, breath.pages);
	if (before > guest->job_wanted) {
		__atomic_store_n(&pool->job_pages, guest->job_wanted, __ATOMIC_RELEASE);
		hold_quiesce(guest);
	}
	say(guest, before - pool->job_pages, 0, 0);
}

static void in(struct guest *guest)
{
	struct pool *pool = &guest->pool;
	uint64_t before = pool->job_pages, after, begin, bad = 0;

	breath.high = true;
	guest->job_wanted = breath.pages;
	after = max_u64(before, min_u64(breath.pages, pool->pages - pool->balloon_pages));
	if (guest->balloon) {
		balloon_settle(guest->balloon);
		bad = balloon_bad_poison(guest->balloon, before, after);
	}
	begin = rdtsc();
	guest->stalls += after < breath.pages;
	if (after > before)
		loop_write(pool_page(before), after - before);
	begin = rdtsc() - begin;
	__atomic_store_n(&pool->job_pages, after, __ATOMIC_RELEASE);
	say(guest, after - before, begin, bad);
}

void breathe_tick(struct guest *guest)
{
	uint64_t half = clock_ticks_of_us(guest->options.period_us / 2);

	if (!breath.next)
		breath.next = rdtsc() + half; /* the first breath begins when all memory is there */
	if (rdtsc() < breath.next)
		return;
	breath.next += half;
	if (breath.high)
		out(guest);
	else
		in(guest);
}

void job_breathe(struct guest *guest)
{
	breath.high = true;
	breath.pages = guest->pool.job_pages;
	job_hold(guest);
}
