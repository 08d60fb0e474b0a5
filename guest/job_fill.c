/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fill: pages for KSM to merge. dup percent of the pages, spread evenly, are equal in all guests with
 * the same seed (and all different within one guest); the rest is unique to the guest. Contents are
 * pseudo-random, made again from (seed or id, number of the page) when a page comes back from the
 * balloon, and when verify asks whether anything was damaged. Then fill goes on as hold, reading.
 *
 * rewrite: the same at first; then whole pages are written anew at the rate, each time with other
 * contents.
 */
#include "guest/fill.h"

#include "guest/clock.h"
#include "guest/hold.h"
#include "guest/job.h"
#include "guest/smp.h"

#define WORDS       (PAGE_SIZE / sizeof(uint64_t))
#define SLICE_PAGES 1024

/* splitmix64: a counter stepped by the golden ratio, and a mix of its bits. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* How many of the first @pages pages are duplicates: an even spread of dup_percent. */
static uint64_t duplicates(const struct guest *guest, uint64_t pages)
{
	return pages * guest->options.dup_percent / 100;
}

/* The generator's start for a page: duplicates are numbered among themselves. */
static uint64_t page_state(const struct guest *guest, uint64_t page)
{
	uint64_t dup = duplicates(guest, page), state;

	if (duplicates(guest, page + 1) > dup) {
		state = guest->options.seed;
		return next(&state) ^ dup << 20;
	}
	state = ~guest->options.id;
	return next(&state) ^ page << 20;
}

void fill_pages(struct guest *guest, uint64_t first, uint64_t end)
{
	uint64_t state, *word;
	unsigned int i;

	for (; first < end; first++) {
		state = page_state(guest, first);
		word = pool_page(first);
		for (i = 0; i < WORDS; i++)
			word[i] = next(&state);
	}
}

/* Never the same contents twice, nor those of another guest: nothing to merge for long. */
void fill_anew(struct guest *guest, uint64_t page, uint64_t pass)
{
	uint64_t state = page_state(guest, page) ^ guest->options.id ^ (pass + 1) << 40;
	uint64_t *word = pool_page(page);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		word[i] = next(&state);
}

static bool page_is_right(const struct guest *guest, uint64_t page)
{
	uint64_t state = page_state(guest, page);
	const uint64_t *word = pool_page(page);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		if (word[i] != next(&state))
			return false;
	return true;
}

uint64_t fill_verify(struct guest *guest)
{
	uint64_t page, bad = 0;

	for (page = 0; page < guest->pool.job_pages; page++)
		bad += !page_is_right(guest, page);
	return bad;
}

static void fill_share(unsigned int thread, void *arg)
{
	struct guest *guest = arg;
	uint64_t page, end, count;

	job_share(guest, thread, &page, &end);
	for (; page < end; page += count) {
		count = min_u64(SLICE_PAGES, end - page);
		fill_pages(guest, page, page + count);
		job_pause(guest);
	}
}

void job_fill(struct guest *guest)
{
	uint64_t pages = guest->pool.job_pages, begin = rdtsc();
	struct json line;

	if (!guest->options.id)
		guest->options.id = begin;
	guest->phase = "filling";
	smp_run(guest, fill_share, guest);
	job_result(guest, &line);
	json_u64(&line, "pages", pages);
	json_u64(&line, "dup_pages", duplicates(guest, pages));
	json_u64(&line, "unique_pages", pages - duplicates(guest, pages));
	json_u64(&line, "seed", guest->options.seed);
	json_u64(&line, "id", guest->options.id);
	json_u64(&line, "pages_per_s", mul_div(pages, 1000000000, clock_ns(rdtsc() - begin)));
	json_close(&line);
	hold_forever(guest);
}
