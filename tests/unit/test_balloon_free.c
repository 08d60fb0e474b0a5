// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a driver says of free pages (reporting, hinting, poison), huge pages that are collected, and which
 * queue is which.
 */
#include "balloon_bench.h"

#define STATS  (UINT64_C(1) << VIRTIO_BALLOON_F_STATS_VQ)
#define HINT   (UINT64_C(1) << VIRTIO_BALLOON_F_FREE_PAGE_HINT)
#define POISON (UINT64_C(1) << VIRTIO_BALLOON_F_PAGE_POISON)
#define REPORT (UINT64_C(1) << VIRTIO_BALLOON_F_REPORTING)
#define TELL   (UINT64_C(1) << VIRTIO_BALLOON_F_MUST_TELL_HOST)

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	create(bench, false);
	*state = bench;
	return 0;
}

static int setup_shared(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	create(bench, true);
	*state = bench;
	return 0;
}

static struct balloon_info info_of(struct bench *bench)
{
	struct balloon_info info;

	balloon_get_info(bench->balloon, &info);
	return info;
}

static void write_config(struct bench *bench, uint32_t offset, uint32_t value)
{
	pthread_mutex_lock(&bench->device->config_lock);
	value = htole32(value);
	memcpy(bench->device->config + offset, &value, 4);
	bench->device->ops->config_written(bench->device, offset, 4);
	pthread_mutex_unlock(&bench->device->config_lock);
}

static uint32_t read_config(struct bench *bench, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, bench->device->config + offset, 4);
	return le32toh(value);
}

/* ---- which queue is which ------------------------------------------------------------------------- */

static void expect_report_on(struct bench *bench, unsigned int queue)
{
	fill(bench);
	lend(bench, queue, 1536, 512);
	assert_int_equal(used_of(bench, queue)->idx, 1);
	assert_int_equal(info_of(bench).report.discarded, 512 * PAGE);
	assert_false(resident(bench, 1536) || resident(bench, 2047));
	assert_true(resident(bench, 1535) && resident(bench, 2048));
}

static void test_queues_move_up_where_features_are_missing(void **state)
{
	static const struct {
		uint64_t features;
		unsigned int queue; /* of reporting, as Linux numbers it */
	} cases[] = {
		{REPORT, 2}, {STATS | REPORT, 3}, {HINT | REPORT, 3}, {STATS | HINT | REPORT, 4}};
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bench->device->ops->reset(bench->device);
		start(bench, cases[i].features);
		expect_report_on(bench, cases[i].queue);
	}
}

static void test_queues_with_the_numbers_of_the_specification(void **state)
{
	struct bench *bench = *state;

	start_queues(bench, REPORT, 1 << 0 | 1 << 1 | 1 << 4);
	expect_report_on(bench, 4);
	bench->device->ops->reset(bench->device);
	start_queues(bench, STATS | REPORT, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4);
	expect_report_on(bench, 4);
}

static void test_a_queue_without_its_feature_is_not_served(void **state)
{
	struct bench *bench = *state;

	start_queues(bench, 0, 0x1f);
	for (unsigned int queue = 2; queue < QUEUES; queue++) {
		lend(bench, queue, 1536, 512);
		assert_int_equal(used_of(bench, queue)->idx, 0);
	}
	assert_int_equal(info_of(bench).report.reported, 0);
}

/* ---- reporting and poison ------------------------------------------------------------------------ */

static void test_only_whole_pages_of_a_report_go_back(void **state)
{
	struct bench *bench = *state;

	start(bench, REPORT);
	fill(bench);
	offer_at(bench, 2, 1536 * PAGE + 1, 3 * PAGE, VRING_DESC_F_WRITE);
	assert_int_equal(info_of(bench).report.discarded, 2 * PAGE);
	assert_true(resident(bench, 1536) && !resident(bench, 1537) && !resident(bench, 1538));
	assert_true(resident(bench, 1539));
	offer_at(bench, 2, 1600 * PAGE + 8, 64, VRING_DESC_F_WRITE);
	assert_true(resident(bench, 1600));
}

