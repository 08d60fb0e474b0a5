/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The balloon is the end of the pool (pool.h), so all its state is one number of pages. A step moves
 * that number towards the host's target by up to REQUESTS runs of at most 2 MiB; the next step begins
 * when the host has answered them all. Runs are aligned to 2 MiB, so that a host whose pages are that
 * large can give them back. Pages count as the balloon's from before the host hears of them until
 * after it has answered that they are ours again.
 */
#include "guest/balloon.h"

#include "guest/free_pages.h"
#include "guest/hold.h"
#include "guest/job.h"
#include "guest/paging.h"
#include "guest/virtio.h"

#define F_MUST_TELL_HOST (1 << 0)
#define F_STATS_VQ       (1 << 1)
#define F_DEFLATE_ON_OOM (1 << 2)
#define F_FREE_PAGE_HINT (1 << 3)
#define F_PAGE_POISON    (1 << 4)
#define F_REPORTING      (1 << 5)

/* Configuration space (5.5.4). */
#define CONFIG_NUM_PAGES 0
#define CONFIG_ACTUAL    4
#define CONFIG_POISON    12

#define RUN_PAGES 512 /* 2 MiB */
#define REQUESTS  16

/* Statistics (5.5.6.3). */
#define STAT_FREE      4
#define STAT_TOTAL     5
#define STAT_AVAILABLE 6
#define STAT_STALLS    11

struct stat {
	uint16_t tag;
	uint64_t value;
} __attribute__((packed));

struct balloon {
	struct guest *guest;
	struct pci pci;
	struct virtio virtio;
	struct virtq inflate, deflate, stats;
	uint32_t (*pfns)[RUN_PAGES];  /* the requests' page numbers */
	struct stat *stat;
	uint64_t deflating;           /* pages that are ours when the host has answered */
	uint32_t target;
	struct free_pages free;
	bool told;                    /* the host knows our size */
};

#define STATS 4

static void send_stats(struct balloon *balloon)
{
	const struct pool *pool = &balloon->guest->pool;

	balloon->stat[0] = (struct stat){STAT_FREE, pool_free(pool) * PAGE_SIZE};
	balloon->stat[1] = (struct stat){STAT_TOTAL, balloon->guest->ram - pool->balloon_pages * PAGE_SIZE};
	balloon->stat[2] = (struct stat){STAT_AVAILABLE, pool_free(pool) * PAGE_SIZE};
	balloon->stat[3] = (struct stat){STAT_STALLS, balloon->guest->stalls};
	virtq_add(&balloon->stats, balloon->stat, STATS * sizeof(struct stat));
	virtq_kick(&balloon->stats);
}

/*
 * Pages the balloon may have at most now: a job that cannot shrink keeps all it has. With deflate=on no
 * job is short of memory for the balloon's sake.
 */
static uint64_t limit(const struct balloon *balloon)
{
	const struct guest *guest = balloon->guest;
	const struct pool *pool = &guest->pool;
	uint64_t keep = pool->job_pages;

	if (guest->options.deflate && balloon->virtio.features & F_DEFLATE_ON_OOM)
		keep = max_u64(keep, guest->job_wanted);
	else if (guest->options.job->shrinks && hold_is_running())
		keep = min_u64(guest->job_wanted,
			max_u64(guest->options.floor / PAGE_SIZE, guest->thread_count));
	return pool->pages - keep;
}

/* Asks the host about pages [first, end), a run within 2 MiB. */
static void request(struct balloon *balloon, struct virtq *queue, uint64_t first, uint64_t end)
{
	uint32_t *pfn = balloon->pfns[virtq_pending(queue)];
	uint64_t i, run, address = pool_physical(&balloon->guest->pool, first, &run);

	for (i = 0; i < end - first; i++)
		pfn[i] = (uint32_t)(address / PAGE_SIZE + i);
	virtq_add(queue, pfn, (uint32_t)((end - first) * sizeof(*pfn)));
}

static void inflate(struct balloon *balloon, uint64_t goal)
{
	struct guest *guest = balloon->guest;
	struct pool *pool = &guest->pool;
	uint64_t top = pool->pages - pool->balloon_pages, bottom = pool->pages - goal;
	uint64_t step = align_down(top - 1, RUN_PAGES), first;

	/* The lowest page of this step, for the job to leave in one go. */
	step = step > (REQUESTS - 1) * RUN_PAGES ? step - (REQUESTS - 1) * RUN_PAGES : 0;
	bottom = max_u64(bottom, step);
	if (bottom < pool->job_pages) {
		__atomic_store_n(&pool->job_pages, bottom, __ATOMIC_RELEASE);
		hold_quiesce(guest);
	}
	pool->balloon_pages = pool->pages - bottom;
	for (; top > bottom; top = first) {
		first = max_u64(bottom, align_down(top - 1, RUN_PAGES));
		request(balloon, &balloon->inflate, first, top);
	}
	virtq_kick(&balloon->inflate);
}

static void deflate(struct balloon *balloon, uint64_t goal)
{
	struct pool *pool = &balloon->guest->pool;
	uint64_t bottom = pool->pages - pool->balloon_pages, top = pool->pages - goal;
	uint64_t end, begin = bottom;

	while (bottom < top && virtq_pending(&balloon->deflate) < REQUESTS) {
		end = min_u64(top, align_down(bottom, RUN_PAGES) + RUN_PAGES);
		request(balloon, &balloon->deflate, bottom, end);
		bottom = end;
	}
	balloon->deflating = bottom - begin;
	virtq_kick(&balloon->deflate);
}

