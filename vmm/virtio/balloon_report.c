// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Free page reporting (5.5.6.7): the driver lends pages that lie free in the guest, the device gives them
 * back to the host, and the driver may use them again as soon as it has its buffer back; they come with
 * the first touch, as pages of zeros.
 *
 * A guest that expects something else of its free pages (5.5.6.5, page poison) would find that its poison
 * was overwritten, so with a poison that is not zero nothing is given back.
 */
#include "vmm/virtio/balloon_internal.h"

#define SEGMENTS_TURN 256u               /* after that many, other work of the I/O thread comes first */
#define BYTES_TURN    (UINT64_C(1) << 30)

/* Neighbours that one call gives back. */
struct run {
	uint64_t gpa, length;
};

static void flush(struct balloon *balloon, struct run *run)
{
	int64_t back = run->length ? memory_discard(&balloon->device.vm->memory, run->gpa, run->length) : 0;

	if (back > 0) {
		balloon->report.discarded += (uint64_t)back;
		balloon->report.discards++;
	}
	run->length = 0;
}

/* Linux hands out neighbours upwards or downwards. */
static void add(struct balloon *balloon, struct run *run, uint64_t gpa, uint64_t length)
{
	if (run->length && gpa == run->gpa + run->length) {
		run->length += length;
		return;
	}
	if (run->length && gpa + length == run->gpa) {
		run->gpa = gpa;
		run->length += length;
		return;
	}
	flush(balloon, run);
	*run = (struct run){gpa, length};
}

/* The driver's ranges are the writable buffers. Only whole pages in them are free. */
static bool take_ranges(struct balloon *balloon, const struct virtq_chain *chain, struct run *run)
{
	const struct guest_memory *memory = &balloon->device.vm->memory;
	bool discards = !balloon_poison(balloon);

	if (chain->in_bytes > balloon->ram) {
		virtio_broken(&balloon->device, "more free pages in one report than the guest has");
		return false;
	}
	for (unsigned int i = chain->out_count; i < chain->out_count + chain->in_count; i++) {
		uint64_t gpa = memory_gpa(memory, chain->iov[i].iov_base);
		uint64_t end = (gpa + chain->iov[i].iov_len) & ~(BALLOON_PAGE - 1);

		gpa = (gpa + BALLOON_PAGE - 1) & ~(BALLOON_PAGE - 1);
		if (gpa >= end)
			continue;
		balloon->report.reported += end - gpa;
		if (discards)
			add(balloon, run, gpa, end - gpa);
	}
	return true;
}

void balloon_report_serve(struct balloon *balloon, struct virtqueue *queue)
{
	struct virtq_chain chain;
	uint64_t segments = 0, bytes = 0;
	struct run run = {0};

	/* The driver has its pages again when it sees the chain used: all of this turn, after the discard. */
	while (segments < SEGMENTS_TURN && bytes < BYTES_TURN && virtqueue_pop(queue, &chain) > 0) {
		if (!take_ranges(balloon, &chain, &run))
			break;
		virtqueue_put(queue, chain.head, 0);
		segments += 1 + chain.in_count;
		bytes += chain.in_bytes;
	}
	flush(balloon, &run);
	virtqueue_publish(queue);
	virtqueue_notify(queue);
	if (segments >= SEGMENTS_TURN || bytes >= BYTES_TURN)
		virtqueue_continue(queue);
}
