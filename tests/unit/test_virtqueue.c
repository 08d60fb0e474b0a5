// SPDX-License-Identifier: GPL-2.0-or-later
/* The descriptor parser against good and hostile drivers, and who is told about what (EVENT_IDX). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/virtio_config.h>

#include "vmm/virtio/virtio.h"

#define RAM    0x20000u
#define SIZE   8u
#define DESC   0x1000u
#define AVAIL  0x2000u
#define USED   0x3000u
#define TABLE  0x4000u /* an indirect table */
#define DATA   0x8000u

struct bench {
	struct vm vm;
	struct virtio_device device;
	struct virtqueue *queue;
	unsigned int interrupts, config_interrupts;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

static struct bench *bench_of(struct virtio_device *device)
{
	return device->transport;
}

static void on_queue_interrupt(struct virtqueue *queue)
{
	bench_of(queue->device)->interrupts++;
}

static void on_config_interrupt(struct virtio_device *device)
{
	bench_of(device)->config_interrupts++;
}

static const struct virtio_transport_ops transport_ops = {on_queue_interrupt, on_config_interrupt};
static const struct virtio_ops device_ops = {.name = "test", .queue_count = 1, .queue_size = SIZE};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct virtqueue *queue = &bench->device.queues[0];

	bench->vm.memory.base = calloc(1, RAM);
	bench->vm.memory.low_end = RAM;
	bench->device.ops = &device_ops;
	bench->device.vm = &bench->vm;
	bench->device.transport = bench;
	bench->device.transport_ops = &transport_ops;
	bench->device.status = VIRTIO_CONFIG_S_DRIVER_OK;
	bench->device.complained = true; /* keeps stderr quiet */
	queue->device = &bench->device;
	queue->size = SIZE;
	queue->desc_gpa = DESC;
	queue->avail_gpa = AVAIL;
	queue->used_gpa = USED;
	bench->queue = queue;
	bench->desc = memory_at(&bench->vm.memory, DESC, 16 * SIZE);
	bench->avail = memory_at(&bench->vm.memory, AVAIL, 6 + 2 * SIZE);
	bench->used = memory_at(&bench->vm.memory, USED, 6 + 8 * SIZE);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	free(bench->vm.memory.base);
	free(bench);
	return 0;
}

static void enable(struct bench *bench, uint64_t features)
{
	bench->device.acked = features;
	assert_int_equal(virtqueue_enable(bench->queue), 0);
}

static void put_desc(struct vring_desc *desc, uint64_t addr, uint32_t len, uint16_t flags,
	uint16_t next)
{
	*desc = (struct vring_desc){addr, len, flags, next};
}

static void offer(struct bench *bench, uint16_t head)
{
	bench->avail->ring[bench->avail->idx % SIZE] = head;
	bench->avail->idx++;
}

static bool is_broken(const struct bench *bench)
{
	return bench->device.status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* The chain at descriptor 0 must be refused, and the device must stay stopped. */
static void expect_refused(struct bench *bench)
{
	struct virtq_chain chain;

	offer(bench, 0);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), -EINVAL);
	assert_true(is_broken(bench));
	assert_int_equal(bench->config_interrupts, 1);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), -EINVAL);
	assert_int_equal(bench->config_interrupts, 1);
}

static void test_good_chain(void **state)
{
	struct bench *bench = *state;
	struct virtq_chain chain;
	char buffer[8];

	enable(bench, 0);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 0);
	put_desc(&bench->desc[2], DATA, 4, VRING_DESC_F_NEXT, 5);
	put_desc(&bench->desc[5], DATA + 100, 3, VRING_DESC_F_NEXT, 1);
	put_desc(&bench->desc[1], DATA + 200, 6, VRING_DESC_F_WRITE, 0);
	memcpy(memory_at(&bench->vm.memory, DATA, 4), "abcd", 4);
	memcpy(memory_at(&bench->vm.memory, DATA + 100, 3), "efg", 3);
	offer(bench, 2);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 1);
	assert_int_equal(chain.head, 2);
	assert_int_equal(chain.out_count, 2);
	assert_int_equal(chain.in_count, 1);
	assert_int_equal(chain.out_bytes, 7);
	assert_int_equal(chain.in_bytes, 6);
	assert_int_equal(virtq_chain_read(&chain, 3, buffer, sizeof(buffer)), 4);
	assert_memory_equal(buffer, "defg", 4);
	assert_int_equal(virtq_chain_write(&chain, 2, "wxyz!", 5), 4);
	assert_memory_equal(memory_at(&bench->vm.memory, DATA + 200, 6), "\0\0wxyz", 6);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 0);
	virtqueue_push(bench->queue, 2, 6);
	assert_int_equal(bench->used->idx, 1);
	assert_int_equal(bench->used->ring[0].id, 2);
	assert_int_equal(bench->used->ring[0].len, 6);
}

