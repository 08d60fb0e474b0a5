// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio balloon. The driver names pages it will not use (inflate queue) and they go back to the
 * host; pages it takes out again (deflate queue) come back by themselves at the next touch. How many
 * it holds is the driver's word, in config space, and only ever believed up to the guest's RAM.
 *
 * The statistics queue works backwards (5.5.6.3): the driver puts a filled buffer in, the device
 * keeps it, and returning it is the request for the next one.
 *
 * Linux numbers only the queues that it negotiated (5.5.2 fixes the numbers). With the features
 * offered here both numberings agree: the statistics queue is the only optional one, and the last.
 */
#include "vmm/virtio/balloon.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "vmm/options.h"
#include "vmm/virtio/virtio.h"

#define PAGE        ((uint64_t)1 << VIRTIO_BALLOON_PFN_SHIFT)
#define PFNS_MAX    (32u * 1024) /* page numbers in one chain: 128 MiB; Linux sends 256 */
#define PFNS_BATCH  1024u        /* of them sorted and discarded at once */
#define PFNS_TURN   4096u        /* after that many, other work of the I/O thread comes first */
#define STATS_TURN  16           /* the same for buffers of statistics */
#define ENTRIES_MAX 64u          /* statistics in one buffer; later ones are ignored */

#define NUM_PAGES offsetof(struct virtio_balloon_config, num_pages)
#define ACTUAL    offsetof(struct virtio_balloon_config, actual)

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUES };

struct balloon {
	struct virtio_device device;
	uint64_t ram;          /* bytes */
	uint32_t target_pages; /* what num_pages says; under config_lock */
	uint32_t actual_pages; /* what the driver said last, clamped; under config_lock */
	struct loop_source *timer;
	unsigned int polling;  /* seconds */
	bool stats_held;
	uint16_t stats_head;   /* the driver's buffer, while stats_held */
	struct balloon_stats stats;
};

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

struct balloon *balloon_of(struct virtio_device *device)
{
	return (struct balloon *)device; /* its first member */
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- config space -------------------------------------------------------------------------------- */

static void set_config(struct balloon *balloon, size_t offset, uint32_t value)
{
	value = htole32(value);
	memcpy(balloon->device.config + offset, &value, sizeof(value));
}

static uint32_t get_config(const struct balloon *balloon, size_t offset)
{
	uint32_t value;

	memcpy(&value, balloon->device.config + offset, sizeof(value));
	return le32toh(value);
}

static uint64_t guest_bytes_of(const struct balloon *balloon, uint32_t pages)
{
	return balloon->ram - pages * PAGE;
}

/* The driver holds @pages now. Under config_lock. */
static void set_actual(struct balloon *balloon, uint32_t pages)
{
	char data[48];

	pages = (uint32_t)min(pages, balloon->ram / PAGE);
	if (pages == balloon->actual_pages)
		return;
	balloon->actual_pages = pages;
	snprintf(data, sizeof(data), "{\"actual\": %" PRIu64 "}", guest_bytes_of(balloon, pages));
	vm_event(balloon->device.vm, "BALLOON_CHANGE", data);
}

static void config_written(struct virtio_device *device, uint32_t offset, uint32_t size)
{
	struct balloon *balloon = balloon_of(device);

	(void)offset;
	(void)size;
	set_config(balloon, NUM_PAGES, balloon->target_pages); /* not the driver's to write */
	set_actual(balloon, get_config(balloon, ACTUAL));
}

int balloon_set_target(struct balloon *balloon, uint64_t guest_bytes, struct error *err)
{
	struct virtio_device *device = &balloon->device;

	if (!guest_bytes || guest_bytes > balloon->ram)
		return error_set(err, EINVAL,
			"Parameter 'value' expects a size between 1 and the guest's %" PRIu64
			" bytes of RAM, not %" PRIu64,
			balloon->ram, guest_bytes);
	pthread_mutex_lock(&device->config_lock);
	balloon->target_pages = (uint32_t)min((balloon->ram - guest_bytes) / PAGE, UINT32_MAX);
	set_config(balloon, NUM_PAGES, balloon->target_pages);
	pthread_mutex_unlock(&device->config_lock);
	virtio_config_changed(device);
	return 0;
}

uint64_t balloon_actual(struct balloon *balloon)
{
	uint64_t bytes;

	pthread_mutex_lock(&balloon->device.config_lock);
	bytes = guest_bytes_of(balloon, balloon->actual_pages);
	pthread_mutex_unlock(&balloon->device.config_lock);
	return bytes;
}

/* ---- inflate and deflate ------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* Gives sorted pages back, each run of neighbours in one call. False when one is not RAM. */
static bool discard(struct vm *vm, const uint32_t *pfns, unsigned int count)
{
	for (unsigned int i = 0, run; i < count; i += run) {
		for (run = 1; i + run < count && pfns[i + run] - pfns[i + run - 1] <= 1; run++)
			; /* a difference of 0: the driver named a page twice */
		if (memory_discard(&vm->memory, pfns[i] * PAGE,
			    (pfns[i + run - 1] - pfns[i] + UINT64_C(1)) * PAGE) < 0)
			return false;
	}
	return true;
}

static bool all_ram(struct vm *vm, const uint32_t *pfns, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!memory_at(&vm->memory, pfns[i] * PAGE, PAGE))
			return false;
	return true;
}

