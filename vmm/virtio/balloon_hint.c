// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Free page hinting (5.5.6.4): asked by a command id in config space, the driver says that id on its
 * queue, then names all its free pages, then says STOP. Answered with DONE it may use them all again.
 *
 *   NONE --start--> ASKED --driver says the id--> RUNNING --driver says STOP--> DONE
 *                     \------------ no end within ROUND_MS ------------------> TIMED_OUT
 *
 * The pages are counted, and how many of them the host holds memory for: what could be had from this
 * guest. They are not given back. 5.5.6.4 lets a device change only pages that the driver has not written
 * since it was asked, and a driver short of memory (Linux's shrinker) takes pages back out of the round
 * without a word; a migration that knows which pages were written can use such hints, madvise(2) cannot.
 */
#include <endian.h>
#include <errno.h>

#include "vmm/virtio/balloon_internal.h"

#define FIRST_ID      UINT32_C(0x80000000) /* as QEMU; far from STOP and DONE */
#define ROUND_MS      10000
#define SEGMENTS_TURN 64u                  /* after that many, other work of the I/O thread comes first */

static bool is_on(const struct balloon_hint *hint)
{
	return hint->state == BALLOON_HINT_ASKED || hint->state == BALLOON_HINT_RUNNING;
}

static void end_round(struct balloon *balloon, enum balloon_hint_state state)
{
	balloon->hint.state = state;
	loop_timer_set(balloon->hint.deadline, 0, 0);
	balloon_command(balloon, VIRTIO_BALLOON_CMD_ID_DONE);
}

static void out_of_time(void *opaque, uint32_t events)
{
	struct balloon *balloon = opaque;

	(void)events;
	if (is_on(&balloon->hint))
		end_round(balloon, BALLOON_HINT_TIMED_OUT);
}

int balloon_hint_start(struct balloon *balloon, struct error *err)
{
	struct balloon_hint *hint = &balloon->hint;

	if (!balloon_queue(balloon, ROLE_HINT))
		return error_set(err, ENODEV, "%s",
			balloon->device.features >> VIRTIO_BALLOON_F_FREE_PAGE_HINT & 1
				? "The guest's driver does no free page hinting"
				: "The balloon does no free page hinting; start vmm with --balloon=free-page-hint=on");
	if (is_on(hint))
		return error_set(err, EBUSY, "A round of free page hinting is on already");
	hint->id = hint->id < FIRST_ID || hint->id == UINT32_MAX ? FIRST_ID : hint->id + 1;
	hint->state = BALLOON_HINT_ASKED;
	hint->hinted = hint->resident = 0;
	loop_timer_set(hint->deadline, ROUND_MS, 0);
	balloon_command(balloon, hint->id);
	return 0;
}

/* A STOP of a round before ends nothing. */
static void take_command(struct balloon *balloon, const struct virtq_chain *chain)
{
	struct balloon_hint *hint = &balloon->hint;
	uint32_t id;

	if (virtq_chain_read(chain, 0, &id, sizeof(id)) < sizeof(id))
		return;
	id = le32toh(id);
	if (hint->state == BALLOON_HINT_ASKED && id == hint->id)
		hint->state = BALLOON_HINT_RUNNING;
	else if (hint->state == BALLOON_HINT_RUNNING && id == VIRTIO_BALLOON_CMD_ID_STOP)
		end_round(balloon, BALLOON_HINT_DONE);
}

/* More than there is ends the round: each page is looked at, and a driver must not keep us at it. */
static void take_pages(struct balloon *balloon, const struct virtq_chain *chain)
{
	const struct guest_memory *memory = &balloon->device.vm->memory;
	struct balloon_hint *hint = &balloon->hint;

	for (unsigned int i = chain->out_count; i < chain->out_count + chain->in_count; i++) {
		uint64_t gpa = memory_gpa(memory, chain->iov[i].iov_base);
		uint64_t end = (gpa + chain->iov[i].iov_len) & ~(BALLOON_PAGE - 1);

		gpa = (gpa + BALLOON_PAGE - 1) & ~(BALLOON_PAGE - 1);
		if (hint->state != BALLOON_HINT_RUNNING || gpa >= end)
			continue;
		if (end - gpa > balloon->ram - hint->hinted) {
			hint->hinted = balloon->ram;
			end_round(balloon, BALLOON_HINT_DONE);
			continue;
		}
		hint->hinted += end - gpa;
		hint->resident += memory_resident(memory, gpa, end - gpa);
	}
}

void balloon_hint_serve(struct balloon *balloon, struct virtqueue *queue)
{
	struct virtq_chain chain;
	unsigned int segments = 0;

	while (segments < SEGMENTS_TURN && virtqueue_pop(queue, &chain) > 0) {
		if (chain.out_count)
			take_command(balloon, &chain);
		take_pages(balloon, &chain);
		virtqueue_push(queue, chain.head, 0);
		segments += chain.out_count + chain.in_count;
	}
	virtqueue_notify(queue);
	if (segments >= SEGMENTS_TURN)
		virtqueue_continue(queue);
}

void balloon_hint_reset(struct balloon *balloon)
{
	struct balloon_hint *hint = &balloon->hint;

	if (is_on(hint))
		hint->state = BALLOON_HINT_NONE;
	loop_timer_set(hint->deadline, 0, 0);
}

int balloon_hint_init(struct balloon *balloon, struct error *err)
{
	balloon->hint.deadline = loop_add_timer(balloon->device.vm->loop, out_of_time, balloon, err);
	return balloon->hint.deadline ? 0 : -1;
}

void balloon_hint_release(struct balloon *balloon)
{
	if (balloon->hint.deadline)
		loop_remove(balloon->hint.deadline);
}
