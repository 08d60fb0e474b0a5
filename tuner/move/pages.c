// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One chunk: where its pages are, and their move.
 *
 * A transparent huge page moves as a whole as soon as one of its parts does, and the kernel gets
 * confused by further parts in the same call (EBUSY, one flush each). So the first page of each 2M that
 * lies wrong goes first; where that was a huge page, nothing is left to do for the rest.
 *
 * What a move says of a page is the truth when it is a node: the kernel writes that after a batch of which
 * every page has moved. Of all others only asking tells.
 */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/interrupt.h"
#include "tuner/move/internal.h"

#define CALLS_MAX  32           /* for the pages of a chunk that will not move */
#define NOT_TRIED  (-EAGAIN)    /* what the status of a page is set to before the call */
#define WAKE_BATCH 512          /* UIO_MAXIOV is 1024 */

static bool bit(const uint64_t *bits, unsigned int index)
{
	return bits && bits[index / 64] >> index % 64 & 1;
}

static size_t words_of(const struct chunk *chunk)
{
	return (chunk->pages + 63) / 64;
}

static void set_bit(const struct chunk *chunk, uint64_t **bits, unsigned int index)
{
	if (!*bits)
		*bits = xcalloc(words_of(chunk), sizeof(**bits));
	(*bits)[index / 64] |= UINT64_C(1) << index % 64;
}

static void clear_bits(const struct chunk *chunk, uint64_t *bits)
{
	if (bits)
		memset(bits, 0, words_of(chunk) * sizeof(*bits));
}

/* ---- where pages are ------------------------------------------------------------------------ */

/* Also those that the kernel hides because NUMA balancing watches them. */
static int ask(struct worker *worker, void **pages, unsigned int count)
{
	if (!count)
		return 0;
	if (move_pages(worker->job->guest->pid, count, pages, NULL, worker->where, 0) < 0)
		return -errno;
	guest_pages_forget(worker->hidden);
	for (unsigned int i = 0; i < count; i++) {
		worker->seen[i] = worker->where[i] != -ENOENT && worker->where[i] != -EFAULT;
		if (!worker->seen[i])
			worker->where[i] = guest_pages_node(worker->hidden, (uint64_t)(uintptr_t)pages[i]);
	}
	return 0;
}

static void *address(const struct chunk *chunk, unsigned int page)
{
	return (void *)(uintptr_t)(chunk->start + page * chunk->page_size);
}

/* On one of the wanted nodes. */
static bool is_right(const struct worker *worker, unsigned int i)
{
	return worker->where[i] >= 0 && idset_has(worker->job->nodes, (unsigned int)worker->where[i]);
}

int move_find(struct worker *worker, struct chunk *chunk)
{
	int rc;

	for (unsigned int i = 0; i < chunk->pages; i++)
		worker->page[i] = address(chunk, i);
	rc = ask(worker, worker->page, chunk->pages);
	if (rc < 0)
		return rc;
	clear_bits(chunk, chunk->wrong_bits);
	clear_bits(chunk, chunk->hidden_bits);
	chunk->wrong = chunk->hidden = 0;
	for (unsigned int i = 0; i < chunk->pages; i++) {
		if (worker->where[i] < 0 || is_right(worker, i))
			continue;
		set_bit(chunk, &chunk->wrong_bits, i);
		chunk->wrong++;
		if (worker->seen[i])
			continue;
		set_bit(chunk, &chunk->hidden_bits, i);
		chunk->hidden++;
	}
	return 0;
}

/* ---- moving --------------------------------------------------------------------------------- */

/*
 * What keeps a page: the kernel's word for it, or that it was tried and is still there. ENOENT is a page that
 * NUMA balancing hid again while it was tried.
 */
static enum move_reason reason_of(int status)
{
	switch (-status) {
	case EACCES:
		return MOVE_SHARED;
	case ENOMEM:
		return MOVE_NO_MEMORY;
	case EBUSY:
	case EAGAIN:
	case ENOENT:
		return MOVE_BUSY;
	default:
		return status >= 0 ? MOVE_BUSY : MOVE_OTHER;
	}
}

/* Tries @count pages; @said has a node for each that has moved. */
static int submit(const struct worker *worker, void **pages, int *said, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		said[i] = NOT_TRIED;
	if (!count || move_pages(worker->job->guest->pid, count, pages, worker->to, said, MPOL_MF_MOVE) >= 0)
		return 0;
	if (errno != ENOMEM)
		return -errno;
	for (unsigned int i = 0; i < count; i++)
		if (said[i] == NOT_TRIED)
			said[i] = -ENOMEM;
	return 0;
}

/* Drops and counts the rows that have moved. */
static void drop_moved(struct worker *worker)
{
	unsigned int kept = 0, all = worker->count;

	for (unsigned int i = 0; i < all; i++) {
		if (worker->said[i] >= 0)
			continue;
		worker->page[kept] = worker->page[i];
		worker->said[kept++] = worker->said[i];
	}
	worker->count = kept;
	worker->moved += all - kept;
}