/* The page numbers of one chain, in batches. @inflate false: they are only checked. */
static bool take_pages(struct balloon *balloon, const struct virtq_chain *chain, bool inflate)
{
	struct vm *vm = balloon->device.vm;
	uint32_t pfns[PFNS_BATCH];
	size_t offset = 0, got;

	if (chain->out_bytes > PFNS_MAX * sizeof(*pfns)) {
		virtio_broken(&balloon->device, "more pages in one request than a driver needs");
		return false;
	}
	while ((got = virtq_chain_read(chain, offset, pfns, sizeof(pfns))) >= sizeof(*pfns)) {
		unsigned int count = (unsigned int)(got / sizeof(*pfns));

		for (unsigned int i = 0; i < count; i++)
			pfns[i] = le32toh(pfns[i]);
		if (inflate)
			qsort(pfns, count, sizeof(*pfns), by_value);
		if (inflate ? !discard(vm, pfns, count) : !all_ram(vm, pfns, count)) {
			virtio_broken(&balloon->device, "page outside of RAM");
			return false;
		}
		offset += count * sizeof(*pfns);
	}
	return true;
}

static void serve_pages(struct balloon *balloon, struct virtqueue *queue)
{
	struct virtq_chain chain;
	uint64_t turn = 0;

	while (turn < PFNS_TURN && virtqueue_pop(queue, &chain) > 0) {
		if (!take_pages(balloon, &chain, queue->index == QUEUE_INFLATE))
			return;
		virtqueue_push(queue, chain.head, 0);
		turn += 1 + chain.out_bytes / sizeof(uint32_t);
	}
	virtqueue_notify(queue);
	if (turn >= PFNS_TURN)
		virtqueue_continue(queue);
}

/* ---- statistics ---------------------------------------------------------------------------------- */

static void take_stat(struct balloon *balloon, const struct virtio_balloon_stat *entry)
{
	uint16_t tag = le16toh(entry->tag);
	uint64_t value = le64toh(entry->val);

	if (tag >= BALLOON_STATS)
		return;
	balloon->stats.value[tag] = min(value, stat_rows[tag].memory ? balloon->ram : INT64_MAX);
	balloon->stats.valid |= UINT32_C(1) << tag;
}

static void take_stats(struct balloon *balloon, const struct virtq_chain *chain)
{
	struct virtio_balloon_stat entries[ENTRIES_MAX];
	size_t got = virtq_chain_read(chain, 0, entries, sizeof(entries));

	balloon->stats.valid = 0;
	for (size_t i = 0; i < got / sizeof(entries[0]); i++)
		take_stat(balloon, &entries[i]);
	balloon->stats.last_update = time(NULL);
}

/* Returning the buffer that is held asks for the next one. */
static void return_stats_buffer(struct balloon *balloon)
{
	struct virtqueue *queue = &balloon->device.queues[QUEUE_STATS];

	if (!balloon->stats_held)
		return;
	balloon->stats_held = false;
	virtqueue_push(queue, balloon->stats_head, 0);
}