static void test_neighbours_of_a_report_go_back_in_one_call(void **state)
{
	struct bench *bench = *state;
	struct vring_desc *desc = memory_at(&bench->vm.memory, RING(2), 16 * SIZE);
	struct vring_avail *avail = memory_at(&bench->vm.memory, RING(2) + 0x1000, 0x1000);

	start(bench, REPORT);
	fill(bench);
	/* Downwards twice, then a gap. */
	desc[0] = (struct vring_desc){2000 * PAGE, PAGE, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1};
	desc[1] = (struct vring_desc){1999 * PAGE, PAGE, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2};
	desc[2] = (struct vring_desc){1500 * PAGE, PAGE, VRING_DESC_F_WRITE, 0};
	avail->ring[0] = 0;
	avail->idx = 1;
	bench->device->ops->kick(bench->device, 2);
	assert_int_equal(info_of(bench).report.discards, 2);
	expect_gone(bench, (const uint32_t[]){1500, 1999, 2000}, 3);
}

static void test_neighbours_of_several_reports_go_back_in_one_call(void **state)
{
	struct bench *bench = *state;
	struct virtqueue *queue = &bench->device->queues[2];

	start(bench, REPORT);
	fill(bench);
	queue->enabled = false;
	for (uint32_t pfn = 2048; pfn > 1536; pfn -= 128)
		lend(bench, 2, pfn - 128, 128); /* they only wait */
	queue->enabled = true;
	bench->device->ops->kick(bench->device, 2);
	assert_int_equal(used_of(bench, 2)->idx, 4);
	assert_int_equal(bench->interrupts[2], 1);
	assert_int_equal(info_of(bench).report.discards, 1);
	assert_int_equal(info_of(bench).report.discarded, 512 * PAGE);
	assert_true(resident(bench, 1535) && !resident(bench, 1536) && resident(bench, 2048));
}

static void test_pages_that_must_keep_their_poison_stay(void **state)
{
	struct bench *bench = *state;

	start(bench, REPORT | POISON);
	write_config(bench, 12, 0xaaaaaaaa);
	fill(bench);
	lend(bench, 2, 1536, 512);
	assert_int_equal(used_of(bench, 2)->idx, 1);
	assert_int_equal(info_of(bench).report.reported, 512 * PAGE);
	assert_int_equal(info_of(bench).report.discarded, 0);
	assert_int_equal(byte_of(bench, 1536), 0xa5);
	write_config(bench, 12, 0); /* zeros are what comes back */
	lend(bench, 2, 1536, 512);
	assert_int_equal(info_of(bench).report.discarded, 512 * PAGE);
}

static void test_poison_without_its_feature_is_not_taken(void **state)
{
	struct bench *bench = *state;

	start(bench, REPORT);
	write_config(bench, 12, 0xaaaaaaaa);
	assert_int_equal(info_of(bench).poison, 0);
	start(bench, REPORT | POISON);
	write_config(bench, 12, 0xaaaaaaaa);
	assert_int_equal(info_of(bench).poison, 0xaaaaaaaa);
	bench->device->ops->reset(bench->device);
	assert_int_equal(info_of(bench).poison, 0);
	assert_int_equal(read_config(bench, 12), 0);
}

static void test_a_report_of_more_than_ram_breaks_the_device(void **state)
{
	struct bench *bench = *state;
	struct vring_desc *desc = memory_at(&bench->vm.memory, RING(2), 16 * SIZE);
	struct vring_avail *avail = memory_at(&bench->vm.memory, RING(2) + 0x1000, 0x1000);

	start(bench, REPORT);
	fill(bench);
	for (uint16_t i = 0; i < 2; i++)
		desc[i] = (struct vring_desc){FIRST * PAGE, (PAGES - FIRST) * PAGE,
			(uint16_t)(VRING_DESC_F_WRITE | (i ? 0 : VRING_DESC_F_NEXT)), 1};
	avail->ring[0] = 0;
	avail->idx = 1;
	bench->device->ops->kick(bench->device, 2);
	assert_true(is_broken(bench));
	assert_true(resident(bench, FIRST));
}

