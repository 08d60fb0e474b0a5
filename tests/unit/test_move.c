// SPDX-License-Identifier: GPL-2.0-or-later
/* Moving pages: how a guest's RAM is cut, and how many threads move it. The kernel's part is tests/lab/test-move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "host/guest.h"
#include "tuner/move/internal.h"

static struct job job_of(struct guest *guest, struct guest_ram *ram, unsigned int nodes)
{
	guest->ram = ram;
	guest->ram_count = 1;
	return (struct job){ .guest = guest, .node_count = nodes, .allowed = 1, .threads = 4,
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
}

/* By target, each from where the last one of that target ended. */
static void check_cut(const struct job *job, const struct guest_ram *ram)
{
	uint64_t at = ram->start;

	for (unsigned int target = 0; target < job->node_count; target++) {
		for (unsigned int i = 0; i < job->chunk_count; i++) {
			const struct chunk *chunk = &job->chunks[i];

			if (chunk->target != target)
				continue;
			assert_int_equal(chunk->start, at);
			assert_in_range(chunk->pages, 1, CHUNK_PAGES);
			at += chunk->pages * chunk->page_size;
			assert_true(at % HUGE_BYTES == 0 || at == ram->start + ram->size);
		}
	}
	assert_int_equal(at, ram->start + ram->size);
}

static void chunks_cover_the_memory_and_part_no_huge_page(void **unused)
{
	static const uint64_t starts[] = { 0x7f0000000000, 0x7f0000001000, 0x7f00001ff000 };
	static const uint64_t sizes[] = { 4 * KIB, 2 * MIB, 33 * MIB, 1000 * MIB + 4 * KIB, 5 * GIB };
	static const uint64_t rates[] = { 0, MIB, 100 * MIB };

	(void)unused;
	for (unsigned int i = 0; i < 3 * 5 * 3 * 4; i++) {
		struct guest_ram ram = { .start = starts[i % 3], .size = sizes[i / 3 % 5], .page_size = 4 * KIB };
		struct guest guest = { 0 };
		struct job job = job_of(&guest, &ram, i / 45 + 1);

		job.rate = rates[i / 15 % 3];
		move_cut(&job);
		check_cut(&job, &ram);
		move_free_chunks(&job);
	}
}

static void pages_of_a_pool_are_cut_whole(void **unused)
{
	struct guest_ram ram = { .start = UINT64_C(1) << 40, .size = 100 * GIB, .page_size = GIB };
	struct guest guest = { 0 };
	struct job job = job_of(&guest, &ram, 3);

	(void)unused;
	move_cut(&job);
	check_cut(&job, &ram);
	for (unsigned int i = 0; i < job.chunk_count; i++)
		assert_int_equal(job.chunks[i].start % GIB, 0);
	move_free_chunks(&job);
}

static void need_is_what_lies_elsewhere_by_target(void **unused)
{
	struct guest_ram ram = { .start = UINT64_C(1) << 40, .size = 256 * MIB, .page_size = 4 * KIB };
	struct guest guest = { 0 };
	struct job job = job_of(&guest, &ram, 2);
	uint64_t need[MOVE_NODES_MAX], pages, bytes;

	(void)unused;
	move_cut(&job);
	for (unsigned int i = 0; i < job.chunk_count; i++)
		job.chunks[i].wrong = job.chunks[i].target ? 3 : 1;
	bytes = move_need(&job, need, &pages);
	assert_int_equal(bytes, 4 * KIB * pages);
	assert_int_equal(need[1], 3 * need[0]);
	move_free_chunks(&job);
}

/* Chunks of 1 MiB, each thread's in @us[threads at work]; returns how many are at work in the end. */
static unsigned int grown(const uint64_t *us)
{
	struct guest guest = { 0 };
	struct guest_ram ram = { .page_size = 4 * KIB };
	struct job job = job_of(&guest, &ram, 2);

	for (int i = 0; i < 1000; i++)
		move_grow(&job, job.allowed, MIB, us[job.allowed]);
	return job.allowed;
}

