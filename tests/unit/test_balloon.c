// SPDX-License-Identifier: GPL-2.0-or-later
/* The balloon against a driver on real guest memory, kind and hostile: what comes back to the host. */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>

#include "vmm/options.h"
#include "vmm/virtio/balloon.h"
#include "vmm/virtio/virtio.h"

#define RAM    (UINT64_C(16) << 20)
#define PAGE   4096u
#define PAGES  ((uint32_t)(RAM / PAGE))
#define SIZE   16u
#define RINGS  0x10000u                   /* of queue 0; the others follow */
#define RING(queue) (RINGS + (queue) * 0x3000u)
#define DATA   0x100000u                  /* page numbers and statistics of the driver */
#define FIRST  1024u                      /* pages from here on are for the balloon */

struct bench {
	struct vm_config config;
	struct vm vm;
	struct virtio_device *device;
	struct balloon *balloon;
	unsigned int interrupts[3], config_interrupts, events;
	char event[128];
};

static struct bench *bench_of(struct virtio_device *device)
{
	return device->transport;
}

static void on_queue_interrupt(struct virtqueue *queue)
{
	bench_of(queue->device)->interrupts[queue->index]++;
}

static void on_config_interrupt(struct virtio_device *device)
{
	bench_of(device)->config_interrupts++;
}

static const struct virtio_transport_ops transport_ops = {on_queue_interrupt, on_config_interrupt};

static void on_event(void *opaque, const char *name, const char *data_json)
{
	struct bench *bench = opaque;

	assert_string_equal(name, "BALLOON_CHANGE");
	bench->events++;
	strcpy(bench->event, data_json);
}

/* What the transport does from DRIVER_OK on, with @features acknowledged. */
static void start(struct bench *bench, uint64_t features)
{
	struct virtio_device *device = bench->device;

	device->acked = features;
	device->status = VIRTIO_CONFIG_S_DRIVER_OK;
	for (unsigned int i = 0; i < device->ops->queue_count; i++) {
		struct virtqueue *queue = &device->queues[i];

		queue->device = device;
		queue->index = i;
		queue->size = SIZE;
		queue->desc_gpa = RING(i);
		queue->avail_gpa = RING(i) + 0x1000;
		queue->used_gpa = RING(i) + 0x2000;
		memset(memory_at(&bench->vm.memory, RING(i), 0x3000), 0, 0x3000);
		assert_int_equal(virtqueue_enable(queue), 0);
	}
}

static void create(struct bench *bench, bool shared)
{
	struct error err;

	bench->config.node_count = 1;
	bench->config.nodes[0].size = RAM;
	bench->config.nodes[0].shared = shared;
	bench->vm.config = &bench->config;
	bench->vm.event = on_event;
	bench->vm.event_opaque = bench;
	if (memory_create(&bench->vm.memory, bench->config.nodes, 1, true, &err) < 0)
		fail_msg("%s", err.text);
	bench->vm.loop = loop_new(&err);
	bench->device = balloon_new(&bench->vm, &err);
	assert_non_null(bench->device);
	bench->device->transport = bench;
	bench->device->transport_ops = &transport_ops;
	bench->device->complained = true; /* keeps stderr quiet */
	pthread_mutex_init(&bench->device->config_lock, NULL);
	for (unsigned int i = 0; i < 3; i++)
		bench->device->queues[i].kick_fd = eventfd(0, EFD_NONBLOCK);
	bench->balloon = balloon_of(bench->device);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	create(bench, false);
	start(bench, 1 << VIRTIO_BALLOON_F_STATS_VQ);
	*state = bench;
	return 0;
}

static int setup_shared(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	create(bench, true);
	start(bench, 1 << VIRTIO_BALLOON_F_STATS_VQ);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	for (unsigned int i = 0; i < 3; i++)
		close(bench->device->queues[i].kick_fd);
	bench->device->ops->free(bench->device);
	loop_free(bench->vm.loop);
	memory_release(&bench->vm.memory);
	free(bench);
	return 0;
}

/* ---- the driver ----------------------------------------------------------------------------------- */

static struct vring_used *used_of(struct bench *bench, unsigned int queue)
{
	return memory_at(&bench->vm.memory, RING(queue) + 0x2000, 0x1000);
}

