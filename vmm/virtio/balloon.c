// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio balloon. The driver names pages it will not use (inflate queue) and they go back to the
 * host; pages it takes out again (deflate queue) come back by themselves at the next touch. How many
 * it holds is the driver's word, in config space, and only ever believed up to the guest's RAM.
 *
 * Which queue is which: 5.5.2 gives each a number of its own; Linux numbers only those whose feature
 * was negotiated, without gaps, and so does QEMU. A driver shows by the queues it switches on which of
 * the two it means: one beyond what gapless numbering needs has the numbers of the specification.
 */
#include "vmm/virtio/balloon.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "vmm/options.h"
#include "vmm/virtio/balloon_internal.h"

#define PAGE        BALLOON_PAGE
#define PFNS_MAX    (32u * 1024) /* page numbers in one chain: 128 MiB; Linux sends 256 */
#define PFNS_BATCH  1024u        /* of them sorted and discarded at once */
#define PFNS_TURN   4096u        /* after that many, other work of the I/O thread comes first */

#define NUM_PAGES offsetof(struct virtio_balloon_config, num_pages)
#define ACTUAL    offsetof(struct virtio_balloon_config, actual)
#define COMMAND   offsetof(struct virtio_balloon_config, free_page_hint_cmd_id)
#define POISON    offsetof(struct virtio_balloon_config, poison_val)

struct balloon *balloon_of(struct virtio_device *device)
{
	return (struct balloon *)device; /* its first member */
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int64_t balloon_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- queues -------------------------------------------------------------------------------------- */

static bool has_role(const struct balloon *balloon, unsigned int role)
{
	static const uint8_t features[BALLOON_ROLES] = {
		[ROLE_STATS] = VIRTIO_BALLOON_F_STATS_VQ,
		[ROLE_HINT] = VIRTIO_BALLOON_F_FREE_PAGE_HINT,
		[ROLE_REPORT] = VIRTIO_BALLOON_F_REPORTING,
	};

	return role == ROLE_INFLATE || role == ROLE_DEFLATE || virtio_has(&balloon->device, features[role]);
}

/* The number of @role's queue when those of absent features have none. */
static unsigned int gapless(const struct balloon *balloon, unsigned int role)
{
	unsigned int number = 0;

	for (unsigned int i = 0; i < role; i++)
		number += has_role(balloon, i);
	return number;
}

static bool has_gaps(const struct balloon *balloon)
{
	for (unsigned int i = gapless(balloon, BALLOON_ROLES); i < BALLOON_ROLES; i++)
		if (balloon->device.queues[i].enabled)
			return true;
	return false;
}

struct virtqueue *balloon_queue(struct balloon *balloon, enum balloon_role role)
{
	unsigned int number = has_gaps(balloon) ? (unsigned int)role : gapless(balloon, role);