/* ---- hinting --------------------------------------------------------------------------------------- */

static void say(struct bench *bench, uint32_t id)
{
	id = htole32(id);
	offer(bench, 2, &id, sizeof(id));
}

static void test_a_round_of_hints_counts_and_touches_nothing(void **state)
{
	struct bench *bench = *state;
	struct error err;
	uint32_t id;

	start(bench, HINT);
	fill(bench);
	assert_int_equal(balloon_hint_start(bench->balloon, &err), 0);
	assert_int_equal(balloon_hint_start(bench->balloon, &err), -EBUSY);
	assert_int_equal(bench->config_interrupts, 1);
	id = read_config(bench, 8);
	assert_true(id > VIRTIO_BALLOON_CMD_ID_DONE);
	lend(bench, 2, 1536, 512); /* before the round: of an older one */
	assert_int_equal(info_of(bench).hinted, 0);
	say(bench, id);
	assert_int_equal(info_of(bench).hint_state, BALLOON_HINT_RUNNING);
	madvise(memory_at(&bench->vm.memory, 1536 * PAGE, PAGE), PAGE, MADV_DONTNEED);
	lend(bench, 2, 1536, 512);
	say(bench, VIRTIO_BALLOON_CMD_ID_STOP);
	assert_int_equal(info_of(bench).hint_state, BALLOON_HINT_DONE);
	assert_int_equal(info_of(bench).hinted, 512 * PAGE);
	assert_int_equal(info_of(bench).hinted_resident, 511 * PAGE);
	assert_int_equal(read_config(bench, 8), VIRTIO_BALLOON_CMD_ID_DONE);
	assert_int_equal(byte_of(bench, 2000), 0xa5);
	assert_int_equal(balloon_hint_start(bench->balloon, &err), 0);
	assert_int_not_equal(read_config(bench, 8), id);
	say(bench, id); /* late */
	assert_int_equal(info_of(bench).hint_state, BALLOON_HINT_ASKED);
}

static void test_hints_without_end_end_the_round(void **state)
{
	struct bench *bench = *state;
	struct error err;

	start(bench, HINT);
	assert_int_equal(balloon_hint_start(bench->balloon, &err), 0);
	say(bench, read_config(bench, 8));
	for (int i = 0; i < 6; i++)
		lend(bench, 2, FIRST, PAGES - FIRST);
	assert_int_equal(info_of(bench).hint_state, BALLOON_HINT_DONE);
	assert_int_equal(info_of(bench).hinted, RAM);
	assert_true(info_of(bench).hinted_resident <= RAM);
}

static void test_hints_need_a_driver_that_gives_them(void **state)
{
	struct bench *bench = *state;
	struct error err;

	start(bench, STATS);
	assert_int_equal(balloon_hint_start(bench->balloon, &err), -ENODEV);
	assert_non_null(strstr(err.text, "driver"));
	bench->device->features &= ~HINT;
	assert_int_equal(balloon_hint_start(bench->balloon, &err), -ENODEV);
	assert_non_null(strstr(err.text, "free-page-hint=on"));
}

static void test_driver_cannot_give_itself_commands(void **state)
{
	struct bench *bench = *state;

	start(bench, HINT);
	write_config(bench, 8, 0x80000000);
	assert_int_equal(read_config(bench, 8), VIRTIO_BALLOON_CMD_ID_STOP);
}

/* ---- huge pages ------------------------------------------------------------------------------------ */

/* A guest on huge pages, or the test is skipped where the machine has none. */
static struct bench *huge_bench(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (!create_on(bench, MEMORY_PAGES_2M, true)) {
		free(bench);
		skip(); /* does not return */
		abort();
	}
	return bench;
}