static void test_unpop(void **state)
{
	struct bench *bench = *state;
	struct virtq_chain chain;

	enable(bench, 0);
	put_desc(&bench->desc[3], DATA, 4, 0, 0);
	offer(bench, 3);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 1);
	virtqueue_unpop(bench->queue);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 1);
	assert_int_equal(chain.head, 3);
}

static void test_indirect(void **state)
{
	struct bench *bench = *state;
	/* Any alignment is legal for an indirect table. */
	struct vring_desc table[3];
	struct virtq_chain chain;

	enable(bench, UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC);
	put_desc(&table[0], DATA, 16, VRING_DESC_F_NEXT, 2);
	put_desc(&table[2], DATA + 16, 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	put_desc(&table[1], DATA + 32, 1, VRING_DESC_F_WRITE, 0);
	memcpy(memory_at(&bench->vm.memory, TABLE + 2, sizeof(table)), table, sizeof(table));
	put_desc(&bench->desc[0], DATA + 64, 8, VRING_DESC_F_NEXT, 4);
	put_desc(&bench->desc[4], TABLE + 2, sizeof(table), VRING_DESC_F_INDIRECT, 0);
	offer(bench, 0);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 1);
	assert_int_equal(chain.out_bytes, 24);
	assert_int_equal(chain.in_bytes, 17);
	assert_int_equal(chain.in_count, 2);
}

static void test_indirect_not_negotiated(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	put_desc(&bench->desc[0], TABLE, 16, VRING_DESC_F_INDIRECT, 0);
	expect_refused(bench);
}

static void put_indirect(struct bench *bench, uint64_t addr, uint32_t len, uint16_t flags)
{
	enable(bench, UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC);
	put_desc(&bench->desc[0], addr, len, VRING_DESC_F_INDIRECT | flags, 1);
	put_desc(&bench->desc[1], DATA, 8, 0, 0);
	put_desc(memory_at(&bench->vm.memory, TABLE, 16), DATA, 8, 0, 0);
}

static void test_indirect_inside_indirect(void **state)
{
	struct bench *bench = *state;

	put_indirect(bench, TABLE, 16, 0);
	put_desc(memory_at(&bench->vm.memory, TABLE, 16), TABLE, 16, VRING_DESC_F_INDIRECT, 0);
	expect_refused(bench);
}

static void test_indirect_with_next(void **state)
{
	put_indirect(*state, TABLE, 16, VRING_DESC_F_NEXT);
	expect_refused(*state);
}

static void test_indirect_of_odd_length(void **state)
{
	put_indirect(*state, TABLE, 17, 0);
	expect_refused(*state);
}

static void test_indirect_outside_ram(void **state)
{
	put_indirect(*state, RAM - 16, 32, 0);
	expect_refused(*state);
}

static void test_indirect_index_out_of_table(void **state)
{
	struct bench *bench = *state;

	put_indirect(bench, TABLE, 16, 0);
	put_desc(memory_at(&bench->vm.memory, TABLE, 16), DATA, 8, VRING_DESC_F_NEXT, 1);
	expect_refused(bench);
}

static void test_loop(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	put_desc(&bench->desc[0], DATA, 1, VRING_DESC_F_NEXT, 1);
	put_desc(&bench->desc[1], DATA, 1, VRING_DESC_F_NEXT, 0);
	expect_refused(bench);
}

static void test_too_long(void **state)
{
	struct bench *bench = *state;
	unsigned int count = VIRTIO_CHAIN_MAX + 1;
	struct vring_desc *table = memory_at(&bench->vm.memory, TABLE, count * 16);

	enable(bench, UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC);
	for (unsigned int i = 0; i < count; i++)
		put_desc(&table[i], DATA, 1, i + 1 < count ? VRING_DESC_F_NEXT : 0, (uint16_t)(i + 1));
	put_desc(&bench->desc[0], TABLE, count * 16, VRING_DESC_F_INDIRECT, 0);
	expect_refused(bench);
}