	return has_role(balloon, role) ? &balloon->device.queues[number] : NULL;
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
	/* What is not the driver's to write stays what it was. */
	set_config(balloon, NUM_PAGES, balloon->target_pages);
	set_config(balloon, COMMAND, balloon->command);
	if (virtio_has(device, VIRTIO_BALLOON_F_PAGE_POISON))
		balloon->poison = get_config(balloon, POISON);
	set_config(balloon, POISON, balloon->poison);
	set_actual(balloon, get_config(balloon, ACTUAL));
}

uint32_t balloon_poison(struct balloon *balloon)
{
	uint32_t poison;

	pthread_mutex_lock(&balloon->device.config_lock);
	poison = balloon->poison;
	pthread_mutex_unlock(&balloon->device.config_lock);
	return poison;
}

void balloon_command(struct balloon *balloon, uint32_t command)
{
	pthread_mutex_lock(&balloon->device.config_lock);
	balloon->command = command;
	set_config(balloon, COMMAND, command);
	pthread_mutex_unlock(&balloon->device.config_lock);
	virtio_config_changed(&balloon->device);
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

void balloon_get_info(struct balloon *balloon, struct balloon_info *info)
{
	struct virtio_device *device = &balloon->device;

	pthread_mutex_lock(&device->config_lock);
	*info = (struct balloon_info){
		.ram = balloon->ram,
		.actual = guest_bytes_of(balloon, balloon->actual_pages),
		.target = guest_bytes_of(balloon, balloon->target_pages),
		.poison = balloon->poison,
	};
	pthread_mutex_unlock(&device->config_lock);
	info->driver = __atomic_load_n(&device->status, __ATOMIC_SEQ_CST) & VIRTIO_CONFIG_S_DRIVER_OK;
	info->features = info->driver ? device->acked & device->features : 0;
	info->discarded = balloon->discarded;
	info->discards = balloon->discards;
	info->report = balloon->report;
	info->hint_state = balloon->hint.state;
	info->hinted = balloon->hint.hinted;
	info->hinted_resident = balloon->hint.resident;
	balloon_stats_info(balloon, info);
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

static bool is_huge(const struct balloon *balloon, uint32_t pfn)
{
	return balloon->huge && memory_page_size(&balloon->device.vm->memory, pfn * PAGE) > PAGE;
}

/* Gives back the pages [first, last], neighbours. False when one is not RAM. */
static bool discard_run(struct balloon *balloon, uint32_t first, uint32_t last)
{
	int64_t back = memory_discard(&balloon->device.vm->memory, first * PAGE,
		(last - first + UINT64_C(1)) * PAGE);

	if (back < 0)
		return false;
	balloon->discarded += (uint64_t)back;
	balloon->discards++;
	return true;
}

/* A page of a huge one only counts, unless it is the last; and not if it may be in use again unsaid. */
static void give_up(struct balloon *balloon, uint32_t pfn)
{
	uint64_t back;

	if (!virtio_has(&balloon->device, VIRTIO_BALLOON_F_MUST_TELL_HOST))
		return;
	back = balloon_huge_give(balloon->huge, pfn);
	balloon->discarded += back;
	balloon->discards += back != 0;
}

/* Gives sorted pages back, each run of neighbours in one call. False when one is not RAM. */
static bool discard(struct balloon *balloon, const uint32_t *pfns, unsigned int count)
{
	for (unsigned int i = 0, run; i < count; i += run) {
		run = 1;
		if (is_huge(balloon, pfns[i])) {
			give_up(balloon, pfns[i]);
			continue;
		}
		/* A difference of 0: the driver named a page twice. */
		while (i + run < count && pfns[i + run] - pfns[i + run - 1] <= 1 && !is_huge(balloon, pfns[i + run]))
			run++;
		if (!discard_run(balloon, pfns[i], pfns[i + run - 1]))
			return false;
	}
	return true;
}

/* The driver takes pages back; they come at their first touch. False when one is not RAM. */
static bool restore(struct balloon *balloon, const uint32_t *pfns, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!memory_at(&balloon->device.vm->memory, pfns[i] * PAGE, PAGE))
			return false;
		if (balloon->huge)
			balloon_huge_take(balloon->huge, pfns[i]);
	}
	return true;
}

/* The page numbers of one chain, in batches. */
static bool take_pages(struct balloon *balloon, const struct virtq_chain *chain, bool inflate)
{
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
		if (inflate ? !discard(balloon, pfns, count) : !restore(balloon, pfns, count)) {
			virtio_broken(&balloon->device, "page outside of RAM");
			return false;
		}
		offset += count * sizeof(*pfns);
	}
	return true;
}

static void serve_pages(struct balloon *balloon, struct virtqueue *queue, bool inflate)
{
	struct virtq_chain chain;
	uint64_t turn = 0;

	while (turn < PFNS_TURN && virtqueue_pop(queue, &chain) > 0) {
		if (!take_pages(balloon, &chain, inflate))
			return;
		virtqueue_push(queue, chain.head, 0);
		turn += 1 + chain.out_bytes / sizeof(uint32_t);
	}
	virtqueue_notify(queue);
	if (turn >= PFNS_TURN)
		virtqueue_continue(queue);
}

/* ---- device --------------------------------------------------------------------------------------- */

static void serve_inflate(struct balloon *balloon, struct virtqueue *queue)
{
	serve_pages(balloon, queue, true);
}

static void serve_deflate(struct balloon *balloon, struct virtqueue *queue)
{
	serve_pages(balloon, queue, false);
}

