// SPDX-License-Identifier: GPL-2.0-or-later
/* io_uring for a disk image, and the system calls that stand in for it. */
#include "vmm/virtio/blk_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <liburing.h>

#include "lib/xalloc.h"

#define PUNCH_MODE (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

struct blk_io {
	struct loop *loop;
	int fd;
	const struct blk_io_ops *ops;
	void *opaque;
	bool async;
	struct io_uring ring;
	int event_fd;
	struct loop_source *source;
	unsigned int in_flight;
	bool retry_posted;
};

/* ---- progress of one request --------------------------------------------------------------------- */

/* Moves a transfer on by @bytes. */
static void advance(struct blk_io_request *request, uint64_t bytes)
{
	request->offset += bytes;
	request->length -= bytes;
	while (request->count && bytes >= request->iov->iov_len) {
		bytes -= request->iov->iov_len;
		request->iov++;
		request->count--;
	}
	if (request->count) {
		request->iov->iov_base = (char *)request->iov->iov_base + bytes;
		request->iov->iov_len -= bytes;
	}
}

/* Takes what the kernel said about a request; true when it is over, with *@result. */
static bool is_over(struct blk_io_request *request, int *result)
{
	bool transfer = request->op == BLK_IO_READ || request->op == BLK_IO_WRITE;

	if (*result == -EINTR || *result == -EAGAIN)
		return false;
	if (*result < 0 || !transfer)
		return true;
	if (*result == 0 && request->length) { /* the image was cut short behind our back */
		*result = -EIO;
		return true;
	}
	advance(request, (uint64_t)*result);
	*result = 0;
	return !request->length;
}

/* ---- io_uring ------------------------------------------------------------------------------------ */

static void prepare(struct blk_io *io, struct blk_io_request *request, struct io_uring_sqe *sqe)
{
	switch (request->op) {
	case BLK_IO_READ:
		io_uring_prep_readv(sqe, io->fd, request->iov, request->count, request->offset);
		break;
	case BLK_IO_WRITE:
		io_uring_prep_writev2(sqe, io->fd, request->iov, request->count, request->offset,
			request->durable ? RWF_DSYNC : 0);
		break;
	case BLK_IO_FLUSH:
		io_uring_prep_fsync(sqe, io->fd, IORING_FSYNC_DATASYNC);
		break;
	case BLK_IO_PUNCH:
		io_uring_prep_fallocate(sqe, io->fd, PUNCH_MODE, (off_t)request->offset,
			(off_t)request->length);
		break;
	}
	io_uring_sqe_set_data(sqe, request);
}

static void retry(void *opaque, uint32_t events);

/* The kernel may be short of memory for requests: they stay in the ring and are offered again. */
static void flush_ring(struct blk_io *io)
{
	int ret = 0;

	while (io_uring_sq_ready(&io->ring) && (ret >= 0 || ret == -EINTR))
		ret = io_uring_submit(&io->ring);
	if (ret < 0 && !io->retry_posted) {
		io->retry_posted = true;
		loop_post(io->loop, retry, io);
	}
}

static void retry(void *opaque, uint32_t events)
{
	struct blk_io *io = opaque;

	(void)events;
	io->retry_posted = false;
	flush_ring(io);
}

/* The ring has an entry for each request that can be in flight, so there is always a free one. */
static void enqueue(struct blk_io *io, struct blk_io_request *request)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);

	prepare(io, request, sqe);
}

/* Returns whether any request came to its end. */
static bool reap(struct blk_io *io)
{
	struct io_uring_cqe *cqe;
	bool any = false;

	while (io_uring_peek_cqe(&io->ring, &cqe) == 0) {
		struct blk_io_request *request = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&io->ring, cqe);
		if (!is_over(request, &result)) {
			enqueue(io, request);
			continue;
		}
		io->in_flight--;
		io->ops->done(io->opaque, request, result);
		any = true;
	}
	flush_ring(io);
	return any;
}