/* Offers @length bytes at DATA as one readable buffer and kicks. */
static void offer(struct bench *bench, unsigned int queue, const void *data, size_t length)
{
	struct vring_desc *desc = memory_at(&bench->vm.memory, RING(queue), 16 * SIZE);
	struct vring_avail *avail = memory_at(&bench->vm.memory, RING(queue) + 0x1000, 0x1000);
	uint16_t slot = avail->idx % SIZE;

	memcpy(memory_at(&bench->vm.memory, DATA, length), data, length);
	desc[slot] = (struct vring_desc){DATA, (uint32_t)length, 0, 0};
	avail->ring[slot] = slot;
	avail->idx++;
	bench->device->ops->kick(bench->device, queue);
}

static void inflate(struct bench *bench, const uint32_t *pfns, size_t count)
{
	offer(bench, 0, pfns, count * sizeof(*pfns));
}

static bool is_broken(const struct bench *bench)
{
	return bench->device->status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* Whether the host holds memory for the guest's page. */
static bool resident(struct bench *bench, uint32_t pfn)
{
	unsigned char state;

	assert_int_equal(mincore(memory_at(&bench->vm.memory, (uint64_t)pfn * PAGE, PAGE), PAGE, &state), 0);
	return state & 1;
}

static void fill(struct bench *bench)
{
	memset(memory_at(&bench->vm.memory, (uint64_t)FIRST * PAGE, RAM - (uint64_t)FIRST * PAGE), 0xa5,
		RAM - (uint64_t)FIRST * PAGE);
}

static uint8_t byte_of(struct bench *bench, uint32_t pfn)
{
	return *(uint8_t *)memory_at(&bench->vm.memory, (uint64_t)pfn * PAGE, 1);
}

/* Of the balloon's pages exactly @pfns (sorted) went back to the host. */
static void expect_gone(struct bench *bench, const uint32_t *pfns, size_t count)
{
	size_t at = 0;

	for (uint32_t pfn = FIRST; pfn < PAGES; pfn++) {
		bool gone = at < count && pfns[at] == pfn;

		at += gone;
		if (resident(bench, pfn) == gone)
			fail_msg("page %u is %s", pfn, gone ? "still there" : "gone");
	}
}

static void say_actual(struct bench *bench, uint32_t pages)
{
	pthread_mutex_lock(&bench->device->config_lock);
	pages = htole32(pages);
	memcpy(bench->device->config + 4, &pages, 4);
	bench->device->ops->config_written(bench->device, 4, 4);
	pthread_mutex_unlock(&bench->device->config_lock);
}

/* ---- inflate and deflate ------------------------------------------------------------------------- */

static void expect_exactly_named_pages_go(struct bench *bench)
{
	/* Out of order, a page twice, neighbours and gaps of one page. */
	static const uint32_t asked[] = {2000, 1999, 2001, 2005, 2003, 2003, 2007, 1500, 1500, 1502};
	static const uint32_t gone[] = {1500, 1502, 1999, 2000, 2001, 2003, 2005, 2007};

	fill(bench);
	inflate(bench, asked, sizeof(asked) / sizeof(asked[0]));
	assert_false(is_broken(bench));
	assert_int_equal(used_of(bench, 0)->idx, 1);
	assert_int_equal(bench->interrupts[0], 1);
	expect_gone(bench, gone, sizeof(gone) / sizeof(gone[0]));
	assert_int_equal(byte_of(bench, 2002), 0xa5);
	assert_int_equal(byte_of(bench, 2000), 0); /* and it can be used again */
}

static void test_exactly_the_named_pages_go_back(void **state)
{
	expect_exactly_named_pages_go(*state);
}

static void test_pages_of_shared_memory_go_back_too(void **state)
{
	expect_exactly_named_pages_go(*state);
}

static void test_many_pages_in_one_request(void **state)
{
	struct bench *bench = *state;
	uint32_t pfns[2500];

	fill(bench);
	for (uint32_t i = 0; i < 2500; i++)
		pfns[i] = FIRST + 2499 - i; /* downwards, as Linux tends to */
	inflate(bench, pfns, 2500);
	for (uint32_t i = 0; i < 2500; i++)
		pfns[i] = FIRST + i;
	expect_gone(bench, pfns, 2500);
}

static void test_part_of_a_page_number_is_ignored(void **state)
{
	struct bench *bench = *state;
	static const uint32_t pfns[] = {1500, 1600};

	fill(bench);
	offer(bench, 0, pfns, 7);
	assert_false(is_broken(bench));
	expect_gone(bench, pfns, 1);
}

static void test_page_outside_of_ram_breaks_the_device(void **state)
{
	static const uint32_t bad[] = {PAGES, PAGES - 1 + 0x1000, 0xffffffff, 0x100000};
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (unsigned int queue = 0; queue < 2; queue++) {
			bench->device->ops->reset(bench->device);
			start(bench, 0);
			offer(bench, queue, &bad[i], sizeof(bad[i]));
			assert_true(is_broken(bench));
			assert_int_equal(used_of(bench, queue)->idx, 0);
		}
	}
}