static void serve_stats(struct balloon *balloon, struct virtqueue *queue)
{
	struct virtq_chain chain;
	unsigned int turn = 0;

	if (!virtio_has(&balloon->device, VIRTIO_BALLOON_F_STATS_VQ))
		return;
	while (turn++ < STATS_TURN && virtqueue_pop(queue, &chain) > 0) {
		return_stats_buffer(balloon); /* one is enough; a driver has no reason for two */
		take_stats(balloon, &chain);
		balloon->stats_held = true;
		balloon->stats_head = chain.head;
	}
	virtqueue_notify(queue);
	if (turn > STATS_TURN)
		virtqueue_continue(queue);
}

static void poll_stats(void *opaque, uint32_t events)
{
	struct balloon *balloon = opaque;

	(void)events;
	return_stats_buffer(balloon);
	virtqueue_notify(&balloon->device.queues[QUEUE_STATS]);
}

void balloon_set_polling(struct balloon *balloon, unsigned int seconds)
{
	balloon->polling = seconds;
	loop_timer_set(balloon->timer, seconds ? 1 : 0, (uint64_t)seconds * 1000);
}

unsigned int balloon_get_polling(struct balloon *balloon)
{
	return balloon->polling;
}

void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats)
{
	*stats = balloon->stats;
}

const char *balloon_stat_name(unsigned int tag)
{
	return tag < BALLOON_STATS ? stat_rows[tag].name : NULL;
}

/* ---- device --------------------------------------------------------------------------------------- */

static void kick(struct virtio_device *device, unsigned int index)
{
	struct balloon *balloon = balloon_of(device);

	if (index == QUEUE_STATS)
		serve_stats(balloon, &device->queues[index]);
	else
		serve_pages(balloon, &device->queues[index]);
}

/* A driver that begins anew has no pages in the balloon and has said nothing yet. */
static void reset(struct virtio_device *device)
{
	struct balloon *balloon = balloon_of(device);

	balloon->stats_held = false;
	balloon->stats = (struct balloon_stats){0};
	pthread_mutex_lock(&device->config_lock);
	set_config(balloon, ACTUAL, 0);
	set_actual(balloon, 0);
	pthread_mutex_unlock(&device->config_lock);
}

static void free_device(struct virtio_device *device)
{
	struct balloon *balloon = balloon_of(device);

	loop_remove(balloon->timer);
	free(balloon);
}

static const struct virtio_ops ops = {
	.name = "virtio-balloon",
	.device_id = VIRTIO_ID_BALLOON,
	.pci_class = 0x00ff00, /* a device that fits no class */
	.queue_count = QUEUES,
	.queue_size = 128,
	.config_size = offsetof(struct virtio_balloon_config, free_page_hint_cmd_id),
	.kick = kick,
	.reset = reset,
	.config_written = config_written,
	.free = free_device,
};

struct virtio_device *balloon_new(struct vm *vm, struct error *err)
{
	struct balloon *balloon = xcalloc(1, sizeof(*balloon));

	balloon->device.ops = &ops;
	balloon->device.vm = vm;
	balloon->device.features =
		1 << VIRTIO_BALLOON_F_STATS_VQ | 1 << VIRTIO_BALLOON_F_DEFLATE_ON_OOM;
	balloon->ram = vm->memory.size;
	balloon->timer = loop_add_timer(vm->loop, poll_stats, balloon, err);
	if (!balloon->timer) {
		free(balloon);
		return NULL;
	}
	return &balloon->device;
}

int balloon_check(const struct vm_config *config, struct error *err)
{
	for (unsigned int i = 0; i < config->node_count; i++) {
		enum memory_pages pages = config->nodes[i].pages;

		if (pages == MEMORY_PAGES_2M || pages == MEMORY_PAGES_1G)
			return error_set(err, EINVAL,
				"a balloon gives memory back in pages of 4K, and guest node %u has huge pages of %s, "
				"of which nothing would come back; leave the balloon out, or use pages=4K or thp",
				i, pages == MEMORY_PAGES_2M ? "2M" : "1G");
	}
	return 0;
}

int balloon_add(struct vm *vm, struct error *err)
{
	struct virtio_device *device;
	int ret = balloon_check(vm->config, err);

	if (ret < 0)
		return ret;
	device = balloon_new(vm, err);
	if (!device)
		return -ENOMEM;
	ret = virtio_pci_add(vm, device, err);
	if (!ret)
		vm->balloon = balloon_of(device);
	return ret;
}