static void test_outside_ram(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{RAM, 1},
		{RAM - 4, 5},
		{UINT64_MAX, 2},
		{UINT64_MAX - 3, UINT32_MAX},
		{DATA, UINT32_MAX},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bench *bench;

		setup((void **)&bench);
		enable(bench, 0);
		put_desc(&bench->desc[0], bad[i].addr, bad[i].len, VRING_DESC_F_WRITE, 0);
		expect_refused(bench);
		teardown((void **)&bench);
	}
}

static void test_write_before_read(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	put_desc(&bench->desc[0], DATA, 8, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	put_desc(&bench->desc[1], DATA, 8, 0, 0);
	expect_refused(bench);
}

static void test_empty_buffer(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	put_desc(&bench->desc[0], DATA, 0, 0, 0);
	expect_refused(bench);
}

static void test_bad_next(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	put_desc(&bench->desc[0], DATA, 8, VRING_DESC_F_NEXT, SIZE);
	expect_refused(bench);
}

static void test_bad_head(void **state)
{
	struct bench *bench = *state;
	struct virtq_chain chain;

	enable(bench, 0);
	offer(bench, SIZE);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), -EINVAL);
	assert_true(is_broken(bench));
}

static void test_index_jump(void **state)
{
	struct bench *bench = *state;
	struct virtq_chain chain;

	enable(bench, 0);
	bench->avail->idx = SIZE + 1;
	assert_int_equal(virtqueue_pop(bench->queue, &chain), -EINVAL);
	assert_true(is_broken(bench));
}

static void test_bad_queue(void **state)
{
	static const struct {
		uint16_t size;
		uint64_t desc, avail, used;
	} bad[] = {
		{0, DESC, AVAIL, USED},
		{3, DESC, AVAIL, USED},
		{2 * SIZE, DESC, AVAIL, USED},
		{SIZE, DESC + 8, AVAIL, USED},
		{SIZE, DESC, AVAIL + 1, USED},
		{SIZE, DESC, AVAIL, USED + 2},
		{SIZE, RAM - 16, AVAIL, USED},
		{SIZE, DESC, RAM, USED},
		{SIZE, DESC, AVAIL, UINT64_MAX - 3},
	};
	struct bench *bench = *state;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bench->queue->size = bad[i].size;
		bench->queue->desc_gpa = bad[i].desc;
		bench->queue->avail_gpa = bad[i].avail;
		bench->queue->used_gpa = bad[i].used;
		bench->device.status = VIRTIO_CONFIG_S_FEATURES_OK;
		assert_int_equal(virtqueue_enable(bench->queue), -EINVAL);
		assert_true(is_broken(bench));
		assert_false(bench->queue->enabled);
	}
}

/* Pops and pushes the next chain; true when that raised an interrupt. */
static bool serve_one(struct bench *bench)
{
	unsigned int before = bench->interrupts;
	struct virtq_chain chain;

	assert_int_equal(virtqueue_pop(bench->queue, &chain), 1);
	virtqueue_push(bench->queue, chain.head, 0);
	virtqueue_notify(bench->queue);
	return bench->interrupts != before;
}

static void offer_some(struct bench *bench, unsigned int count)
{
	put_desc(&bench->desc[0], DATA, 8, 0, 0);
	for (unsigned int i = 0; i < count; i++)
		offer(bench, 0);
}

static void test_no_interrupt_flag(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	offer_some(bench, 2);
	assert_true(serve_one(bench));
	bench->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_false(serve_one(bench));
}

static void test_notify_without_push(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	offer_some(bench, 1);
	assert_true(serve_one(bench));
	virtqueue_notify(bench->queue);
	assert_int_equal(bench->interrupts, 1);
}

static void test_used_event(void **state)
{
	struct bench *bench = *state;
	uint16_t *used_event = &bench->avail->ring[SIZE];

	enable(bench, UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX);
	offer_some(bench, 5);
	*used_event = 2; /* tell me when entry 2 is used, the third */
	assert_false(serve_one(bench));
	assert_false(serve_one(bench));
	assert_true(serve_one(bench));
	assert_false(serve_one(bench));
	assert_false(serve_one(bench));
}

