// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The threads that look at chunks and move them.
 *
 * Whether a second thread helps is not known beforehand: two of them copy twice as much, but they take
 * the same locks of the guest's memory and interrupt the same CPUs. So moving begins with one, and a
 * further one joins for as long as the last one has paid. Looking is always done by all. Where the host
 * is itself a virtual machine, a second one is not even tried: both wait for interrupts of CPUs that may
 * not be running, and in the lab one such chunk took twenty times as long.
 */
#include <cpuid.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "tuner/interrupt.h"
#include "tuner/move/internal.h"

#define REDRAW_MS 250
#define PACE_NS   250000000 /* an interrupt wakes the main thread only: so long may the others be deaf */
#define PAYS      1.2 /* times as fast with one thread more */
#define CHUNKS    2   /* of each thread, to know how fast they are */
#define CPUID_HYPERVISOR (1U << 31) /* leaf 1, ECX: reserved for those who run virtual machines */

/* ---- how fast ------------------------------------------------------------------------------- */

static int64_t ns_between(const struct timespec *from, const struct timespec *to)
{
	return (int64_t)(to->tv_sec - from->tv_sec) * 1000000000 + to->tv_nsec - from->tv_nsec;
}

void move_pace(struct job *job, uint64_t bytes)
{
	struct timespec now, until;
	int64_t ns;

	if (!job->rate)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&job->lock);
	if (ns_between(&job->due, &now) > 0)
		job->due = now;
	until = job->due;
	ns = job->due.tv_nsec + (int64_t)((double)bytes / (double)job->rate * 1e9);
	job->due.tv_sec += (time_t)(ns / 1000000000);
	job->due.tv_nsec = (long)(ns % 1000000000);
	pthread_mutex_unlock(&job->lock);
	while (!interrupted() && (ns = ns_between(&now, &until)) > 0) {
		nanosleep(&(struct timespec){ .tv_nsec = ns < PACE_NS ? ns : PACE_NS }, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
}

bool move_admit(struct job *job, uint64_t bytes)
{
	bool good;

	pthread_mutex_lock(&job->lock);
	good = !job->most || job->admitted + bytes <= job->most;
	if (good)
		job->admitted += bytes;
	pthread_mutex_unlock(&job->lock);
	return good;
}

/* ---- how many threads ----------------------------------------------------------------------- */

static bool host_is_virtual(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & CPUID_HYPERVISOR;
}

void move_choose_threads(struct job *job, unsigned int wanted)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int threads = wanted ? wanted : 2 * job->node_count;

	if (!wanted && cpus > 0 && threads > (unsigned int)cpus)
		threads = (unsigned int)cpus;
	if (threads > job->chunk_count)
		threads = job->chunk_count;
	job->threads = threads > MOVE_THREADS_MAX ? MOVE_THREADS_MAX : threads;
	job->allowed = wanted ? job->threads : 1;
	/* For a page of hugetlbfs the kernel locks the whole file, and gives up when it is locked. */
	job->settled = wanted || job->rate || job->guest->ram[0].page_size > 4 * KIB || host_is_virtual();
}

void move_grow(struct job *job, unsigned int allowed, uint64_t bytes, uint64_t us)
{
	double rate;

	/* a nearly empty chunk is no sample of speed: its call alone takes as long */
	if (job->settled || allowed != job->allowed || bytes < TRIAL_BYTES / 2)
		return;
	job->level_bytes += bytes;
	job->level_us += us;
	if (++job->level_chunks < CHUNKS * allowed)
		return;
	rate = (double)job->level_bytes * allowed / (double)job->level_us;
	if (rate < job->slower * PAYS)
		job->allowed--;
	else if (allowed < job->threads)
		job->allowed++;
	job->settled = job->allowed <= allowed;
	job->slower = rate;
	job->level_chunks = 0;
	job->level_bytes = job->level_us = 0;
	pthread_cond_broadcast(&job->changed);
}

/* ---- a pass --------------------------------------------------------------------------------- */

/* Looking goes on after an interrupt. */
static bool over(const struct job *job)
{
	return job->next >= job->chunk_count || job->status < 0 || (job->work == move_chunk && interrupted());
}

/* The next chunk; NULL: there is none, or it is to end. */
static struct chunk *take(struct job *job, const struct worker *worker)
{
	struct chunk *chunk;

	pthread_mutex_lock(&job->lock);
	while (!over(job) && job->work == move_chunk && worker->number >= job->allowed)
		pthread_cond_wait(&job->changed, &job->lock);
	chunk = over(job) ? NULL : &job->chunks[job->next++];
	pthread_mutex_unlock(&job->lock);
	return chunk;
}

static void *work(void *opaque)
{
	struct worker *worker = opaque;
	struct job *job = worker->job;
	struct chunk *chunk;

	worker->hidden = guest_pages_open(job->guest);
	while ((chunk = take(job, worker))) {
		int rc = job->work(worker, chunk);

		if (rc < 0) {
			pthread_mutex_lock(&job->lock);
			job->status = rc;
			pthread_mutex_unlock(&job->lock);
		}
	}
	pthread_mutex_lock(&job->lock);
	job->running--;
	pthread_cond_broadcast(&job->changed);
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
	bool show = job->work == move_chunk && isatty(STDERR_FILENO);

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

static struct worker *new_worker(struct job *job, unsigned int number)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));

	worker->job = job;
	worker->number = number;
	return worker;
}

/* Without a second thread this one does the work. */
int move_pass(struct job *job, chunk_work what, uint64_t total)
{
	pthread_t threads[MOVE_THREADS_MAX];
	unsigned int started = 0;

	job->work = what;
	job->next = 0;
	job->status = 0;
	pthread_mutex_lock(&job->lock);
	for (; started < job->threads; started++) {
		struct worker *worker = new_worker(job, started);

		if (!pthread_create(&threads[started], NULL, work, worker))
			continue;
		free(worker);
		break;
	}
	job->threads = started ? started : 1;
	job->running = job->threads;
	pthread_mutex_unlock(&job->lock);
	if (!started)
		work(new_worker(job, 0));
	watch(job, total);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return job->status;
}
