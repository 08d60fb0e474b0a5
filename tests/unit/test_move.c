// SPDX-License-Identifier: GPL-2.0-or-later
/* Moving pages: how a guest's RAM is cut, and how many threads move it. The kernel's part is tests/lab/test-move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* Chunks of a trial, each thread's in @us[threads at work]; returns how many are at work in the end. */
static unsigned int grown(const uint64_t *us)
{
	struct guest guest = { 0 };
	struct guest_ram ram = { .page_size = 4 * KIB };
	struct job job = job_of(&guest, &ram, 2);

	for (int i = 0; i < 1000; i++)
		move_grow(&job, job.allowed, TRIAL_BYTES, us[job.allowed]);
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
		move_grow(&job, 1, TRIAL_BYTES, 100);
	for (int i = 0; i < 100; i++)
		move_grow(&job, 1, TRIAL_BYTES, 1000000);
	assert_int_equal(job.allowed, 2);
	assert_false(job.settled);
}

static void nearly_empty_chunks_say_nothing_about_threads(void **unused)
{
	struct guest guest = { 0 };
	struct guest_ram ram = { .page_size = 4 * KIB };
	struct job job = job_of(&guest, &ram, 2);

	(void)unused;
	for (int i = 0; i < 100; i++)
		move_grow(&job, 1, 4 * KIB, 1000);
	assert_int_equal(job.allowed, 1);
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

/* ---- a kernel, in the place of libnuma's move_pages(2) ---- */

#define BASE  (UINT64_C(1) << 40)
#define PAGES 2048
#define HUGE_PAGES 512

/* Pages of 4K, or all parts of transparent huge pages; what move_pages(2) has to say of each that does not move. */
static struct {
	int place[PAGES];
	int refuses[PAGES];    /* -errno */
	unsigned int busy[PAGES]; /* so many tries more */
	bool huge;
	unsigned int calls, die_at; /* the call at which the guest is gone; 0: never */
} kernel;

static void kernel_move(unsigned int page, int node)
{
	unsigned int first = kernel.huge ? page / HUGE_PAGES * HUGE_PAGES : page;

	for (unsigned int i = first; i < first + (kernel.huge ? HUGE_PAGES : 1); i++)
		kernel.place[i] = node;
}

static unsigned int kernel_page(const void *address)
{
	return (unsigned int)(((uint64_t)(uintptr_t)address - BASE) / (4 * KIB));
}

/* A batch that was collected. Returns how many of it did not move; their status says nothing, nor that of the others. */
static unsigned int kernel_batch(void **pages, unsigned long count, const int *nodes, int *status)
{
	unsigned int busy = 0;

	for (unsigned long i = 0; i < count; i++) {
		unsigned int page = kernel_page(pages[i]);

		if (kernel.busy[page]) {
			kernel.busy[page]--;
			busy++;
		} else {
			kernel_move(page, nodes[i]);
		}
	}
	for (unsigned long i = 0; !busy && i < count; i++)
		status[i] = nodes[i];
	return busy;
}

/*
 * As Linux does it since 5.17: pages are collected; one that cannot be gets its status, and what was collected is
 * moved. Where one of these stays, the call ends with success, without a word on which.
 */
long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags);
long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
	unsigned long first = 0;

	(void)pid;
	(void)flags;
	if (kernel.die_at && ++kernel.calls >= kernel.die_at) {
		errno = ESRCH;
		return -1;
	}
	for (unsigned long i = 0; i <= count; i++) {
		bool end = i == count || (nodes && kernel.refuses[kernel_page(pages[i])]);

		if (!nodes && !end)
			status[i] = kernel.place[kernel_page(pages[i])];
		if (!nodes || !end)
			continue;
		if (kernel_batch(pages + first, i - first, nodes + first, status + first))
			return (long)(count - i + 1);
		if (i < count)
			status[i] = kernel.refuses[kernel_page(pages[i])];
		first = i + 1;
	}
	return 0;
}

struct mover {
	struct guest_ram ram;
	struct guest guest;
	struct job job;
	struct worker *worker;
	struct idset nodes;
};

/* All pages are on node 0 and wanted on node 1; the first look has been. */
static void mover_begin(struct mover *mover)
{
	memset(&kernel, 0, sizeof(kernel));
	*mover = (struct mover){ .ram = { .start = BASE, .size = PAGES * 4 * KIB, .page_size = 4 * KIB },
		.guest = { .pid = 1 } };
	mover->job = job_of(&mover->guest, &mover->ram, 1);
	idset_add(&mover->nodes, 1);
	mover->job.nodes = &mover->nodes;
	mover->job.node[0] = 1;
	mover->worker = calloc(1, sizeof(*mover->worker));
	mover->worker->job = &mover->job;
	mover->worker->hidden = guest_pages_open(&mover->guest);
	move_cut(&mover->job);
	for (unsigned int i = 0; i < mover->job.chunk_count; i++) {
		assert_int_equal(move_find(mover->worker, &mover->job.chunks[i]), 0);
		assert_int_equal(mover->job.chunks[i].wrong, mover->job.chunks[i].pages);
	}
}