static void test_used_event_wraps(void **state)
{
	struct bench *bench = *state;

	enable(bench, UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX);
	for (unsigned int i = 0; i < 0x10004; i++) {
		uint16_t want = i % 3 ? (uint16_t)(i - 1) : (uint16_t)i;

		offer_some(bench, 1);
		bench->avail->ring[SIZE] = want;
		assert_int_equal(serve_one(bench), i % 3 == 0);
	}
}

static void test_avail_event(void **state)
{
	struct bench *bench = *state;
	uint16_t *avail_event = (uint16_t *)&bench->used->ring[SIZE];
	struct virtq_chain chain;

	enable(bench, UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX);
	offer_some(bench, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(virtqueue_pop(bench->queue, &chain), 1);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 0);
	assert_int_equal(*avail_event, 3); /* an empty ring asks for the next kick */
	assert_false(virtqueue_want_kicks(bench->queue, false));
	offer_some(bench, 2);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(virtqueue_pop(bench->queue, &chain), 1);
	assert_int_equal(virtqueue_pop(bench->queue, &chain), 0);
	assert_int_equal(*avail_event, 3); /* but not while they are off */
	offer_some(bench, 1);
	assert_true(virtqueue_want_kicks(bench->queue, true)); /* came meanwhile */
	assert_int_equal(*avail_event, 5);
}

static void test_no_notify_flag(void **state)
{
	struct bench *bench = *state;

	enable(bench, 0);
	virtqueue_want_kicks(bench->queue, false);
	assert_int_equal(bench->used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_want_kicks(bench->queue, true));
	assert_int_equal(bench->used->flags, 0);
}

static void test_disabled_queue(void **state)
{
	struct bench *bench = *state;
	struct virtq_chain chain;

	assert_int_equal(virtqueue_pop(bench->queue, &chain), 0);
	virtqueue_push(bench->queue, 0, 0);
	virtqueue_notify(bench->queue);
	assert_false(virtqueue_want_kicks(bench->queue, true));
	assert_int_equal(bench->interrupts, 0);
}

#define TEST(function, name) {name, function, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_chain, "a chain is copied out, read, written and returned"),
		TEST(test_unpop, "an unpopped chain comes again"),
		TEST(test_indirect, "direct descriptors may end in an unaligned indirect table"),
		TEST(test_indirect_not_negotiated, "indirect needs its feature"),
		TEST(test_indirect_inside_indirect, "indirect inside indirect is refused"),
		TEST(test_indirect_with_next, "indirect with a next descriptor is refused"),
		TEST(test_indirect_of_odd_length, "an indirect table is whole descriptors"),
		TEST(test_indirect_outside_ram, "an indirect table lies in RAM"),
		TEST(test_indirect_index_out_of_table, "next stays inside the indirect table"),
		TEST(test_loop, "a loop of descriptors ends"),
		TEST(test_too_long, "a chain has at most VIRTIO_CHAIN_MAX segments"),
		TEST(test_outside_ram, "buffers outside of RAM are refused"),
		TEST(test_write_before_read, "readable buffers come before writable ones"),
		TEST(test_empty_buffer, "an empty buffer is refused"),
		TEST(test_bad_next, "next stays inside the ring"),
		TEST(test_bad_head, "a head stays inside the ring"),
		TEST(test_index_jump, "the available index cannot run ahead by more than the ring"),
		TEST(test_bad_queue, "a queue of bad size, alignment or place is not enabled"),
		TEST(test_no_interrupt_flag, "NO_INTERRUPT is honoured"),
		TEST(test_notify_without_push, "nothing used, no interrupt"),
		TEST(test_used_event, "EVENT_IDX: one interrupt, when used_event is passed"),
		TEST(test_used_event_wraps, "EVENT_IDX: used_event works across the wrap of the index"),
		TEST(test_avail_event, "EVENT_IDX: an empty ring asks for a kick unless kicks are off"),
		TEST(test_no_notify_flag, "NO_NOTIFY follows want_kicks without EVENT_IDX"),
		TEST(test_disabled_queue, "a disabled queue does nothing"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
