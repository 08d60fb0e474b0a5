// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio-blk (virtio 1.2, 5.2): requests out of the ring, checked, into the I/O engine, and their
 * status back. The image is read and written straight from and to guest memory.
 */
#include "vmm/virtio/blk.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "lib/xalloc.h"
#include "vmm/virtio/blk_image.h"
#include "vmm/virtio/blk_io.h"
#include "vmm/virtio/virtio.h"

#define QUEUE_SIZE  VIRTIO_QUEUE_SIZE_MAX
#define DISCARD_MAX (4u << 20) /* sectors in one discard or write-zeroes request: 2 GiB */
#define STARTED     (-1)       /* no status yet, the engine has it */

#define STATUS_BYTES 1u

/* One request in flight. The chain's head is its number: a driver may not reuse it before. */
struct request {
	struct blk_io_request io;
	bool busy;
	uint8_t *status;  /* in guest memory */
	uint32_t written; /* bytes the guest gets besides the status when all goes well */
	struct iovec iov[VIRTIO_CHAIN_MAX];
};

struct blk {
	struct virtio_device device;
	int fd;
	uint64_t sectors;
	bool readonly;
	char id[VIRTIO_BLK_ID_BYTES];
	struct blk_io *io;
	struct request *requests; /* QUEUE_SIZE of them */
};

static struct blk *blk_of(struct virtio_device *device)
{
	return (struct blk *)device; /* its first member */
}

/* ---- parts of a request -------------------------------------------------------------------------- */

/* Copies the segments that make up bytes [offset, offset + length) of @from; returns how many. */
static unsigned int slice(const struct iovec *from, unsigned int count, uint64_t offset,
	uint64_t length, struct iovec *to)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < count && length; i++) {
		uint64_t size = from[i].iov_len;

		if (offset >= size) {
			offset -= size;
			continue;
		}
		size -= offset;
		if (size > length)
			size = length;
		to[used++] = (struct iovec){(char *)from[i].iov_base + offset, size};
		length -= size;
		offset = 0;
	}
	return used;
}

static bool is_on_disk(const struct blk *blk, uint64_t sector, uint64_t count)
{
	return sector <= blk->sectors && count <= blk->sectors - sector;
}

static void fill_transfer(struct request *request, enum blk_io_op op, uint64_t sector,
	uint64_t length)
{
	request->io.op = op;
	request->io.iov = request->iov;
	request->io.offset = sector * SECTOR_SIZE;
	request->io.length = length;
}

/* ---- request types (5.2.6) ----------------------------------------------------------------------- */

/* Each returns a VIRTIO_BLK_S_* status, or STARTED. */
typedef int start_fn(struct blk *blk, struct request *request, const struct virtq_chain *chain,
	const struct virtio_blk_outhdr *header);

static int start_read(struct blk *blk, struct request *request, const struct virtq_chain *chain,
	const struct virtio_blk_outhdr *header)
{
	uint64_t length = chain->in_bytes - STATUS_BYTES;

	if (length % SECTOR_SIZE || !is_on_disk(blk, header->sector, length / SECTOR_SIZE))
		return VIRTIO_BLK_S_IOERR;
	fill_transfer(request, BLK_IO_READ, header->sector, length);
	request->io.count = slice(chain->iov + chain->out_count, chain->in_count, 0, length, request->iov);
	request->written = (uint32_t)length;
	return length ? STARTED : VIRTIO_BLK_S_OK;
}

static int start_write(struct blk *blk, struct request *request, const struct virtq_chain *chain,
	const struct virtio_blk_outhdr *header)
{
	uint64_t length = chain->out_bytes - sizeof(*header);

	if (blk->readonly || length % SECTOR_SIZE ||
		!is_on_disk(blk, header->sector, length / SECTOR_SIZE))
		return VIRTIO_BLK_S_IOERR;
	fill_transfer(request, BLK_IO_WRITE, header->sector, length);
	request->io.count = slice(chain->iov, chain->out_count, sizeof(*header), length, request->iov);
	/* 5.2.6.2: a driver that cannot flush expects finished writes to be stable. */
	request->io.durable = !virtio_has(&blk->device, VIRTIO_BLK_F_FLUSH);
	return length ? STARTED : VIRTIO_BLK_S_OK;
}

