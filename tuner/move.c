/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The guest's RAM is cut into chunks; each belongs on one node. Threads take chunks from one list, on
 * which those of different nodes take turns, so that several nodes' memory works at once. Everything
 * about a chunk is asked of the kernel again: where its pages are before, and after, because the guest
 * runs and the answer of the move itself is not the truth (see push()).
 *
 * A transparent huge page moves as a whole as soon as one of its parts does, and the kernel gets
 * confused by further parts in the same call (EBUSY, one flush each). So the first page of each 2M that
 * lies wrong goes first; where that was a huge page, nothing is left to do for the rest.
 *
 * Every call of move_pages(2) empties all CPUs' page lists, which costs about a millisecond whatever
 * the batch: so chunks are large, unless a rate is asked for.
 */
#include "tuner/move.h"

#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/capacity.h"
#include "tuner/interrupt.h"

#define NODES_MAX   64
#define CHUNK_BYTES (64 * MIB)  /* of small pages: 16384 of them a call */
#define CHUNK_PAGES 16384
#define HUGE_BYTES  (2 * MIB)
#define CALLS_MAX   32          /* for the pages of a chunk that will not move */
#define NOT_TRIED   (-EAGAIN)   /* what the status of a page is set to before the call */
#define WAKE_BATCH  512         /* UIO_MAXIOV is 1024 */
#define REDRAW_MS   250
#define RATE_MAX    1000000 /* MiB a second */

struct chunk {
	uint64_t start, page_size; /* host virtual address */
	unsigned int pages, target; /* index in the list of wanted nodes */
	unsigned int turn;         /* its number among those of the same target */
};

struct job {
	const struct guest *guest;
	const struct idset *nodes;
	int node[NODES_MAX];       /* by target */
	unsigned int node_count, threads;
	uint64_t rate;
	uint64_t most, admitted; /* bytes that may move, and that did or were tried; most 0: no limit */
	struct chunk *chunks;
	unsigned int chunk_count;
	bool count_only;

	pthread_mutex_t lock;      /* for all below */
	pthread_cond_t changed;
	unsigned int next, running;
	uint64_t need[NODES_MAX];  /* bytes on other nodes, by target; with count_only */
	uint64_t need_pages;
	struct timespec due;       /* when the next bytes may move */
	struct move_result result;
	int status;
};

/* A thread's buffers; rows are pages of the chunk that lie elsewhere. */
struct worker {
	struct job *job;
	struct guest_pages *hidden;
	void *all[CHUNK_PAGES], *page[CHUNK_PAGES];
	int where[CHUNK_PAGES], to[CHUNK_PAGES], said[CHUNK_PAGES];
	bool seen[CHUNK_PAGES];           /* by move_pages(2), see host/guest_pages.c */
	struct iovec wake[CHUNK_PAGES];   /* those that were not */
	unsigned int count, unseen;
};

/* ---- chunks --------------------------------------------------------------------------------- */