static void inflate_all_but_one(struct bench *bench, uint32_t first)
{
	uint32_t pfns[511];

	for (uint32_t i = 0; i < 511; i++)
		pfns[i] = first + i;
	inflate(bench, pfns, 511);
	inflate(bench, pfns, 10); /* again: they count once */
}

static void test_huge_page_goes_back_with_its_last_page(void **state)
{
	struct bench *bench = huge_bench();
	uint32_t last = 1536 + 511, one = 1600;

	(void)state;
	start(bench, TELL);
	fill(bench);
	inflate_all_but_one(bench, 1536);
	assert_true(resident(bench, 1536));
	offer(bench, 1, &one, sizeof(one)); /* taken back */
	inflate(bench, &last, 1);
	assert_int_equal(byte_of(bench, 1536), 0xa5);
	inflate(bench, &one, 1);
	assert_false(resident(bench, 1536));
	assert_true(resident(bench, 1535) && resident(bench, 2048));
	assert_int_equal(info_of(bench).discarded, 2 << 20);
	assert_int_equal(info_of(bench).discards, 1);
	teardown((void **)&bench);
}

static void test_huge_page_of_a_driver_that_does_not_tell_stays(void **state)
{
	struct bench *bench = huge_bench();
	uint32_t last = 1536 + 511;

	(void)state;
	start(bench, 0);
	fill(bench);
	inflate_all_but_one(bench, 1536);
	inflate(bench, &last, 1);
	assert_true(resident(bench, 1536));
	teardown((void **)&bench);
}

static void test_reset_forgets_pages_of_huge_ones(void **state)
{
	struct bench *bench = huge_bench();
	uint32_t last = 1536 + 511;

	(void)state;
	start(bench, TELL);
	fill(bench);
	inflate_all_but_one(bench, 1536);
	bench->device->ops->reset(bench->device);
	start(bench, TELL);
	inflate(bench, &last, 1);
	assert_int_equal(byte_of(bench, 1536), 0xa5);
	teardown((void **)&bench);
}

static void test_report_gives_back_whole_huge_pages_only(void **state)
{
	struct bench *bench = huge_bench();

	(void)state;
	start(bench, REPORT);
	fill(bench);
	lend(bench, 2, 1536 + 1, 511);
	assert_int_equal(info_of(bench).report.discarded, 0);
	lend(bench, 2, 1536, 513);
	assert_int_equal(info_of(bench).report.discarded, 2 << 20);
	assert_true(!resident(bench, 1536) && resident(bench, 2048));
	teardown((void **)&bench);
}

#define TEST(name)        cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_SHARED(name) cmocka_unit_test_setup_teardown(name, setup_shared, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queues_move_up_where_features_are_missing),
		TEST_SHARED(test_queues_with_the_numbers_of_the_specification),
		TEST(test_a_queue_without_its_feature_is_not_served),
		TEST(test_only_whole_pages_of_a_report_go_back),
		TEST(test_neighbours_of_a_report_go_back_in_one_call),
		TEST(test_neighbours_of_several_reports_go_back_in_one_call),
		TEST_SHARED(test_pages_that_must_keep_their_poison_stay),
		TEST(test_poison_without_its_feature_is_not_taken),
		TEST(test_a_report_of_more_than_ram_breaks_the_device),
		TEST(test_a_round_of_hints_counts_and_touches_nothing),
		TEST(test_hints_without_end_end_the_round),
		TEST(test_hints_need_a_driver_that_gives_them),
		TEST(test_driver_cannot_give_itself_commands),
		cmocka_unit_test(test_huge_page_goes_back_with_its_last_page),
		cmocka_unit_test(test_huge_page_of_a_driver_that_does_not_tell_stays),
		cmocka_unit_test(test_reset_forgets_pages_of_huge_ones),
		cmocka_unit_test(test_report_gives_back_whole_huge_pages_only),
	};

	return cmocka_run_group_tests_name("balloon_free", tests, NULL, NULL);
}
