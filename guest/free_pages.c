/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The free part of the pool is one stretch, and nobody writes to it. So what the host has of it is one
 * number too: the pages from there to the end of the stretch. It falls while the job shrinks and rises
 * with the job; the balloon takes pages at the other end, which the host has anyway.
 *
 * Runs are aligned to 2 MiB, as Linux's reports are, so that a host whose pages are that large can take them.
 */
#include "guest/free_pages.h"

#include "guest/clock.h"

#define RUN_PAGES 512 /* 2 MiB */
#define REQUESTS  16  /* runs a step */

/* Configuration space (5.5.4) and commands (5.5.6.4). */
#define CONFIG_COMMAND 8
#define COMMAND_STOP   0
#define COMMAND_DONE   1

void free_pages_init(struct free_pages *free, struct guest *guest, const struct virtio *virtio)
{
	free->guest = guest;
	free->virtio = virtio;
	free->reported = guest->pool.pages;
}

static uint64_t free_end(const struct free_pages *free)
{
	return free->guest->pool.pages - free->guest->pool.balloon_pages;
}

/* The first free page that begins a run. */
static uint64_t free_start(const struct free_pages *free)
{
	return align_up(free->guest->pool.job_pages, RUN_PAGES);
}

static void poison(const struct free_pages *free, uint64_t first, uint64_t end)
{
	uint32_t *word = pool_page(first), *stop = pool_page(end);

	while (free->poison && word < stop)
		*word++ = free->poison;
}

uint64_t free_pages_bad(const struct free_pages *free, uint64_t first, uint64_t end)
{
	uint64_t bad = 0, page;
	unsigned int i;

	first = max_u64(first, free->reported);
	for (page = first; free->poison && page < end; page++) {
		const uint32_t *word = pool_page(page);

		for (i = 0; i < PAGE_SIZE / sizeof(*word) && word[i] == free->poison; i++)
			;
		bad += i < PAGE_SIZE / sizeof(*word);
	}
	return bad;
}

static void lend(const struct free_pages *free, struct virtq *queue, uint64_t first, uint64_t end)
{
	uint64_t run;

	virtq_lend(queue, pool_physical(&free->guest->pool, first, &run), (uint32_t)((end - first) * PAGE_SIZE));
}

static bool report(struct free_pages *free)
{
	uint64_t start = free_start(free), first;

	virtq_take(&free->report);
	if (virtq_pending(&free->report))
		return true;
	free->reported = min_u64(max_u64(free->reported, start), free_end(free));
	if (free->reported <= start)
		return false;
	while (free->reported > start && virtq_pending(&free->report) < REQUESTS) {
		first = max_u64(start, align_down(free->reported - 1, RUN_PAGES));
		poison(free, first, free->reported);
		lend(free, &free->report, first, free->reported);
		free->pages_reported += free->reported - first;
		free->reported = first;
	}
	virtq_kick(&free->report);
	return true;
}

void free_pages_settle(struct free_pages *free)
{
	if (!free->report.size)
		return;
	while (virtq_take(&free->report), virtq_pending(&free->report))
		clock_spin_us(10);
}

static void say(struct free_pages *free, uint32_t command)
{
	*free->said = command;
	virtq_add(&free->hint, free->said, sizeof(*free->said));
	virtq_kick(&free->hint);
}

static void hint_some(struct free_pages *free)
{
	uint64_t stop = free_end(free), end;

	while (free->hint_at < stop && virtq_pending(&free->hint) < REQUESTS) {
		end = min_u64(stop, align_down(free->hint_at, RUN_PAGES) + RUN_PAGES);
		lend(free, &free->hint, free->hint_at, end);
		free->hint_at = end;
	}
	virtq_kick(&free->hint);
}

/* A round: its command id, all free pages, STOP. Ended early when the host has another id. */
static bool hint(struct free_pages *free)
{
	uint32_t command = virtio_config_read32(free->virtio, CONFIG_COMMAND);

	virtq_take(&free->hint);
	if (virtq_pending(&free->hint))
		return true;
	if (!free->hinting && command > COMMAND_DONE && command != free->round) {
		free->round = command;
		free->hint_at = free_start(free);
		free->hinting = true;
		say(free, command);
	} else if (free->hinting && (command != free->round || free->hint_at >= free_end(free))) {
		free->hinting = false;
		say(free, COMMAND_STOP);
	} else if (free->hinting) {
		hint_some(free);
	}
	return free->hinting;
}

bool free_pages_poll(struct free_pages *free)
{
	bool more = free->report.size && report(free);

	return (free->hint.size && hint(free)) || more;
}