static uint64_t chunk_bytes(const struct job *job, uint64_t page_size)
{
	uint64_t bytes = page_size > 4 * KIB ? 16 * page_size : CHUNK_BYTES;

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
	uint64_t step = chunk_bytes(job, ram->page_size), at = ram->start;

	for (unsigned int target = 0; target < job->node_count; target++) {
		uint64_t border = target + 1 == job->node_count ? end
			: align(ram->start + ram->size / job->node_count * (target + 1), unit);
		unsigned int turn = 0;

		border = border < end ? border : end;
		while (at < border) {
			uint64_t next = align(at + 1, unit) - unit + align(step, unit);

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

/* ---- one chunk ------------------------------------------------------------------------------ */

/* Where pages are, also those that the kernel hides because NUMA balancing watches them. */
static int ask(struct worker *worker, void **pages, unsigned int count)
{
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

/* Where the chunk's pages are; those on other nodes become the rows. 0 or -errno. */
static int look(struct worker *worker, const struct chunk *chunk)
{
	const struct job *job = worker->job;
	int rc;

	for (unsigned int i = 0; i < chunk->pages; i++)
		worker->all[i] = (void *)(uintptr_t)(chunk->start + i * chunk->page_size);
	rc = ask(worker, worker->all, chunk->pages);
	if (rc < 0)
		return rc;
	worker->count = worker->unseen = 0;
	for (unsigned int i = 0; i < chunk->pages; i++) {
		if (worker->where[i] < 0 || idset_has(job->nodes, (unsigned int)worker->where[i]))
			continue;
		if (!worker->seen[i])
			worker->wake[worker->unseen++].iov_base = worker->all[i];
		worker->to[worker->count] = job->node[chunk->target];
		worker->page[worker->count++] = worker->all[i];
	}
	return 0;
}

/* What keeps a page: the kernel's word for it, or that it was tried and is still there. */
static enum move_reason reason_of(int status)
{
	switch (-status) {
	case EACCES:
		return MOVE_SHARED;
	case ENOMEM:
		return MOVE_NO_MEMORY;
	case EBUSY:
	case EAGAIN:
		return MOVE_BUSY;
	default:
		return status >= 0 ? MOVE_BUSY : MOVE_OTHER;
	}
}

/* Tries rows @from to @from + @count. What they say then is a hint; the truth is asked for after. */
static int submit(struct worker *worker, unsigned int from, unsigned int count)
{
	for (unsigned int i = from; i < from + count; i++)
		worker->said[i] = NOT_TRIED;
	if (move_pages(worker->job->guest->pid, count, worker->page + from, worker->to + from,
		    worker->said + from, MPOL_MF_MOVE) >= 0)
		return 0;
	if (errno != ENOMEM)
		return -errno;
	for (unsigned int i = from; i < from + count; i++)
		if (worker->said[i] == NOT_TRIED)
			worker->said[i] = -ENOMEM;
	return 0;
}

/* Drops the rows that lie right by now, or have gone. Returns how many moved, or -errno. */
static int settle(struct worker *worker)
{
	unsigned int kept = 0, moved = 0;
	int rc;

	if (!worker->count)
		return 0;
	rc = ask(worker, worker->page, worker->count);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < worker->count; i++) {
		bool right = worker->where[i] >= 0 &&
			idset_has(worker->job->nodes, (unsigned int)worker->where[i]);

		moved += right;
		if (right || worker->where[i] < 0)
			continue;
		worker->page[kept] = worker->page[i];
		worker->said[kept] = worker->said[i];
		worker->to[kept++] = worker->to[i];
	}
	worker->count = kept;
	return (int)moved;
}

/* The first wrong page of each 2M; a huge page comes along with it. */
static int move_heads(struct worker *worker)
{
	unsigned int heads = 0;
	uint64_t last = 0;

	for (unsigned int i = 0; i < worker->count; i++) {
		uint64_t block = (uint64_t)(uintptr_t)worker->page[i] / HUGE_BYTES + 1;
		void *page = worker->page[i];

		if (block == last)
			continue;
		/* to the front: the order of the rest does not matter */
		worker->page[i] = worker->page[heads];
		worker->page[heads++] = page;
		last = block;
	}
	return heads ? submit(worker, 0, heads) : 0;
}

/*
 * A page that does not move makes the kernel give up on those that follow in the same call, without a
 * word on which these were. So the rest is tried again in ever smaller pieces, a limited number of
 * times. Returns how many moved, or -errno.
 */
static int push(struct worker *worker)
{
	unsigned int calls = 0, moved = 0;

	for (unsigned int step = worker->count; step && worker->count; step /= 8) {
		int rc = 0;

		step = step < worker->count ? step : worker->count;
		for (unsigned int at = 0; rc == 0 && at < worker->count && calls < CALLS_MAX; at += step, calls++)
			rc = submit(worker, at, step < worker->count - at ? step : worker->count - at);
		if (rc == 0)
			rc = settle(worker);
		if (rc < 0)
			return rc;
		moved += (unsigned int)rc;
		if (calls >= CALLS_MAX)
			break;
	}
	return (int)moved;
}

/*
 * One byte of each hidden page is read, and thrown away: that is the access NUMA balancing has waited
 * for, and afterwards the page can be moved. The kernel may take the reader's node for the page's user
 * and move it there, so the reader runs on the node the pages are to go to.
 */
static void wake_hidden(struct worker *worker, int node)
{
	char bytes[WAKE_BATCH];
	struct iovec here = { .iov_base = bytes };

	if (!worker->unseen)
		return;
	numa_run_on_node(node);
	for (unsigned int at = 0; at < worker->unseen; at += WAKE_BATCH) {
		unsigned int count = worker->unseen - at < WAKE_BATCH ? worker->unseen - at : WAKE_BATCH;

		for (unsigned int i = at; i < at + count; i++)
			worker->wake[i].iov_len = 1;
		here.iov_len = count;
		/* what cannot be read stays hidden, and is told as not moved */
		(void)!process_vm_readv(worker->job->guest->pid, &here, 1, worker->wake + at, count, 0);
	}
	numa_run_on_node(-1);
}

/* Waits until @bytes more may move. */
static void pace(struct job *job, uint64_t bytes)
{
	struct timespec now, until;
	uint64_t ns;

	if (!job->rate)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&job->lock);
	if (job->due.tv_sec < now.tv_sec || (job->due.tv_sec == now.tv_sec && job->due.tv_nsec < now.tv_nsec))
		job->due = now;
	until = job->due;
	ns = (uint64_t)job->due.tv_nsec + (uint64_t)((double)bytes / (double)job->rate * 1e9);
	job->due.tv_sec += (time_t)(ns / 1000000000);
	job->due.tv_nsec = (long)(ns % 1000000000);
	pthread_mutex_unlock(&job->lock);
	while (!interrupted() && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Whether @bytes more may move at all. */
static bool admit(struct job *job, uint64_t bytes)
{
	bool good;

	pthread_mutex_lock(&job->lock);
	good = !job->most || job->admitted + bytes <= job->most;
	if (good)
		job->admitted += bytes;
	pthread_mutex_unlock(&job->lock);
	return good;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int move_chunk(struct worker *worker, const struct chunk *chunk)
{
	struct job *job = worker->job;
	int rc = look(worker, chunk), moved = 0;
	uint64_t begin;

	if (rc < 0 || !worker->count || !admit(job, worker->count * chunk->page_size))
		return rc;
	pace(job, worker->count * chunk->page_size);
	if (interrupted())
		return 0;
	begin = now_us();
	wake_hidden(worker, job->node[chunk->target]);
	if (chunk->page_size < HUGE_BYTES) {
		rc = move_heads(worker);
		if (rc == 0)
			rc = settle(worker);
		moved = rc;
	}
	if (rc >= 0)
		rc = push(worker);
	if (rc < 0)
		return rc;
	moved += rc;
	pthread_mutex_lock(&job->lock);
	job->result.pages += (unsigned int)moved;
	job->result.bytes += (unsigned int)moved * chunk->page_size;
	job->result.busy_us += now_us() - begin;
	for (unsigned int i = 0; i < worker->count; i++)
		job->result.failed[reason_of(worker->said[i])]++;
	pthread_mutex_unlock(&job->lock);
	return 0;
}

static int count_chunk(struct worker *worker, const struct chunk *chunk)
{
	struct job *job = worker->job;
	int rc = look(worker, chunk);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&job->lock);
	job->need[chunk->target] += worker->count * chunk->page_size;
	job->need_pages += worker->count;
	pthread_mutex_unlock(&job->lock);
	return 0;
}

/* ---- threads -------------------------------------------------------------------------------- */

/* The next chunk; NULL: there is none, or it is to end. Counting goes on after an interrupt. */
static const struct chunk *take(struct job *job)
{
	const struct chunk *chunk = NULL;

	pthread_mutex_lock(&job->lock);
	if (job->next < job->chunk_count && job->status == 0 && (job->count_only || !interrupted()))
		chunk = &job->chunks[job->next++];
	pthread_mutex_unlock(&job->lock);
	return chunk;
}

static void *work(void *opaque)
{
	struct job *job = opaque;
	struct worker *worker = xcalloc(1, sizeof(*worker));
	const struct chunk *chunk;

	worker->job = job;
	worker->hidden = guest_pages_open(job->guest);
	while ((chunk = take(job))) {
		int rc = job->count_only ? count_chunk(worker, chunk) : move_chunk(worker, chunk);

		if (rc < 0) {
			pthread_mutex_lock(&job->lock);
			job->status = rc;
			pthread_mutex_unlock(&job->lock);
		}
	}
	pthread_mutex_lock(&job->lock);
	job->running--;
	pthread_cond_signal(&job->changed);
	pthread_mutex_unlock(&job->lock);
	guest_pages_close(worker->hidden);
	free(worker);
	return NULL;
}

static void draw(const struct job *job, uint64_t total, const char *end)
{
	char done[SIZE_TEXT_MAX], all[SIZE_TEXT_MAX];

	fprintf(stderr, "\rmoving pages of %s: %s of %s, %" PRIu64 " pages%s", job->guest->name,
		size_format(done, job->result.bytes & ~(MIB - 1)), size_format(all, total & ~(MIB - 1)),
		job->result.pages, end);
}

/* Waits for the threads; on a terminal with a line that shows how far they are. */
static void watch(struct job *job, uint64_t total)
{
	bool show = !job->count_only && isatty(STDERR_FILENO);

	pthread_mutex_lock(&job->lock);
	while (job->running) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += REDRAW_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&job->changed, &job->lock, &until);
		if (show)
			draw(job, total, "   ");
	}
	if (show)
		draw(job, total, "   \n");
	pthread_mutex_unlock(&job->lock);
}

/* All chunks once. Without a second thread this one does the work. */
static int run_all(struct job *job, bool count_only, uint64_t total)
{
	pthread_t threads[MOVE_THREADS_MAX];
	unsigned int started = 0;

	job->count_only = count_only;
	job->next = 0;
	memset(job->need, 0, sizeof(job->need));
	job->need_pages = 0;
	job->running = job->threads;
	while (started < job->threads && !pthread_create(&threads[started], NULL, work, job))
		started++;
	pthread_mutex_lock(&job->lock);
	job->running -= job->threads - started;
	pthread_mutex_unlock(&job->lock);
	if (!started) {
		job->running = 1;
		work(job);
	}
	watch(job, total);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return job->status;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static uint64_t sum_need(const struct job *job)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < job->node_count; i++)
		sum += job->need[i];
	return sum;
}

/*
 * Whether what must come fits, before anything moves. Huge pages move only into free pages of the
 * target's pool: otherwise the kernel takes new ones and the sizes of both pools change behind
 * everybody's back. Page cache may go; nothing is swapped for it.
 */
static int check_room(const struct job *job, const struct machine *machine, struct error *err)
{
	uint64_t page_size = job->guest->ram_count ? job->guest->ram[0].page_size : 0;
	char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];

	for (unsigned int i = 0; i < job->node_count; i++) {
		const struct machine_node *node = machine_node_of(machine, job->node[i]);
		const struct machine_pool *pool;
		uint64_t room;

		if (!node || !node->memory)
			return error_set(err, EINVAL, "node %d %s", job->node[i], node ? "has no memory" :
				"does not exist");
		pool = page_size > 4 * KIB ? machine_pool_of(node, page_size) : NULL;
		room = pool ? pool->free * page_size : node_available(node);
		if (job->need[i] > room)
			return error_set(err, ENOMEM, "node %d has %s%s free, %s must come", job->node[i],
				size_format(have, room), pool ? " of huge pages" : "",
				size_format(need, job->need[i]));
	}
	return 0;
}

