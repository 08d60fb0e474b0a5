/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk's I/O engine: io_uring with its completions on the event loop, or, where the kernel refuses
 * io_uring (kernel.io_uring_disabled, a container's seccomp filter), plain system calls on the I/O
 * thread, which is said once. Everything here is called on the I/O thread.
 */
#ifndef VMTUNE_VMM_VIRTIO_BLK_IO_H
#define VMTUNE_VMM_VIRTIO_BLK_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/error.h"
#include "lib/idset.h"
#include "vmm/loop.h"

enum blk_io_op { BLK_IO_READ, BLK_IO_WRITE, BLK_IO_FLUSH, BLK_IO_PUNCH };

/* The caller's until blk_io_start(), the engine's until done(). */
struct blk_io_request {
	enum blk_io_op op;
	bool durable;      /* a write that is on stable storage when it is done */
	struct iovec *iov; /* read, write; the engine moves it on after a short transfer */
	unsigned int count;
	uint64_t offset, length; /* bytes */
};

struct blk_io_ops {
	/* @result: 0 when all of it was done, or -errno. */
	void (*done)(void *opaque, struct blk_io_request *request, int result);
	/* After a batch of done() calls. */
	void (*batch_done)(void *opaque);
};

struct blk_io;

/*
 * @fd (not owned) is what is read and written, at most @depth requests at a time. Kernel workers run
 * on @cpus unless that is empty.
 */
struct blk_io *blk_io_new(struct loop *loop, int fd, unsigned int depth, const struct idset *cpus,
	const struct blk_io_ops *ops, void *opaque, struct error *err);
/* Without requests in flight: blk_io_drain() first. NULL is fine. */
void blk_io_free(struct blk_io *io);

/* Queues a request; without io_uring done() is called before this returns. */
void blk_io_start(struct blk_io *io, struct blk_io_request *request);
/* Hands what is queued to the kernel, then batch_done() for what is done already. */
void blk_io_submit(struct blk_io *io);
/* Waits until every request is done. */
void blk_io_drain(struct blk_io *io);

#endif
