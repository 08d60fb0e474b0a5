// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The balloon's statistics. The queue works backwards (5.5.6.3): the driver puts a filled buffer in, the
 * device keeps it, and returning it is the request for the next one. A driver that does not answer is
 * not asked again (there is no buffer to ask with); it is silent once the answer is overdue.
 */
#include <endian.h>
#include <time.h>

#include "vmm/virtio/balloon_internal.h"

#define STATS_TURN  16   /* buffers; after that other work of the I/O thread comes first */
#define ENTRIES_MAX 64u  /* statistics in one buffer; later ones are ignored */
#define PATIENCE_MS 5000 /* Linux answers within milliseconds, even under memory pressure */

/* Unit of each statistic, to know what a sane value is. */
static const struct {
	const char *name;
	bool memory; /* bytes that exist in the guest at one time: no more than its RAM */
} stat_rows[BALLOON_STATS] = {
	{"stat-swap-in", false},
	{"stat-swap-out", false},
	{"stat-major-faults", false},
	{"stat-minor-faults", false},
	{"stat-free-memory", true},
	{"stat-total-memory", true},
	{"stat-available-memory", true},
	{"stat-disk-caches", true},
	{"stat-htlb-pgalloc", false},
	{"stat-htlb-pgfail", false},
	{"stat-oom-kills", false},
	{"stat-alloc-stalls", false},
	{"stat-async-scans", false},
	{"stat-direct-scans", false},
	{"stat-async-reclaims", false},
	{"stat-direct-reclaims", false},
};

static void take_stat(struct balloon *balloon, const struct virtio_balloon_stat *entry)
{
	struct balloon_stats *stats = &balloon->stats.stats;
	uint16_t tag = le16toh(entry->tag);
	uint64_t value = le64toh(entry->val), most;

	if (tag >= BALLOON_STATS)
		return;
	most = stat_rows[tag].memory ? balloon->ram : INT64_MAX;
	stats->value[tag] = value < most ? value : most;
	stats->valid |= UINT32_C(1) << tag;
	if (value > most)
		stats->clamped |= UINT32_C(1) << tag;
}

static void take_stats(struct balloon *balloon, const struct virtq_chain *chain)
{
	struct virtio_balloon_stat entries[ENTRIES_MAX];
	size_t got = virtq_chain_read(chain, 0, entries, sizeof(entries));

	balloon->stats.stats.valid = balloon->stats.stats.clamped = 0;
	for (size_t i = 0; i < got / sizeof(entries[0]); i++)
		take_stat(balloon, &entries[i]);
	balloon->stats.stats.last_update = time(NULL);
	balloon->stats.answered_ms = balloon_now_ms();
	balloon->stats.asked_ms = 0;
}

/* Returning the buffer that is held asks for the next one. */
static void return_buffer(struct balloon *balloon)
{
	struct virtqueue *queue = balloon_queue(balloon, ROLE_STATS);

	if (!balloon->stats.held || !queue)
		return;
	balloon->stats.held = false;
	balloon->stats.asked_ms = balloon_now_ms();
	virtqueue_push(queue, balloon->stats.head, 0);
}

void balloon_stats_serve(struct balloon *balloon, struct virtqueue *queue)
{
	struct virtq_chain chain;
	unsigned int turn = 0;

	while (turn++ < STATS_TURN && virtqueue_pop(queue, &chain) > 0) {
		return_buffer(balloon); /* one is enough; a driver has no reason for two */
		take_stats(balloon, &chain);
		balloon->stats.held = true;
		balloon->stats.head = chain.head;
	}
	virtqueue_notify(queue);
	if (turn > STATS_TURN)
		virtqueue_continue(queue);
}

static void poll_stats(void *opaque, uint32_t events)
{
	struct balloon *balloon = opaque;
	struct virtqueue *queue = balloon_queue(balloon, ROLE_STATS);

	(void)events;
	if (!queue)
		return;
	return_buffer(balloon);
	virtqueue_notify(queue);
}

void balloon_set_polling(struct balloon *balloon, unsigned int seconds)
{
	balloon->stats.polling = seconds;
	loop_timer_set(balloon->stats.timer, seconds ? 1 : 0, (uint64_t)seconds * 1000);
}

unsigned int balloon_get_polling(struct balloon *balloon)
{
	return balloon->stats.polling;
}

void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats)
{
	*stats = balloon->stats.stats;
}

void balloon_stats_info(struct balloon *balloon, struct balloon_info *info)
{
	const struct balloon_stats_queue *stats = &balloon->stats;
	int64_t now = balloon_now_ms();

	info->stats_age_ms = stats->answered_ms ? now - stats->answered_ms : -1;
	info->stats_silent = stats->asked_ms && now - stats->asked_ms > PATIENCE_MS;
}

const char *balloon_stat_name(unsigned int tag)
{
	return tag < BALLOON_STATS ? stat_rows[tag].name : NULL;
}

/* A driver that begins anew has said nothing yet. */
void balloon_stats_reset(struct balloon *balloon)
{
	struct balloon_stats_queue *stats = &balloon->stats;

	stats->held = false;
	stats->asked_ms = stats->answered_ms = 0;
	stats->stats = (struct balloon_stats){0};
}

int balloon_stats_init(struct balloon *balloon, struct error *err)
{
	balloon->stats.timer = loop_add_timer(balloon->device.vm->loop, poll_stats, balloon, err);
	return balloon->stats.timer ? 0 : -1;
}

void balloon_stats_release(struct balloon *balloon)
{
	if (balloon->stats.timer)
		loop_remove(balloon->stats.timer);
}