static unsigned int choose_threads(const struct job *job, unsigned int wanted)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int threads = wanted ? wanted : 2 * job->node_count;

	/* For a page of hugetlbfs the kernel locks the whole file, and gives up when it is locked. */
	if (!wanted && job->guest->ram[0].page_size > 4 * KIB)
		threads = 1;
	if (!wanted && cpus > 0 && threads > (unsigned int)cpus)
		threads = (unsigned int)cpus;
	if (threads > job->chunk_count)
		threads = job->chunk_count;
	return threads > MOVE_THREADS_MAX ? MOVE_THREADS_MAX : threads;
}

static int prepare(struct job *job, const struct move_options *options, struct error *err)
{
	if (!idset_count(job->nodes) || idset_count(job->nodes) > NODES_MAX)
		return error_set(err, EINVAL, "pages can be moved to 1 to %d nodes", NODES_MAX);
	idset_for_each(node, job->nodes)
		job->node[job->node_count++] = node;
	job->rate = options->rate;
	job->most = options->most;
	for (unsigned int i = 0; i < job->guest->ram_count; i++)
		cut(job, &job->guest->ram[i]);
	if (!job->chunk_count)
		return error_set(err, ESRCH, "guest %s has no memory that could be seen", job->guest->name);
	qsort(job->chunks, job->chunk_count, sizeof(*job->chunks), by_turn);
	job->threads = choose_threads(job, options->threads);
	return 0;
}