static void threads_join_while_each_pays(void **unused)
{
	static const struct {
		uint64_t us[5];
		unsigned int threads;
	} cases[] = {
		{ { 0, 100, 100, 100, 100 }, 4 },   /* none disturbs another */
		{ { 0, 100, 200, 300, 400 }, 1 },   /* one lock for all */
		{ { 0, 100, 120, 180, 240 }, 2 },   /* 1.67, then no more */
		{ { 0, 100, 2000, 100, 100 }, 1 },  /* they wait for each other */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(grown(cases[i].us), cases[i].threads);
}

static void what_was_begun_with_fewer_threads_says_nothing(void **unused)
{
	struct guest guest = { 0 };
	struct guest_ram ram = { .page_size = 4 * KIB };
	struct job job = job_of(&guest, &ram, 2);

	(void)unused;
	while (job.allowed == 1)
		move_grow(&job, 1, MIB, 100);
	for (int i = 0; i < 100; i++)
		move_grow(&job, 1, MIB, 1000000);
	assert_int_equal(job.allowed, 2);
	assert_false(job.settled);
}

static void a_limit_admits_whole_chunks_only(void **unused)
{
	struct guest guest = { 0 };
	struct guest_ram ram = { .page_size = 4 * KIB };
	struct job job = job_of(&guest, &ram, 1);

	(void)unused;
	job.most = 10 * MIB;
	assert_true(move_admit(&job, 8 * MIB));
	assert_false(move_admit(&job, 4 * MIB));
	assert_true(move_admit(&job, 2 * MIB));
	assert_false(move_admit(&job, 1));
}

/* ---- a kernel of 4K pages, in the place of libnuma's move_pages(2) ---- */

#define BASE  (UINT64_C(1) << 40)
#define PAGES 2048

static int place[PAGES];

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags);
long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
	(void)pid;
	(void)flags;
	for (unsigned long i = 0; i < count; i++) {
		int *node = &place[((uint64_t)(uintptr_t)pages[i] - BASE) / (4 * KIB)];

		*node = nodes ? nodes[i] : *node;
		status[i] = *node;
	}
	return 0;
}

/* Since the first look somebody else has moved the second page of each 2M, as NUMA balancing does. */
static void what_is_reported_as_moved_has_moved(void **unused)
{
	struct guest_ram ram = { .start = BASE, .size = PAGES * 4 * KIB, .page_size = 4 * KIB };
	struct guest guest = { .pid = 1 };
	struct job job = job_of(&guest, &ram, 1);
	struct worker *worker = calloc(1, sizeof(*worker));
	struct idset nodes = { 0 };

	(void)unused;
	idset_add(&nodes, 1);
	job.nodes = &nodes;
	job.node[0] = 1;
	worker->job = &job;
	worker->hidden = guest_pages_open(&guest);
	move_cut(&job);
	for (unsigned int i = 0; i < job.chunk_count; i++) {
		assert_int_equal(move_find(worker, &job.chunks[i]), 0);
		assert_int_equal(job.chunks[i].wrong, job.chunks[i].pages);
	}
	for (unsigned int i = 1; i < PAGES; i += 512)
		place[i] = 1;
	for (unsigned int i = 0; i < job.chunk_count; i++)
		assert_int_equal(move_chunk(worker, &job.chunks[i]), 0);
	for (unsigned int i = 0; i < PAGES; i++)
		assert_int_equal(place[i], 1);
	assert_int_equal(job.result.pages, PAGES);
	guest_pages_close(worker->hidden);
	free(worker);
	move_free_chunks(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_cover_the_memory_and_part_no_huge_page),
		cmocka_unit_test(pages_of_a_pool_are_cut_whole),
		cmocka_unit_test(need_is_what_lies_elsewhere_by_target),
		cmocka_unit_test(threads_join_while_each_pays),
		cmocka_unit_test(what_was_begun_with_fewer_threads_says_nothing),
		cmocka_unit_test(a_limit_admits_whole_chunks_only),
		cmocka_unit_test(what_is_reported_as_moved_has_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