static void kick(struct virtio_device *device, unsigned int index)
{
	static void (*const serve[BALLOON_ROLES])(struct balloon *balloon, struct virtqueue *queue) = {
		[ROLE_INFLATE] = serve_inflate,
		[ROLE_DEFLATE] = serve_deflate,
		[ROLE_STATS] = balloon_stats_serve,
		[ROLE_HINT] = balloon_hint_serve,
		[ROLE_REPORT] = balloon_report_serve,
	};
	struct balloon *balloon = balloon_of(device);

	for (unsigned int role = 0; role < BALLOON_ROLES; role++)
		if (balloon_queue(balloon, role) == &device->queues[index])
			serve[role](balloon, &device->queues[index]);
}

/* A driver that begins anew has no pages in the balloon and has said nothing yet. */
static void reset(struct virtio_device *device)
{
	struct balloon *balloon = balloon_of(device);

	balloon_stats_reset(balloon);
	balloon_hint_reset(balloon);
	balloon_huge_reset(balloon->huge);
	balloon->discarded = balloon->discards = 0;
	balloon->report = (struct balloon_report){0};
	pthread_mutex_lock(&device->config_lock);
	balloon->command = VIRTIO_BALLOON_CMD_ID_STOP;
	balloon->poison = 0;
	set_config(balloon, COMMAND, balloon->command);
	set_config(balloon, POISON, 0);
	set_config(balloon, ACTUAL, 0);
	set_actual(balloon, 0);
	pthread_mutex_unlock(&device->config_lock);
}

static void free_device(struct virtio_device *device)
{
	struct balloon *balloon = balloon_of(device);

	balloon_stats_release(balloon);
	balloon_hint_release(balloon);
	balloon_huge_free(balloon->huge);
	free(balloon);
}

static const struct virtio_ops ops = {
	.name = "virtio-balloon",
	.device_id = VIRTIO_ID_BALLOON,
	.pci_class = 0x00ff00, /* a device that fits no class */
	.queue_count = BALLOON_ROLES,
	.queue_size = 128,
	.config_size = sizeof(struct virtio_balloon_config),
	.kick = kick,
	.reset = reset,
	.config_written = config_written,
	.free = free_device,
};

static uint64_t features_of(const struct balloon *balloon, const struct balloon_config *config)
{
	uint64_t features = 1 << VIRTIO_BALLOON_F_STATS_VQ;

	if (balloon->huge)
		features |= 1 << VIRTIO_BALLOON_F_MUST_TELL_HOST;
	if (config->deflate_on_oom)
		features |= 1 << VIRTIO_BALLOON_F_DEFLATE_ON_OOM;
	if (config->page_poison)
		features |= 1 << VIRTIO_BALLOON_F_PAGE_POISON;
	if (config->free_page_reporting)
		features |= 1 << VIRTIO_BALLOON_F_REPORTING;
	if (config->free_page_hint)
		features |= 1 << VIRTIO_BALLOON_F_FREE_PAGE_HINT;
	return features;
}

struct virtio_device *balloon_new(struct vm *vm, struct error *err)
{
	struct balloon *balloon = xcalloc(1, sizeof(*balloon));

	balloon->device.ops = &ops;
	balloon->device.vm = vm;
	balloon->ram = vm->memory.size;
	balloon->huge = balloon_huge_new(&vm->memory);
	balloon->device.features = features_of(balloon, &vm->config->balloon_config);
	if (balloon_stats_init(balloon, err) < 0 || balloon_hint_init(balloon, err) < 0) {
		free_device(&balloon->device);
		return NULL;
	}
	return &balloon->device;
}

/* Why nothing of a node's memory would come back, or NULL. */
static const char *obstacle(const struct memory_node_config *node)
{
	if (node->pages == MEMORY_PAGES_1G)
		return "has huge pages of 1G, and of a guest that keeps running no whole one ever comes together: "
		       "leave the balloon out, or use pages=2M,shared, thp or 4K";
	if (node->pages == MEMORY_PAGES_2M && !node->shared)
		return "has private huge pages of 2M, which the kernel keeps reserved for it after they were given "
		       "back, so that nobody else has them: write pages=2M,shared, or leave the balloon out";
	return NULL;
}

int balloon_check(const struct vm_config *config, struct error *err)
{
	for (unsigned int i = 0; i < config->node_count; i++) {
		const char *why = obstacle(&config->nodes[i]);

		if (why)
			return error_set(err, EINVAL, "guest node %u %s", i, why);
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