/* Also those of which nothing was said that lie right all the same; drops those that have gone. */
static int settle(struct worker *worker)
{
	unsigned int kept = 0;
	int rc;

	drop_moved(worker);
	rc = ask(worker, worker->page, worker->count);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < worker->count; i++) {
		bool right = is_right(worker, i);

		worker->moved += right;
		if (right || worker->where[i] < 0)
			continue;
		worker->page[kept] = worker->page[i];
		worker->said[kept++] = worker->said[i];
	}
	worker->count = kept;
	return 0;
}

static uint64_t block_of(const void *page)
{
	return (uint64_t)(uintptr_t)page / HUGE_BYTES;
}

/*
 * Moves the first row of each 2M; those of a huge page come along. Which these are is asked of each row: a neighbour's
 * place proves nothing, it may have been moved by somebody else.
 */
static int move_heads(struct worker *worker)
{
	unsigned int heads = 0;
	uint64_t last = UINT64_MAX;
	int rc;

	for (unsigned int i = 0; i < worker->count; i++) {
		void *page = worker->page[i];

		if (block_of(page) == last)
			continue;
		last = block_of(page);
		/* to the front: the order of the rest does not matter */
		worker->page[i] = worker->page[heads];
		worker->page[heads++] = page;
	}
	rc = submit(worker, worker->page, worker->said, heads);
	return rc < 0 ? rc : settle(worker);
}

/*
 * A page that does not move makes the kernel give up on those that follow in the same call, without a
 * word on which these were. So the rest is tried again in ever smaller pieces, a limited number of
 * times.
 */
static int push(struct worker *worker)
{
	unsigned int calls = 0;

	for (unsigned int step = worker->count; step && worker->count; step /= 8) {
		int rc = 0;

		step = step < worker->count ? step : worker->count;
		for (unsigned int at = 0; rc == 0 && at < worker->count && calls < CALLS_MAX; at += step, calls++)
			rc = submit(worker, worker->page + at, worker->said + at,
				step < worker->count - at ? step : worker->count - at);
		if (rc == 0)
			rc = settle(worker);
		if (rc < 0)
			return rc;
		if (calls >= CALLS_MAX)
			break;
	}
	return 0;
}

/*
 * One byte of each hidden page is read, and thrown away: that is the access NUMA balancing has waited
 * for, and afterwards the page can be moved. The kernel may take the reader's node for the page's user
 * and move it there, so the reader runs on the node the pages are to go to.
 */
static void wake_hidden(struct worker *worker, const struct chunk *chunk)
{
	char bytes[WAKE_BATCH];
	struct iovec here = { .iov_base = bytes };
	unsigned int hidden = 0;

	if (!chunk->hidden)
		return;
	for (unsigned int i = 0; i < chunk->pages; i++)
		if (bit(chunk->hidden_bits, i))
			worker->wake[hidden++] = (struct iovec){ .iov_base = address(chunk, i), .iov_len = 1 };
	numa_run_on_node(worker->job->node[chunk->target]);
	for (unsigned int at = 0; at < hidden; at += WAKE_BATCH) {
		here.iov_len = hidden - at < WAKE_BATCH ? hidden - at : WAKE_BATCH;
		/* what cannot be read stays hidden, and is told as not moved */
		(void)!process_vm_readv(worker->job->guest->pid, &here, 1, worker->wake + at, here.iov_len, 0);
	}
	numa_run_on_node(-1);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The pages that the last look found, as rows. */
static void load(struct worker *worker, const struct chunk *chunk)
{
	worker->count = worker->moved = 0;
	for (unsigned int i = 0; i < chunk->pages; i++) {
		if (!bit(chunk->wrong_bits, i))
			continue;
		worker->to[worker->count] = worker->job->node[chunk->target];
		worker->said[worker->count] = NOT_TRIED;
		worker->page[worker->count++] = address(chunk, i);
	}
}

/* What does not move is left as rows. */
static int move_rows(struct worker *worker, const struct chunk *chunk)
{
	int rc = chunk->page_size < HUGE_BYTES ? move_heads(worker) : 0;

	if (rc == 0)
		rc = push(worker);
	drop_moved(worker);
	return rc;
}

int move_chunk(struct worker *worker, struct chunk *chunk)
{
	struct job *job = worker->job;
	uint64_t bytes = chunk->wrong * chunk->page_size, begin;
	unsigned int allowed;
	int rc;

	if (!bytes || !move_admit(job, bytes))
		return 0;
	move_pace(job, bytes);
	if (interrupted())
		return 0;
	pthread_mutex_lock(&job->lock);
	allowed = job->allowed;
	pthread_mutex_unlock(&job->lock);
	begin = now_us();
	load(worker, chunk);
	wake_hidden(worker, chunk);
	rc = move_rows(worker, chunk);
	pthread_mutex_lock(&job->lock);
	job->result.pages += worker->moved;
	job->result.bytes += worker->moved * chunk->page_size;
	job->result.busy_us += now_us() - begin;
	for (unsigned int i = 0; i < worker->count; i++)
		job->result.failed[reason_of(worker->said[i])]++;
	move_grow(job, allowed, bytes, now_us() - begin + 1);
	pthread_mutex_unlock(&job->lock);
	return rc;
}
