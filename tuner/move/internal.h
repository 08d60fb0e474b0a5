/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The guest's RAM is cut into chunks; each belongs on one node (chunks.c). A first pass over all of them
 * finds the pages that lie elsewhere, and whether they fit; a second one moves those; a third one finds
 * what is left. Only the kernel's answer to where a page is counts, for the guest runs, and what the move
 * itself says of a page that it did not come to is no answer (pages.c). Threads take chunks from one list,
 * on which those of different nodes take turns, so that several nodes' memory works at once (crew.c).
 */
#ifndef VMTUNE_TUNER_MOVE_INTERNAL_H
#define VMTUNE_TUNER_MOVE_INTERNAL_H

#include <pthread.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

#include "lib/size.h"
#include "tuner/move/move.h"

#define MOVE_NODES_MAX 64
#define HUGE_BYTES     (2 * MIB)
#define CHUNK_BYTES    (64 * MIB)  /* of small pages */
#define CHUNK_PAGES    16384
#define TRIAL_BYTES    (8 * MIB)   /* of the first ones, by which is found out how many threads are good */

struct chunk {
	uint64_t start, page_size; /* host virtual address */
	unsigned int pages, target; /* index in the list of wanted nodes */
	unsigned int turn;         /* its number among those of the same target */
	/* What the last look found: pages that lie elsewhere, and those of them that move_pages(2) does not see. */
	unsigned int wrong, hidden;
	uint64_t *wrong_bits, *hidden_bits; /* one for each page; NULL while there never was one */
};

struct job;
struct worker;
typedef int (*chunk_work)(struct worker *worker, struct chunk *chunk);

struct job {
	const struct guest *guest;
	const struct idset *nodes;
	int node[MOVE_NODES_MAX];  /* by target */
	unsigned int node_count;
	uint64_t rate;
	uint64_t most, admitted;   /* bytes that may move, and that did or were tried; most 0: no limit */
	struct chunk *chunks;
	unsigned int chunk_count;

	chunk_work work;           /* of this pass */
	unsigned int threads;      /* there are so many */

	pthread_mutex_t lock;      /* for all below */
	pthread_cond_t changed;
	unsigned int next, running;
	unsigned int allowed;      /* threads that may take chunks, see crew.c */
	bool settled;              /* that number */
	double slower;             /* bytes a microsecond with one thread less */
	unsigned int level_chunks; /* moved by that many threads, */
	uint64_t level_bytes, level_us; /* in all threads' time */
	struct timespec due;       /* when the next bytes may move */
	struct move_result result;
	int status;
};

/* A thread's buffers; rows are pages of the chunk that are to move. */
struct worker {
	struct job *job;
	unsigned int number;
	struct guest_pages *hidden;
	void *page[CHUNK_PAGES];
	int where[CHUNK_PAGES], said[CHUNK_PAGES];
	bool seen[CHUNK_PAGES];           /* by move_pages(2), see host/guest_pages.c */
	int to[CHUNK_PAGES];              /* all the same node: what the call wants */
	struct iovec wake[CHUNK_PAGES];   /* pages that were not seen */
	unsigned int count;
	unsigned int moved;               /* pages of this chunk */
};

/* ---- chunks.c */

void move_cut(struct job *job);
/* Bytes that lie elsewhere, by target in @need (MOVE_NODES_MAX), and their sum; *@pages: how many pages that is. */
uint64_t move_need(const struct job *job, uint64_t *need, uint64_t *pages);
void move_free_chunks(struct job *job);

/* ---- pages.c: 0 or -errno of the whole, as move_pages(2) */

/* Where the chunk's pages are. */
int move_find(struct worker *worker, struct chunk *chunk);
/* Moves those that the last look found; what has moved counts also when it fails. */
int move_chunk(struct worker *worker, struct chunk *chunk);

/* ---- crew.c */

/* All chunks once, by @what. @total: bytes, for the line on a terminal. Returns job->status. */
int move_pass(struct job *job, chunk_work what, uint64_t total);
/* Waits until @bytes more may move. */
void move_pace(struct job *job, uint64_t bytes);
/* Whether @bytes more may move at all. */
bool move_admit(struct job *job, uint64_t bytes);
/* A chunk of @bytes, begun when @allowed threads were at work, has taken @us. With the lock held. */
void move_grow(struct job *job, unsigned int allowed, uint64_t bytes, uint64_t us);
/* How many threads there can be, and with how many moving begins. */
void move_choose_threads(struct job *job, unsigned int wanted);

#endif