static int failed(const struct job *job, int status, struct error *err)
{
	/* not of a page but of the whole call: a node is not among those of the guest's cpuset */
	if (status == -EACCES)
		return error_set(err, EACCES, "moving pages of %s (PID %d): its control group does not allow "
			"these nodes; widen its cpuset.mems first", job->guest->name, (int)job->guest->pid);
	return status < 0 ? error_errno(err, -status, "moving pages of %s (PID %d)", job->guest->name,
		(int)job->guest->pid) : 0;
}

static int run(struct job *job, const struct machine *machine, const struct move_options *options,
	struct error *err)
{
	int status = prepare(job, options, err);
	uint64_t total;

	if (status == 0)
		status = failed(job, run_all(job, true, 0), err);
	if (status == 0)
		status = check_room(job, machine, err);
	if (status < 0)
		return status;
	total = sum_need(job);
	status = failed(job, run_all(job, false, total), err);
	/* What was in use may have been so by another of these threads, or for a moment: once more, alone. */
	if (status == 0 && job->result.failed[MOVE_BUSY] && !interrupted()) {
		memset(job->result.failed, 0, sizeof(job->result.failed));
		job->threads = 1;
		status = failed(job, run_all(job, false, total), err);
	}
	job->result.interrupted = interrupted();
	if (status == 0)
		status = failed(job, run_all(job, true, 0), err);
	job->result.left_bytes = sum_need(job);
	job->result.left_pages = job->need_pages;
	return status;
}