static int start_flush(struct blk *blk, struct request *request, const struct virtq_chain *chain,
	const struct virtio_blk_outhdr *header)
{
	(void)blk;
	(void)chain;
	(void)header;
	request->io.op = BLK_IO_FLUSH;
	return STARTED;
}

static int start_get_id(struct blk *blk, struct request *request, const struct virtq_chain *chain,
	const struct virtio_blk_outhdr *header)
{
	uint64_t room = chain->in_bytes - STATUS_BYTES;
	size_t length = room < sizeof(blk->id) ? (size_t)room : sizeof(blk->id);

	(void)header;
	request->written = (uint32_t)virtq_chain_write(chain, 0, blk->id, length);
	return VIRTIO_BLK_S_OK;
}

/* Discard and write zeroes: a hole reads as zeroes, so one operation serves both. */
static int start_punch(struct blk *blk, struct request *request, const struct virtq_chain *chain,
	const struct virtio_blk_outhdr *header)
{
	uint32_t allowed =
		header->type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
	struct virtio_blk_discard_write_zeroes range;

	if (chain->out_bytes != sizeof(*header) + sizeof(range))
		return VIRTIO_BLK_S_IOERR; /* we offer one segment a request */
	virtq_chain_read(chain, sizeof(*header), &range, sizeof(range));
	if (range.flags & ~allowed)
		return VIRTIO_BLK_S_UNSUPP;
	if (blk->readonly || range.num_sectors > DISCARD_MAX ||
		!is_on_disk(blk, range.sector, range.num_sectors))
		return VIRTIO_BLK_S_IOERR;
	fill_transfer(request, BLK_IO_PUNCH, range.sector, (uint64_t)range.num_sectors * SECTOR_SIZE);
	return range.num_sectors ? STARTED : VIRTIO_BLK_S_OK;
}

static start_fn *const starts[] = {
	[VIRTIO_BLK_T_IN] = start_read,
	[VIRTIO_BLK_T_OUT] = start_write,
	[VIRTIO_BLK_T_FLUSH] = start_flush,
	[VIRTIO_BLK_T_GET_ID] = start_get_id,
	[VIRTIO_BLK_T_DISCARD] = start_punch,
	[VIRTIO_BLK_T_WRITE_ZEROES] = start_punch,
};

/* ---- life of a request --------------------------------------------------------------------------- */

static void finish(struct blk *blk, struct request *request, int status)
{
	*request->status = (uint8_t)status;
	request->busy = false;
	virtqueue_push(&blk->device.queues[0], (uint16_t)(request - blk->requests),
		STATUS_BYTES + (status == VIRTIO_BLK_S_OK ? request->written : 0));
}

static void done(void *opaque, struct blk_io_request *io, int result)
{
	struct request *request = (struct request *)io; /* its first member */
	int status = VIRTIO_BLK_S_OK;

	if (result < 0)
		status = result == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	finish(opaque, request, status);
}

static void batch_done(void *opaque)
{
	struct blk *blk = opaque;

	virtqueue_notify(&blk->device.queues[0]);
}

static const struct blk_io_ops io_ops = {done, batch_done};

/* The last writable byte is the status, wherever the segments are cut. */
static uint8_t *status_byte(const struct virtq_chain *chain)
{
	const struct iovec *last = &chain->iov[chain->out_count + chain->in_count - 1];

	return (uint8_t *)last->iov_base + last->iov_len - 1;
}

static void serve(struct blk *blk, const struct virtq_chain *chain)
{
	struct request *request = &blk->requests[chain->head];
	struct virtio_blk_outhdr header;
	start_fn *start = NULL;
	int status;

	if (request->busy || chain->in_bytes < STATUS_BYTES ||
		virtq_chain_read(chain, 0, &header, sizeof(header)) < sizeof(header)) {
		virtio_broken(&blk->device, request->busy ? "chain is in flight already"
							  : "request without header or status");
		return;
	}
	request->io = (struct blk_io_request){0};
	request->busy = true;
	request->status = status_byte(chain);
	request->written = 0;
	if (header.type < sizeof(starts) / sizeof(starts[0]))
		start = starts[header.type];
	status = start ? start(blk, request, chain, &header) : VIRTIO_BLK_S_UNSUPP;
	if (status == STARTED)
		blk_io_start(blk->io, &request->io);
	else
		finish(blk, request, status);
}