static void on_completion(void *opaque, uint32_t events)
{
	struct blk_io *io = opaque;
	uint64_t count;

	(void)events;
	/* Late news of what a drain has reaped must not touch a queue that is being set up anew. */
	if (read(io->event_fd, &count, sizeof(count)) > 0 && reap(io))
		io->ops->batch_done(io->opaque);
}

/* Workers inherit no affinity from the I/O thread; tell the ring where they belong. */
static void pin_workers(struct blk_io *io, const struct idset *cpus)
{
	if (!idset_empty(cpus))
		io_uring_register_iowq_aff(&io->ring, sizeof(cpus->words), (const cpu_set_t *)cpus->words);
}

/* Returns 0, 1 when the kernel refuses io_uring, or negative with @err. */
static int start_ring(struct blk_io *io, unsigned int depth, const struct idset *cpus,
	struct error *err)
{
	int ret = io_uring_queue_init(depth, &io->ring, 0);

	if (ret < 0) {
		warn("io_uring is refused (%s; see kernel.io_uring_disabled or the seccomp filter): disk I/O "
		     "is done with slower system calls",
			strerror(-ret));
		return 1;
	}
	io->async = true;
	pin_workers(io, cpus);
	io->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (io->event_fd < 0)
		return error_errno(err, errno, "cannot create an eventfd");
	ret = io_uring_register_eventfd(&io->ring, io->event_fd);
	if (ret < 0)
		return error_errno(err, -ret, "cannot connect io_uring to an eventfd");
	io->source = loop_add(io->loop, io->event_fd, EPOLLIN, on_completion, io, err);
	return io->source ? 0 : -ENOMEM;
}

/* ---- plain system calls -------------------------------------------------------------------------- */

static int call(struct blk_io *io, const struct blk_io_request *request)
{
	off_t offset = (off_t)request->offset;
	int count = (int)request->count;
	ssize_t ret = -1;

	switch (request->op) {
	case BLK_IO_READ:
		ret = preadv2(io->fd, request->iov, count, offset, 0);
		break;
	case BLK_IO_WRITE:
		ret = pwritev2(io->fd, request->iov, count, offset, request->durable ? RWF_DSYNC : 0);
		break;
	case BLK_IO_FLUSH:
		ret = fdatasync(io->fd);
		break;
	case BLK_IO_PUNCH:
		ret = fallocate(io->fd, PUNCH_MODE, offset, (off_t)request->length);
		break;
	}
	return ret < 0 ? -errno : (int)ret;
}

static void run_now(struct blk_io *io, struct blk_io_request *request)
{
	int result;

	do {
		result = call(io, request);
	} while (!is_over(request, &result));
	io->ops->done(io->opaque, request, result);
}

/* ---- the engine ---------------------------------------------------------------------------------- */

struct blk_io *blk_io_new(struct loop *loop, int fd, unsigned int depth, const struct idset *cpus,
	const struct blk_io_ops *ops, void *opaque, struct error *err)
{
	struct blk_io *io = xcalloc(1, sizeof(*io));

	*io = (struct blk_io){.loop = loop, .fd = fd, .ops = ops, .opaque = opaque, .event_fd = -1};
	if (start_ring(io, depth, cpus, err) < 0) {
		blk_io_free(io);
		return NULL;
	}
	return io;
}

void blk_io_free(struct blk_io *io)
{
	if (!io)
		return;
	loop_remove(io->source);
	if (io->async)
		io_uring_queue_exit(&io->ring);
	if (io->event_fd >= 0)
		close(io->event_fd);
	free(io);
}

void blk_io_start(struct blk_io *io, struct blk_io_request *request)
{
	if (!io->async) {
		run_now(io, request);
		return;
	}
	io->in_flight++;
	enqueue(io, request);
}

void blk_io_submit(struct blk_io *io)
{
	/* Reads from the page cache complete inside of the submission: no trip through the loop. */
	if (io->async) {
		flush_ring(io);
		reap(io);
	}
	io->ops->batch_done(io->opaque);
}

void blk_io_drain(struct blk_io *io)
{
	/* Not a plain wait: what the kernel would not take yet would never complete. */
	while (io->in_flight) {
		io_uring_submit_and_wait(&io->ring, 1);
		reap(io);
	}
}
