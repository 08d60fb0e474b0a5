/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check: memory that is read, compared and written all the time, for whoever moves it under the running
 * guest. Each thread goes round and round in its own share. Every word says which page it is of and which
 * round wrote it, and before a page is written again all its words must be those of the round before: a
 * page that was lost, taken for another one, or copied too early is seen.
 */
#include "guest/check.h"

#include "guest/apic.h"
#include "guest/clock.h"
#include "guest/job.h"
#include "guest/smp.h"

#define WORDS       (PAGE_SIZE / sizeof(uint64_t))
#define SLICE_PAGES 64
#define NAP_US      10000
#define ODD_1       UINT64_C(0x9e3779b97f4a7c15)
#define ODD_2       UINT64_C(0xbf58476d1ce4e5b9)

struct rounds {
	uint64_t rounds, pages, bad; /* full rounds, pages compared, those that were wrong */
} __attribute__((aligned(64)));

static struct {
	struct guest *guest;
	struct rounds rounds[CPUS_MAX];
} check;

/* The first word of a page in a round; those that follow are ODD_1 apart. */
static uint64_t first_word(uint64_t page, uint64_t round)
{
	uint64_t x = page * ODD_1 ^ round * ODD_2;

	return x ^ x >> 29;
}

static void write_page(uint64_t page, uint64_t round)
{
	uint64_t *word = pool_page(page), value = first_word(page, round);
	unsigned int i;

	for (i = 0; i < WORDS; i++, value += ODD_1)
		word[i] = value;
}

/* Compares what @round wrote and writes the next one. */
static bool turn_page(uint64_t page, uint64_t round)
{
	uint64_t old = first_word(page, round), new = first_word(page, round + 1), wrong = 0;
	uint64_t *word = pool_page(page);
	unsigned int i;

	for (i = 0; i < WORDS; i++, old += ODD_1, new += ODD_1) {
		wrong |= word[i] ^ old;
		word[i] = new;
	}
	return !wrong;
}

static void write_share(unsigned int thread, void *arg)
{
	struct guest *guest = arg;
	uint64_t page, end;

	job_share(guest, thread, &page, &end);
	for (; page < end; page++) {
		write_page(page, 0);
		if (page % SLICE_PAGES == 0)
			job_pause(guest);
	}
}

static void say_bad(uint64_t page, uint64_t round)
{
	struct json line;

	json_open(&line, "error");
	json_string(&line, "error", "a page does not hold what was written");
	json_u64(&line, "page", page);
	json_u64(&line, "round", round);
	json_close(&line);
}

/* Between slices: lets others in, and sleeps while the thread is ahead of its share of the rate. */
static void pace(struct guest *guest, uint64_t pages, uint64_t begin)
{
	uint64_t due;

	for (;;) {
		job_pause(guest);
		due = mul_div(clock_ns(rdtsc() - begin) / 1000, guest->options.rate,
			      UINT64_C(1000000) * guest->thread_count);
		if (!guest->options.rate || pages <= due)
			return;
		apic_sleep_us(NAP_US);
	}
}

static void check_share(unsigned int thread, void *arg)
{
	struct guest *guest = arg;
	struct rounds *mine = &check.rounds[thread];
	uint64_t first, page, end, begin = rdtsc();

	job_share(guest, thread, &first, &end);
	for (;; mine->rounds++)
		for (page = first; page < end; page++, mine->pages++) {
			if (!turn_page(page, mine->rounds) && !mine->bad++)
				say_bad(page, mine->rounds);
			if (mine->pages % SLICE_PAGES == 0)
				pace(guest, mine->pages, begin);
		}
}

void check_status(struct json *line)
{
	uint64_t rounds = UINT64_MAX, pages = 0, bad = 0;
	unsigned int i;

	if (!check.guest)
		return;
	for (i = 0; i < check.guest->thread_count; i++) {
		rounds = min_u64(rounds, check.rounds[i].rounds);
		pages += check.rounds[i].pages;
		bad += check.rounds[i].bad;
	}
	json_u64(line, "rounds", rounds);
	json_u64(line, "pages_checked", pages);
	json_u64(line, "bad_pages", bad);
}

void job_check(struct guest *guest)
{
	struct json line;

	guest->phase = "filling";
	smp_run(guest, write_share, guest);
	check.guest = guest;
	guest->phase = "checking";
	json_open(&line, "ready");
	json_string(&line, "job", guest->options.job->name);
	json_fixed(&line, "working_set_MiB", guest->pool.job_pages * 1000 / 256, 3);
	json_close(&line);
	smp_run(guest, check_share, guest);
}