static void test_absurd_request_breaks_the_device(void **state)
{
	struct bench *bench = *state;
	uint32_t *pfns = calloc(65536, sizeof(*pfns));

	for (uint32_t i = 0; i < 65536; i++)
		pfns[i] = FIRST;
	inflate(bench, pfns, 65536);
	assert_true(is_broken(bench));
	free(pfns);
}

static void test_endless_requests_are_served_in_turns(void **state)
{
	struct bench *bench = *state;
	struct virtqueue *queue = &bench->device->queues[0];
	uint32_t pfns[3000];
	uint64_t kicks = 0;

	for (uint32_t i = 0; i < 3000; i++)
		pfns[i] = FIRST + i;
	queue->enabled = false;
	for (int i = 0; i < 4; i++)
		inflate(bench, pfns, 3000); /* they only wait */
	queue->enabled = true;
	bench->device->ops->kick(bench->device, 0);
	assert_int_equal(used_of(bench, 0)->idx, 2);
	assert_int_equal(read(queue->kick_fd, &kicks, sizeof(kicks)), sizeof(kicks)); /* it comes again */
	bench->device->ops->kick(bench->device, 0);
	assert_int_equal(used_of(bench, 0)->idx, 4);
}

static void test_deflate_is_answered(void **state)
{
	struct bench *bench = *state;
	static const uint32_t pfns[] = {1500, 1501};

	fill(bench);
	inflate(bench, pfns, 2);
	offer(bench, 1, pfns, sizeof(pfns));
	assert_false(is_broken(bench));
	assert_int_equal(used_of(bench, 1)->idx, 1);
	assert_int_equal(bench->interrupts[1], 1);
}

/* ---- target and actual ---------------------------------------------------------------------------- */

static uint32_t num_pages(struct bench *bench)
{
	uint32_t value;

	memcpy(&value, bench->device->config, 4);
	return le32toh(value);
}

static void test_target_reaches_the_driver(void **state)
{
	struct bench *bench = *state;
	struct error err;

	assert_int_equal(balloon_set_target(bench->balloon, RAM / 4, &err), 0);
	assert_int_equal(num_pages(bench), PAGES * 3 / 4);
	assert_int_equal(bench->config_interrupts, 1);
	assert_int_equal(bench->device->config_generation, 1);
	assert_int_equal(balloon_set_target(bench->balloon, RAM, &err), 0);
	assert_int_equal(num_pages(bench), 0);
}

static void test_impossible_targets_are_refused(void **state)
{
	struct bench *bench = *state;
	struct error err;

	assert_int_equal(balloon_set_target(bench->balloon, 0, &err), -EINVAL);
	assert_int_equal(balloon_set_target(bench->balloon, RAM + 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "16777216"));
	assert_int_equal(num_pages(bench), 0);
	assert_int_equal(bench->config_interrupts, 0);
}

static void test_driver_cannot_move_its_target(void **state)
{
	struct bench *bench = *state;
	struct error err;
	uint32_t wish = 7;

	assert_int_equal(balloon_set_target(bench->balloon, RAM / 2, &err), 0);
	memcpy(bench->device->config, &wish, 4);
	bench->device->ops->config_written(bench->device, 0, 4);
	assert_int_equal(num_pages(bench), PAGES / 2);
}