static void blk_kick(struct virtio_device *device, unsigned int index)
{
	struct virtqueue *queue = &device->queues[index];
	struct blk *blk = blk_of(device);
	struct virtq_chain chain;

	virtqueue_want_kicks(queue, false);
	for (unsigned int i = 0; i < QUEUE_SIZE && virtqueue_pop(queue, &chain) > 0; i++)
		serve(blk, &chain);
	blk_io_submit(blk->io);
	if (virtqueue_want_kicks(queue, true))
		virtqueue_kick_again(queue);
}

static void blk_reset(struct virtio_device *device)
{
	/* What is in flight still uses guest memory, which is the driver's again after the reset. */
	blk_io_drain(blk_of(device)->io);
}

static void blk_free(struct virtio_device *device)
{
	struct blk *blk = blk_of(device);

	if (blk->io)
		blk_io_drain(blk->io);
	blk_io_free(blk->io);
	close(blk->fd);
	free(blk->requests);
	free(blk);
}

static const struct virtio_ops blk_ops = {
	.name = "virtio-blk",
	.device_id = VIRTIO_ID_BLOCK,
	.pci_class = 0x010000, /* SCSI storage, as other VMMs say: there is no class for virtio */
	.queue_count = 1,
	.queue_size = QUEUE_SIZE,
	.config_size = offsetof(struct virtio_blk_config, max_secure_erase_sectors),
	.kick = blk_kick,
	.reset = blk_reset,
	.free = blk_free,
};

/* ---- setup --------------------------------------------------------------------------------------- */

static void describe(struct blk *blk)
{
	struct virtio_blk_config config = {
		.capacity = blk->sectors,
		.seg_max = VIRTIO_CHAIN_MAX - 2, /* header and status take one each */
		.blk_size = SECTOR_SIZE,
		.max_discard_sectors = DISCARD_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = 8, /* of the 4 KiB blocks that file systems free */
		.max_write_zeroes_sectors = DISCARD_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};

	memcpy(blk->device.config, &config, blk_ops.config_size);
	blk->device.features = 1u << VIRTIO_BLK_F_SEG_MAX | 1u << VIRTIO_BLK_F_BLK_SIZE |
		1u << VIRTIO_BLK_F_FLUSH;
	if (blk->readonly)
		blk->device.features |= 1u << VIRTIO_BLK_F_RO;
	else
		blk->device.features |= 1u << VIRTIO_BLK_F_DISCARD | 1u << VIRTIO_BLK_F_WRITE_ZEROES;
}

/* The guest's /dev/disk/by-id/virtio-... : the file's name, cut at 20 bytes. */
static void set_id(struct blk *blk, const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	memcpy(blk->id, name, strnlen(name, sizeof(blk->id)));
}

int blk_add(struct vm *vm, const struct disk_config *config, struct error *err)
{
	uint64_t sectors;
	int fd = blk_image_open(config->path, config->readonly, &sectors, err);
	struct blk *blk;

	if (fd < 0)
		return fd;
	blk = xcalloc(1, sizeof(*blk));
	blk->device.ops = &blk_ops;
	blk->fd = fd;
	blk->sectors = sectors;
	blk->readonly = config->readonly;
	blk->requests = xcalloc(QUEUE_SIZE, sizeof(*blk->requests));
	set_id(blk, config->path);
	describe(blk);
	blk->io = blk_io_new(vm->loop, fd, QUEUE_SIZE, &vm->config->io_cpus, &io_ops, blk, err);
	if (!blk->io) {
		blk_free(&blk->device);
		return -EIO;
	}
	return virtio_pci_add(vm, &blk->device, err);
}
