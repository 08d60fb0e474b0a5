// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's RAM in pieces, each for one node. */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/move/internal.h"

#define TRIAL_TURNS 8

/*
 * Every call of move_pages(2) empties all CPUs' lists of pages, which takes about a millisecond: chunks are large,
 * but for the first ones (crew.c).
 */
static uint64_t chunk_bytes(const struct job *job, uint64_t page_size, unsigned int turn)
{
	uint64_t bytes = page_size > 4 * KIB ? 16 * page_size : turn < TRIAL_TURNS ? TRIAL_BYTES : CHUNK_BYTES;

	/* four chunks a second at least: an interrupt is noticed, and the pace is even */
	if (job->rate && bytes > job->rate / 4)
		bytes = job->rate / 4;
	if (bytes < HUGE_BYTES)
		bytes = HUGE_BYTES;
	return bytes < page_size ? page_size : bytes / page_size * page_size;
}

static uint64_t align(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static void add_chunk(struct job *job, const struct chunk *chunk)
{
	job->chunks = xreallocarray(job->chunks, job->chunk_count + 1, sizeof(*chunk));
	job->chunks[job->chunk_count++] = *chunk;
}

/* Borders lie on 2M of the address, so that no transparent huge page has two owners. */
static void cut(struct job *job, const struct guest_ram *ram)
{
	uint64_t end = ram->start + ram->size, unit = ram->page_size > HUGE_BYTES ? ram->page_size : HUGE_BYTES;
	uint64_t at = ram->start;

	for (unsigned int target = 0; target < job->node_count; target++) {
		uint64_t border = target + 1 == job->node_count ? end
			: align(ram->start + ram->size / job->node_count * (target + 1), unit);
		unsigned int turn = 0;

		border = border < end ? border : end;
		while (at < border) {
			uint64_t step = align(chunk_bytes(job, ram->page_size, turn), unit);
			uint64_t next = align(at + 1, unit) - unit + step;

			next = next < border ? next : border;
			add_chunk(job, &(struct chunk){ .start = at, .page_size = ram->page_size,
				.pages = (unsigned int)((next - at) / ram->page_size), .target = target,
				.turn = turn });
			turn++;
			at = next;
		}
	}
}

static int by_turn(const void *a, const void *b)
{
	const struct chunk *left = a, *right = b;

	if (left->turn != right->turn)
		return left->turn < right->turn ? -1 : 1;
	if (left->target != right->target)
		return left->target < right->target ? -1 : 1;
	return left->start < right->start ? -1 : left->start > right->start;
}

void move_cut(struct job *job)
{
	for (unsigned int i = 0; i < job->guest->ram_count; i++)
		cut(job, &job->guest->ram[i]);
	if (job->chunk_count)
		qsort(job->chunks, job->chunk_count, sizeof(*job->chunks), by_turn);
}

uint64_t move_need(const struct job *job, uint64_t *need, uint64_t *pages)
{
	uint64_t sum = 0;

	*pages = 0;
	memset(need, 0, MOVE_NODES_MAX * sizeof(*need));
	for (unsigned int i = 0; i < job->chunk_count; i++) {
		const struct chunk *chunk = &job->chunks[i];

		need[chunk->target] += chunk->wrong * chunk->page_size;
		sum += chunk->wrong * chunk->page_size;
		*pages += chunk->wrong;
	}
	return sum;
}

void move_free_chunks(struct job *job)
{
	for (unsigned int i = 0; i < job->chunk_count; i++) {
		free(job->chunks[i].wrong_bits);
		free(job->chunks[i].hidden_bits);
	}
	free(job->chunks);
}