/* Pages are ours again: first the job gets back what it had. */
static void deflated(struct balloon *balloon)
{
	struct guest *guest = balloon->guest;
	struct pool *pool = &guest->pool;
	uint64_t job = pool->job_pages, grown;

	pool->balloon_pages -= balloon->deflating;
	balloon->deflating = 0;
	grown = min_u64(guest->job_wanted, pool->pages - pool->balloon_pages);
	if (grown <= job)
		return;
	free_pages_settle(&balloon->free);
	if (guest->options.job->grow)
		guest->options.job->grow(guest, job, grown);
	__atomic_store_n(&pool->job_pages, grown, __ATOMIC_RELEASE);
}

static bool busy(struct balloon *balloon)
{
	virtq_take(&balloon->inflate);
	virtq_take(&balloon->deflate);
	return virtq_pending(&balloon->inflate) || virtq_pending(&balloon->deflate);
}

/* One step towards the target. True: there is more to do soon. */
static bool move(struct balloon *balloon)
{
	struct pool *pool = &balloon->guest->pool;
	uint64_t goal;

	if (busy(balloon))
		return true;
	if (balloon->deflating)
		deflated(balloon);
	if (!balloon->told) {
		virtio_config_write32(&balloon->virtio, CONFIG_ACTUAL, (uint32_t)pool->balloon_pages);
		balloon->told = true;
	}
	balloon->target = virtio_config_read32(&balloon->virtio, CONFIG_NUM_PAGES);
	goal = min_u64(balloon->target, limit(balloon));
	if (goal == pool->balloon_pages)
		return false;
	balloon->told = false;
	if (goal > pool->balloon_pages)
		inflate(balloon, goal);
	else
		deflate(balloon, goal);
	return true;
}

bool balloon_poll(struct balloon *balloon)
{
	bool more;

	if (balloon->stats.size && virtq_take(&balloon->stats))
		send_stats(balloon);
	more = move(balloon);
	return free_pages_poll(&balloon->free) || more;
}

void balloon_settle(struct balloon *balloon)
{
	free_pages_settle(&balloon->free);
}

uint64_t balloon_bad_poison(const struct balloon *balloon, uint64_t first, uint64_t end)
{
	return free_pages_bad(&balloon->free, first, end);
}

void balloon_status(const struct balloon *balloon, struct json *line)
{
	json_u64(line, "reported_pages", balloon->free.pages_reported);
}

/* What is accepted of the host's offer. */
static uint64_t wanted_features(const struct options *options)
{
	uint64_t wanted = F_MUST_TELL_HOST | F_STATS_VQ | F_FREE_PAGE_HINT;

	return wanted | (options->deflate ? F_DEFLATE_ON_OOM : 0) | (options->reporting ? F_REPORTING : 0) |
		(options->poison ? F_PAGE_POISON : 0);
}

/* A queue that there is only with @feature; those that follow move up when it is missing, as with Linux. */
static bool optional_queue(struct balloon *balloon, struct virtq *queue, uint64_t feature, uint16_t *next)
{
	if (!(balloon->virtio.features & feature))
		return true;
	return virtio_queue(&balloon->virtio, queue, (*next)++);
}

/* 5.5.6.5: a host that does not know the poison may give reported pages back as zeros. */
static void start_free_pages(struct balloon *balloon)
{
	struct free_pages *free = &balloon->free;

	free_pages_init(free, balloon->guest, &balloon->virtio);
	free->said = boot_alloc(sizeof(*free->said), 64);
	if (!(balloon->virtio.features & F_PAGE_POISON))
		return;
	free->poison = (uint32_t)balloon->guest->options.poison;
	virtio_config_write32(&balloon->virtio, CONFIG_POISON, free->poison);
}

static bool start(struct balloon *balloon)
{
	struct virtio *virtio = &balloon->virtio;
	uint16_t next = 0;

	if (!virtio_negotiate(virtio, wanted_features(&balloon->guest->options)) ||
		!virtio_queue(virtio, &balloon->inflate, next++) ||
		!virtio_queue(virtio, &balloon->deflate, next++) ||
		!optional_queue(balloon, &balloon->stats, F_STATS_VQ, &next) ||
		!optional_queue(balloon, &balloon->free.hint, F_FREE_PAGE_HINT, &next) ||
		!optional_queue(balloon, &balloon->free.report, F_REPORTING, &next))
		return false;
	start_free_pages(balloon);
	balloon->pfns = boot_alloc(REQUESTS * sizeof(*balloon->pfns), PAGE_SIZE);
	balloon->stat = boot_alloc(STATS * sizeof(struct stat), 64);
	virtio_start(virtio);
	if (balloon->stats.size)
		send_stats(balloon); /* the host keeps it until it wants to know */
	return balloon->inflate.size >= REQUESTS && balloon->deflate.size >= REQUESTS;
}

struct balloon *balloon_start(struct guest *guest, const char **wrong)
{
	static const uint32_t ids[] = {0x1af41045, 0x1af41002}; /* modern, and transitional */
	static struct balloon balloon;
	pci_address at;

	balloon.guest = guest;
	pci_init(&balloon.pci, &guest->acpi);
	if (!pci_find(&balloon.pci, ids, ARRAY_SIZE(ids), &at))
		return NULL;
	if (!virtio_open(&balloon.virtio, &balloon.pci, at)) {
		*wrong = "the balloon has no virtio 1.x registers, or nobody placed its BARs";
		return NULL;
	}
	if (!start(&balloon)) {
		*wrong = "the balloon device refused its driver";
		return NULL;
	}
	return &balloon;
}
