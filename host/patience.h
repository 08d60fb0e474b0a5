/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls into a library that may not return: libvirt's wait for their daemon for ever, and one that is stopped or
 * hangs would stop vmtune in the middle of an apply, deaf to Ctrl-C. The call is made in a thread of its own and
 * given up after a time.
 */
#ifndef VMTUNE_HOST_PATIENCE_H
#define VMTUNE_HOST_PATIENCE_H

#include <pthread.h>
#include <stdbool.h>

/* One for each library; its calls never overlap: those of several threads wait for each other. */
struct patience {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool busy;    /* a call is being waited for */
	bool hanging; /* a call that was given up has not returned yet */
};

#define PATIENCE_INITIALIZER { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER }

/*
 * Runs @what(@opaque) and waits for it, at most @seconds. Returns what it returned (0 or -errno, -ETIME for its own
 * -ETIMEDOUT), or -EBUSY when an earlier call hangs still and this one was not made; @opaque stays the caller's.
 * -ETIMEDOUT: it was given up; @opaque belongs to the thread, which calls @release for it when @what does return.
 */
int patience_run(struct patience *patience, unsigned int seconds, int (*what)(void *opaque), void *opaque,
	void (*release)(void *opaque));

#endif