static void test_actual_is_reported_and_clamped(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(balloon_actual(bench->balloon), RAM);
	say_actual(bench, 256);
	assert_int_equal(balloon_actual(bench->balloon), RAM - 256 * PAGE);
	assert_string_equal(bench->event, "{\"actual\": 15728640}");
	say_actual(bench, 256);
	assert_int_equal(bench->events, 1); /* nothing changed */
	say_actual(bench, 0xffffffff);
	assert_int_equal(balloon_actual(bench->balloon), 0);
	assert_string_equal(bench->event, "{\"actual\": 0}");
}

static void test_reset_empties_the_balloon_and_keeps_the_target(void **state)
{
	struct bench *bench = *state;
	struct error err;

	assert_int_equal(balloon_set_target(bench->balloon, RAM / 2, &err), 0);
	say_actual(bench, 100);
	bench->device->ops->reset(bench->device);
	assert_int_equal(balloon_actual(bench->balloon), RAM);
	assert_string_equal(bench->event, "{\"actual\": 16777216}");
	assert_int_equal(num_pages(bench), PAGES / 2);
}

/* ---- statistics ----------------------------------------------------------------------------------- */

static struct virtio_balloon_stat stat_of(uint16_t tag, uint64_t value)
{
	return (struct virtio_balloon_stat){htole16(tag), htole64(value)};
}

static void test_statistics_are_kept_and_clamped(void **state)
{
	struct bench *bench = *state;
	const struct virtio_balloon_stat entries[] = {
		stat_of(VIRTIO_BALLOON_S_MEMFREE, 4096),
		stat_of(VIRTIO_BALLOON_S_MEMTOT, UINT64_MAX), /* more than there is */
		stat_of(VIRTIO_BALLOON_S_SWAP_OUT, UINT64_MAX),
		stat_of(15, 3),
		stat_of(16, 4), /* tags nobody knows */
		stat_of(0xffff, 5),
	};
	struct balloon_stats stats;

	balloon_get_stats(bench->balloon, &stats);
	assert_int_equal(stats.last_update, 0);
	offer(bench, 2, entries, sizeof(entries) - 1); /* the last entry is cut */
	balloon_get_stats(bench->balloon, &stats);
	assert_int_equal(stats.valid, 1u << VIRTIO_BALLOON_S_MEMFREE | 1u << VIRTIO_BALLOON_S_MEMTOT |
		1u << VIRTIO_BALLOON_S_SWAP_OUT | 1u << 15);
	assert_int_equal(stats.value[VIRTIO_BALLOON_S_MEMFREE], 4096);
	assert_int_equal(stats.value[VIRTIO_BALLOON_S_MEMTOT], RAM);
	assert_int_equal(stats.value[VIRTIO_BALLOON_S_SWAP_OUT], INT64_MAX);
	assert_int_equal(stats.value[15], 3);
	assert_true(stats.last_update > 1600000000);
	assert_int_equal(used_of(bench, 2)->idx, 0); /* held until the next are wanted */
	assert_int_equal(bench->interrupts[2], 0);
}

static void test_long_statistics_are_bounded(void **state)
{
	struct bench *bench = *state;
	struct virtio_balloon_stat entries[5000];
	struct balloon_stats stats;

	for (size_t i = 0; i < 5000; i++)
		entries[i] = stat_of(VIRTIO_BALLOON_S_MEMFREE, i);
	offer(bench, 2, entries, sizeof(entries));
	balloon_get_stats(bench->balloon, &stats);
	assert_int_equal(stats.value[VIRTIO_BALLOON_S_MEMFREE], 63);
	assert_false(is_broken(bench));
}

static void stop_loop(void *opaque, uint32_t events)
{
	(void)events;
	loop_stop(opaque);
}

/* Lets the poll timer fire once. */
static void run_poll(struct bench *bench)
{
	struct error err;
	struct loop_source *end = loop_add_timer(bench->vm.loop, stop_loop, bench->vm.loop, &err);

	balloon_set_polling(bench->balloon, 1000);
	loop_timer_set(end, 100, 0);
	loop_run(bench->vm.loop);
	loop_remove(end);
	balloon_set_polling(bench->balloon, 0);
}