/* Returns the first failure of a chunk. */
static int mover_move(struct mover *mover)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < mover->job.chunk_count; i++)
		rc = move_chunk(mover->worker, &mover->job.chunks[i]);
	return rc;
}

static void mover_end(struct mover *mover)
{
	guest_pages_close(mover->worker->hidden);
	free(mover->worker);
	move_free_chunks(&mover->job);
}

static unsigned int arrived(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PAGES; i++)
		count += kernel.place[i] == 1;
	return count;
}

/* Since the first look somebody else has moved the second page of each 2M, as NUMA balancing does. */
static void what_is_reported_as_moved_has_moved(void **unused)
{
	struct mover mover;

	(void)unused;
	mover_begin(&mover);
	for (unsigned int i = 1; i < PAGES; i += HUGE_PAGES)
		kernel.place[i] = 1;
	assert_int_equal(mover_move(&mover), 0);
	assert_int_equal(arrived(), PAGES);
	assert_int_equal(mover.job.result.pages, PAGES);
	mover_end(&mover);
}

static void a_transparent_huge_page_counts_as_its_parts(void **unused)
{
	struct mover mover;

	(void)unused;
	mover_begin(&mover);
	kernel.huge = true;
	assert_int_equal(mover_move(&mover), 0);
	assert_int_equal(arrived(), PAGES);
	assert_int_equal(mover.job.result.pages, PAGES);
	mover_end(&mover);
}

static void pages_that_stay_keep_no_other_and_have_their_reason(void **unused)
{
	static const struct {
		int error;
		enum move_reason reason;
	} cases[] = { { -EACCES, MOVE_SHARED }, { -EBUSY, MOVE_BUSY }, { -ENOENT, MOVE_BUSY }, { -EFAULT, MOVE_OTHER } };

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mover mover;

		mover_begin(&mover);
		kernel.refuses[700] = kernel.refuses[1500] = cases[i].error;
		assert_int_equal(mover_move(&mover), 0);
		assert_int_equal(arrived(), PAGES - 2);
		assert_int_equal(mover.job.result.pages, arrived());
		assert_int_equal(mover.job.result.failed[cases[i].reason], 2);
		mover_end(&mover);
	}
}

static void a_page_in_use_for_a_moment_is_tried_again(void **unused)
{
	struct mover mover;

	(void)unused;
	mover_begin(&mover);
	kernel.busy[0] = kernel.busy[511] = kernel.busy[1024] = 1;
	assert_int_equal(mover_move(&mover), 0);
	assert_int_equal(arrived(), PAGES);
	assert_int_equal(mover.job.result.pages, PAGES);
	mover_end(&mover);
}

/* However many of them there are: at least all others of their 2M moves. */
static void pages_in_use_for_long_keep_few_others(void **unused)
{
	struct mover mover;

	(void)unused;
	mover_begin(&mover);
	for (unsigned int i = 3; i < PAGES; i += 400)
		kernel.busy[i] = UINT32_MAX;
	assert_int_equal(mover_move(&mover), 0);
	assert_in_range(PAGES - arrived(), 6, 64);
	assert_int_equal(mover.job.result.pages, arrived());
	assert_int_equal(mover.job.result.failed[MOVE_BUSY], PAGES - arrived());
	mover_end(&mover);
}

/* Whenever the guest ends: what had moved until then is counted, as far as the kernel had said so. */
static void what_moved_before_a_failure_counts(void **unused)
{
	bool counted = false;

	(void)unused;
	for (unsigned int at = 1; at < 12; at++) {
		struct mover mover;
		int rc;

		mover_begin(&mover);
		kernel.die_at = at;
		rc = mover_move(&mover);
		if (rc < 0)
			assert_int_equal(rc, -ESRCH);
		assert_int_equal(mover.job.result.pages, arrived());
		counted |= rc < 0 && mover.job.result.pages;
		mover_end(&mover);
	}
	assert_true(counted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_cover_the_memory_and_part_no_huge_page),
		cmocka_unit_test(pages_of_a_pool_are_cut_whole),
		cmocka_unit_test(need_is_what_lies_elsewhere_by_target),
		cmocka_unit_test(threads_join_while_each_pays),
		cmocka_unit_test(what_was_begun_with_fewer_threads_says_nothing),
		cmocka_unit_test(nearly_empty_chunks_say_nothing_about_threads),
		cmocka_unit_test(a_limit_admits_whole_chunks_only),
		cmocka_unit_test(what_is_reported_as_moved_has_moved),
		cmocka_unit_test(a_transparent_huge_page_counts_as_its_parts),
		cmocka_unit_test(pages_that_stay_keep_no_other_and_have_their_reason),
		cmocka_unit_test(a_page_in_use_for_a_moment_is_tried_again),
		cmocka_unit_test(pages_in_use_for_long_keep_few_others),
		cmocka_unit_test(what_moved_before_a_failure_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
