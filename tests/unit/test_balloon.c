// SPDX-License-Identifier: GPL-2.0-or-later
/* The balloon against a driver on real guest memory, kind and hostile: what comes back to the host. */
#include "balloon_bench.h"

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
	assert_int_equal(stats.clamped, 1u << VIRTIO_BALLOON_S_MEMTOT | 1u << VIRTIO_BALLOON_S_SWAP_OUT);
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

static void test_an_answer_that_is_overdue_is_said(void **state)
{
	struct bench *bench = *state;
	const struct virtio_balloon_stat entry = stat_of(VIRTIO_BALLOON_S_MEMFREE, 4096);
	struct balloon_info info;

	balloon_get_info(bench->balloon, &info);
	assert_true(info.stats_age_ms < 0 && !info.stats_silent); /* nobody asked */
	offer(bench, 2, &entry, sizeof(entry));
	run_poll(bench);
	bench->balloon->stats.asked_ms -= 4000;
	bench->balloon->stats.answered_ms -= 60000;
	balloon_get_info(bench->balloon, &info);
	assert_false(info.stats_silent);
	bench->balloon->stats.asked_ms -= 4000;
	balloon_get_info(bench->balloon, &info);
	assert_true(info.stats_silent && info.stats_age_ms >= 60000);
	offer(bench, 2, &entry, sizeof(entry));
	balloon_get_info(bench->balloon, &info);
	assert_true(!info.stats_silent && info.stats_age_ms < 60000);
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

static void test_memory_that_would_not_come_back_excludes_a_balloon(void **state)
{
	struct vm_config config = {.node_count = 2};
	struct error err;

	(void)state;
	assert_int_equal(balloon_check(&config, &err), 0);
	config.nodes[1].pages = MEMORY_PAGES_THP;
	assert_int_equal(balloon_check(&config, &err), 0);
	config.nodes[1].pages = MEMORY_PAGES_1G;
	config.nodes[1].shared = true;
	assert_int_equal(balloon_check(&config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "guest node 1 has huge pages of 1G"));
	config.nodes[1].pages = MEMORY_PAGES_2M;
	assert_int_equal(balloon_check(&config, &err), 0);
	config.nodes[1].shared = false; /* the kernel keeps them reserved for their owner */
	assert_int_equal(balloon_check(&config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "guest node 1 has private huge pages of 2M"));
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
		TEST(test_an_answer_that_is_overdue_is_said),
		TEST(test_two_buffers_of_statistics),
		TEST(test_statistics_without_the_feature_are_not_taken),
		TEST(test_reset_forgets_the_buffer_that_was_held),
		cmocka_unit_test(test_every_statistic_has_a_name_of_its_own),
		cmocka_unit_test(test_memory_that_would_not_come_back_excludes_a_balloon),
	};

	return cmocka_run_group_tests_name("balloon", tests, NULL, NULL);
}