static void test_polling_returns_the_buffer_and_a_silent_guest_stays_old(void **state)
{
	struct bench *bench = *state;
	const struct virtio_balloon_stat entry = stat_of(VIRTIO_BALLOON_S_MEMFREE, 4096);
	struct balloon_stats before, after;

	offer(bench, 2, &entry, sizeof(entry));
	balloon_get_stats(bench->balloon, &before);
	run_poll(bench);
	assert_int_equal(used_of(bench, 2)->idx, 1);
	assert_int_equal(bench->interrupts[2], 1);
	balloon_get_stats(bench->balloon, &after);
	assert_memory_equal(&before, &after, sizeof(before)); /* the guest did not answer */
}

static void test_two_buffers_of_statistics(void **state)
{
	struct bench *bench = *state;
	const struct virtio_balloon_stat entry = stat_of(VIRTIO_BALLOON_S_MEMFREE, 4096);

	offer(bench, 2, &entry, sizeof(entry));
	offer(bench, 2, &entry, sizeof(entry));
	assert_int_equal(used_of(bench, 2)->idx, 1); /* the older one goes back */
}

static void test_statistics_without_the_feature_are_not_taken(void **state)
{
	struct bench *bench = *state;
	const struct virtio_balloon_stat entry = stat_of(VIRTIO_BALLOON_S_MEMFREE, 4096);
	struct balloon_stats stats;

	start(bench, 0);
	offer(bench, 2, &entry, sizeof(entry));
	balloon_get_stats(bench->balloon, &stats);
	assert_int_equal(stats.last_update, 0);
}

static void test_reset_forgets_the_buffer_that_was_held(void **state)
{
	struct bench *bench = *state;
	const struct virtio_balloon_stat entry = stat_of(VIRTIO_BALLOON_S_MEMFREE, 4096);
	struct balloon_stats stats;

	offer(bench, 2, &entry, sizeof(entry));
	bench->device->ops->reset(bench->device);
	start(bench, 1 << VIRTIO_BALLOON_F_STATS_VQ);
	run_poll(bench);
	assert_int_equal(used_of(bench, 2)->idx, 0);
	balloon_get_stats(bench->balloon, &stats);
	assert_int_equal(stats.last_update, 0);
}

static void test_every_statistic_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < BALLOON_STATS; i++)
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(balloon_stat_name(i), balloon_stat_name(j));
	assert_null(balloon_stat_name(BALLOON_STATS));
}

static void test_huge_pages_exclude_a_balloon(void **state)
{
	struct vm_config config = {.node_count = 2};
	struct error err;

	(void)state;
	assert_int_equal(balloon_check(&config, &err), 0);
	config.nodes[1].pages = MEMORY_PAGES_THP;
	assert_int_equal(balloon_check(&config, &err), 0);
	config.nodes[1].pages = MEMORY_PAGES_1G;
	assert_int_equal(balloon_check(&config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "guest node 1 has huge pages of 1G"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exactly_the_named_pages_go_back),
		cmocka_unit_test_setup_teardown(test_pages_of_shared_memory_go_back_too, setup_shared,
			teardown),
		TEST(test_many_pages_in_one_request),
		TEST(test_part_of_a_page_number_is_ignored),
		TEST(test_page_outside_of_ram_breaks_the_device),
		TEST(test_absurd_request_breaks_the_device),
		TEST(test_endless_requests_are_served_in_turns),
		TEST(test_deflate_is_answered),
		TEST(test_target_reaches_the_driver),
		TEST(test_impossible_targets_are_refused),
		TEST(test_driver_cannot_move_its_target),
		TEST(test_actual_is_reported_and_clamped),
		TEST(test_reset_empties_the_balloon_and_keeps_the_target),
		TEST(test_statistics_are_kept_and_clamped),
		TEST(test_long_statistics_are_bounded),
		TEST(test_polling_returns_the_buffer_and_a_silent_guest_stays_old),
		TEST(test_two_buffers_of_statistics),
		TEST(test_statistics_without_the_feature_are_not_taken),
		TEST(test_reset_forgets_the_buffer_that_was_held),
		cmocka_unit_test(test_every_statistic_has_a_name_of_its_own),
		cmocka_unit_test(test_huge_pages_exclude_a_balloon),
	};

	return cmocka_run_group_tests_name("balloon", tests, NULL, NULL);
}