int move_guest(const struct guest *guest, const struct machine *machine, const struct idset *nodes,
	const struct move_options *options, struct move_result *result, struct error *err)
{
	struct job job = { .guest = guest, .nodes = nodes, .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	int status = run(&job, machine, options, err);

	*result = job.result;
	free(job.chunks);
	return status;
}

int move_parse_rate(const char *text, uint64_t *rate, struct error *err)
{
	char *end;
	unsigned long long mib = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !mib || mib > RATE_MAX)
		return error_set(err, EINVAL, "'%s' is no rate; write MiB a second, 1 to %d", text, RATE_MAX);
	*rate = mib * MIB;
	return 0;
}

const char *move_text(const struct move_result *result, char buf[MOVE_TEXT])
{
	static const char *const words[MOVE_REASONS] = { "shared with another process", "in use",
		"without memory on the node", "refused" };
	uint64_t moved = result->bytes, left = result->left_bytes;
	char size[SIZE_TEXT_MAX], rest[SIZE_TEXT_MAX];
	const char *between = " (";
	int used;

	/* whole M where there are some: it is read by people, and pages are exact */
	used = snprintf(buf, MOVE_TEXT, "moved %s in %" PRIu64 " pages",
		size_format(size, moved >= MIB ? moved & ~(MIB - 1) : moved), result->pages);
	if (left)
		used += snprintf(buf + used, MOVE_TEXT - (size_t)used, ", %s in %" PRIu64 " pages left where they were",
			size_format(rest, left >= MIB ? left & ~(MIB - 1) : left), result->left_pages);
	for (int i = 0; left && i < MOVE_REASONS && used < MOVE_TEXT; i++) {
		if (!result->failed[i])
			continue;
		used += snprintf(buf + used, MOVE_TEXT - (size_t)used, "%s%" PRIu64 " %s", between,
			result->failed[i], words[i]);
		between = ", ";
	}
	if (*between == ',' && used < MOVE_TEXT)
		snprintf(buf + used, MOVE_TEXT - (size_t)used, ")");
	return buf;
}
