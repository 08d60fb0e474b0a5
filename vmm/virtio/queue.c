// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Split virtqueues (virtio 1.2, 2.7), the device's side.
 *
 * The rings lie in guest RAM and the guest may change any byte at any time, so each ring field and
 * each descriptor is loaded exactly once, checked, and only the copy is used. What a driver could do
 * wrong is checked in next_descriptor() and add_buffer(); everything behind virtqueue_pop() works on
 * host addresses that are known to be guest RAM.
 *
 * Barriers: a load of avail.idx with acquire order comes before the loads of ring and descriptors; a
 * store of used.idx with release order comes after the used element. Where one side writes its index
 * and then looks whether the other wants to hear about it, a full fence is needed between the two,
 * else both may read the old value and the ring sleeps for ever (2.7.10).
 */
#include "vmm/virtio/virtio.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "lib/error.h"

#define load(field)                 __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define load_acquire(field)         __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define store(field, value)         __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#define store_release(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)
#define full_fence()                __atomic_thread_fence(__ATOMIC_SEQ_CST)

void virtio_broken(struct virtio_device *device, const char *why)
{
	uint8_t old = __atomic_fetch_or(&device->status, VIRTIO_CONFIG_S_NEEDS_RESET, __ATOMIC_SEQ_CST);

	if (old & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	if (!device->complained)
		warn("%s: the guest's driver broke the protocol: %s; stopped until it resets the device",
			device->ops->name, why);
	device->complained = true;
	/* 2.1.2: the driver is told when it is far enough to listen. */
	if (old & VIRTIO_CONFIG_S_DRIVER_OK && device->transport_ops)
		device->transport_ops->config_interrupt(device);
}

void virtio_config_changed(struct virtio_device *device)
{
	__atomic_fetch_add(&device->config_generation, 1, __ATOMIC_SEQ_CST);
	if (device->transport_ops && load(device->status) & VIRTIO_CONFIG_S_DRIVER_OK)
		device->transport_ops->config_interrupt(device);
}

static int broken(struct virtqueue *queue, const char *why)
{
	virtio_broken(queue->device, why);
	return -EINVAL;
}

static bool is_broken(const struct virtqueue *queue)
{
	return load(queue->device->status) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* ---- setup --------------------------------------------------------------------------------------- */

/* One of the queue's three areas: where it must be aligned (2.7) and how long it is. */
static void *ring_area(struct virtqueue *queue, uint64_t gpa, uint64_t align, uint64_t length)
{
	if (gpa % align)
		return NULL;
	return memory_at(&queue->device->vm->memory, gpa, length);
}

int virtqueue_enable(struct virtqueue *queue)
{
	unsigned int size = queue->size;

	if (!size || size & (size - 1) || size > queue->device->ops->queue_size)
		return broken(queue, "queue size is not a power of two within the maximum");
	queue->desc = ring_area(queue, queue->desc_gpa, VRING_DESC_ALIGN_SIZE, 16 * size);
	queue->avail = ring_area(queue, queue->avail_gpa, VRING_AVAIL_ALIGN_SIZE, 6 + 2 * size);
	queue->used = ring_area(queue, queue->used_gpa, VRING_USED_ALIGN_SIZE, 6 + 8 * size);
	if (!queue->desc || !queue->avail || !queue->used)
		return broken(queue, "queue is misaligned or not in RAM");
	queue->last_avail = queue->used_index = queue->signalled_used = 0;
	queue->event_idx = virtio_has(queue->device, VIRTIO_RING_F_EVENT_IDX);
	queue->kicks_off = false;
	queue->enabled = true;
	return 0;
}

/* With EVENT_IDX each ring ends with an index of the other side (2.7.6, 2.7.8). */
static uint16_t *used_event(struct virtqueue *queue)
{
	return &queue->avail->ring[queue->size];
}

static uint16_t *avail_event(struct virtqueue *queue)
{
	return (uint16_t *)&queue->used->ring[queue->size];
}

/* ---- taking chains ------------------------------------------------------------------------------- */

/* A walk over one chain: the table it is in, and how many steps that table still allows. */
struct walk {
	const struct vring_desc *table;
	unsigned int size, steps;
	bool indirect;
};

/* Adds a buffer to the chain; says what is wrong with it, if anything. */
static const char *add_buffer(struct virtqueue *queue, struct virtq_chain *chain,
	const struct vring_desc *desc)
{
	bool writable = desc->flags & VRING_DESC_F_WRITE;
	unsigned int at = chain->out_count + chain->in_count;
	void *host = memory_at(&queue->device->vm->memory, desc->addr, desc->len);

	if (!desc->len)
		return "empty buffer";
	if (!host)
		return "buffer outside of RAM";
	if (!writable && chain->in_count)
		return "readable buffer after a writable one";
	if (at == VIRTIO_CHAIN_MAX)
		return "chain is too long";
	chain->iov[at] = (struct iovec){host, desc->len};
	*(writable ? &chain->in_count : &chain->out_count) += 1;
	*(writable ? &chain->in_bytes : &chain->out_bytes) += desc->len;
	return NULL;
}

/* Continues the walk in the table that @desc names. */
static const char *enter_indirect(struct virtqueue *queue, struct walk *walk,
	const struct vring_desc *desc)
{
	if (!virtio_has(queue->device, VIRTIO_RING_F_INDIRECT_DESC))
		return "indirect descriptor was not negotiated";
	if (walk->indirect)
		return "indirect descriptor inside an indirect table";
	if (desc->flags & VRING_DESC_F_NEXT)
		return "indirect descriptor with a next one";
	if (!desc->len || desc->len % sizeof(*desc))
		return "indirect table is not whole descriptors";
	walk->table = memory_at(&queue->device->vm->memory, desc->addr, desc->len);
	if (!walk->table)
		return "indirect table outside of RAM";
	walk->size = desc->len / sizeof(*desc);
	walk->steps = 0;
	walk->indirect = true;
	return NULL;
}

/* Copies descriptor @index. A chain that takes more steps than its table has entries is a loop. */
static const char *next_descriptor(struct walk *walk, unsigned int index, struct vring_desc *desc)
{
	if (index >= walk->size)
		return "descriptor index is out of range";
	if (++walk->steps > walk->size)
		return "descriptors form a loop";
	/* An indirect table may have any alignment. */
	memcpy(desc, &walk->table[index], sizeof(*desc));
	/* From here on the compiler may not look into guest memory again. */
	__asm__ volatile("" : "+m"(*desc));
	return NULL;
}

static const char *parse_chain(struct virtqueue *queue, struct virtq_chain *chain)
{
	struct walk walk = {.table = queue->desc, .size = queue->size};
	unsigned int index = chain->head;
	struct vring_desc desc;
	const char *why;

	for (;;) {
		why = next_descriptor(&walk, index, &desc);
		if (why)
			return why;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			why = enter_indirect(queue, &walk, &desc);
			index = 0;
			if (why)
				return why;
			continue;
		}
		why = add_buffer(queue, chain, &desc);
		if (why || !(desc.flags & VRING_DESC_F_NEXT))
			return why;
		index = desc.next;
	}
}

/* How many chains wait; arms the kick before it says none (unless kicks are off). */
static uint16_t available(struct virtqueue *queue)
{
	uint16_t count = load_acquire(queue->avail->idx) - queue->last_avail;

	if (count || queue->kicks_off || !queue->event_idx)
		return count;
	store(*avail_event(queue), queue->last_avail);
	full_fence();
	return load_acquire(queue->avail->idx) - queue->last_avail;
}

int virtqueue_pop(struct virtqueue *queue, struct virtq_chain *chain)
{
	const char *why;
	uint16_t count;

	if (is_broken(queue))
		return -EINVAL;
	if (!queue->enabled)
		return 0;
	count = available(queue);
	if (!count)
		return 0;
	if (count > queue->size)
		return broken(queue, "available index jumped");
	chain->head = load(queue->avail->ring[queue->last_avail % queue->size]);
	chain->out_count = chain->in_count = 0;
	chain->out_bytes = chain->in_bytes = 0;
	why = parse_chain(queue, chain);
	if (why)
		return broken(queue, why);
	queue->last_avail++;
	return 1;
}

void virtqueue_unpop(struct virtqueue *queue)
{
	queue->last_avail--;
}

bool virtqueue_want_kicks(struct virtqueue *queue, bool want)
{
	if (!queue->enabled || is_broken(queue))
		return false;
	queue->kicks_off = !want;
	if (!queue->event_idx)
		store(queue->used->flags, want ? 0 : VRING_USED_F_NO_NOTIFY);
	else if (want)
		store(*avail_event(queue), queue->last_avail);
	/* With EVENT_IDX the old avail_event, which the driver has passed, keeps kicks away. */
	if (!want)
		return false;
	full_fence();
	return load_acquire(queue->avail->idx) != queue->last_avail;
}

void virtqueue_kick_again(struct virtqueue *queue)
{
	uint64_t one = 1;
	ssize_t ret = write(queue->kick_fd, &one, sizeof(one));

	(void)ret; /* EAGAIN: the counter is full, so it is kicked */
}

/* ---- giving them back ---------------------------------------------------------------------------- */

void virtqueue_put(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	struct vring_used_elem *element;

	if (!queue->enabled)
		return;
	element = &queue->used->ring[queue->used_index % queue->size];
	store(element->id, head);
	store(element->len, written);
	queue->used_index++;
}

void virtqueue_publish(struct virtqueue *queue)
{
	if (queue->enabled)
		store_release(queue->used->idx, queue->used_index);
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	virtqueue_put(queue, head, written);
	virtqueue_publish(queue);
}

void virtqueue_notify(struct virtqueue *queue)
{
	uint16_t old = queue->signalled_used;
	bool wanted;

	if (!queue->enabled || old == queue->used_index || is_broken(queue))
		return;
	full_fence();
	if (queue->event_idx)
		wanted = vring_need_event(load(*used_event(queue)), queue->used_index, old);
	else
		wanted = !(load(queue->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	queue->signalled_used = queue->used_index;
	if (wanted && queue->device->transport_ops)
		queue->device->transport_ops->queue_interrupt(queue);
}

void virtqueue_continue(struct virtqueue *queue)
{
	eventfd_write(queue->kick_fd, 1);
}

/* ---- copying ------------------------------------------------------------------------------------- */

/* Copies between @buffer and the segments, from @offset bytes into them. */
static size_t copy(const struct iovec *iov, unsigned int count, size_t offset, void *buffer,
	size_t length, bool into_guest)
{
	size_t done = 0;

	for (unsigned int i = 0; i < count && done < length; i++) {
		size_t room = iov[i].iov_len;
		uint8_t *host = iov[i].iov_base;

		if (offset >= room) {
			offset -= room;
			continue;
		}
		host += offset;
		room -= offset;
		offset = 0;
		if (room > length - done)
			room = length - done;
		if (into_guest)
			memcpy(host, (const uint8_t *)buffer + done, room);
		else
			memcpy((uint8_t *)buffer + done, host, room);
		done += room;
	}
	return done;
}

size_t virtq_chain_read(const struct virtq_chain *chain, size_t offset, void *into, size_t length)
{
	return copy(chain->iov, chain->out_count, offset, into, length, false);
}

size_t virtq_chain_write(const struct virtq_chain *chain, size_t offset, const void *from,
	size_t length)
{
	return copy(chain->iov + chain->out_count, chain->in_count, offset, (void *)from, length, true);
}
