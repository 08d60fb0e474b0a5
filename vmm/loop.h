/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop of the I/O thread: epoll on file descriptors, timers by timerfd. Every device
 * callback runs here, one at a time, so device state that only the loop touches needs no lock; what a
 * vCPU thread touches as well (registers, config space) does.
 */
#ifndef VMTUNE_VMM_LOOP_H
#define VMTUNE_VMM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct loop;
struct loop_source;

/* @events as in epoll_ctl(2): EPOLLIN, EPOLLOUT, EPOLLHUP... */
typedef void loop_fn(void *opaque, uint32_t events);

struct loop *loop_new(struct error *err);
void loop_free(struct loop *loop);

/*
 * Watches @fd (not owned). A source may be removed from any thread and from its own callback; once
 * loop_remove() returns on the loop's thread its callback is not called again. NULL with @err set
 * when epoll refuses.
 */
struct loop_source *loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *opaque,
	struct error *err);
void loop_modify(struct loop_source *source, uint32_t events);
void loop_remove(struct loop_source *source);

/* A timer; stopped at first. loop_timer_set: first after @delay_ms (0 stops), then each @period_ms. */
struct loop_source *loop_add_timer(struct loop *loop, loop_fn *fn, void *opaque, struct error *err);
void loop_timer_set(struct loop_source *timer, uint64_t delay_ms, uint64_t period_ms);

/* Runs until loop_stop(), which any thread and any callback may call. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Calls @fn on the loop's thread soon (its events argument is 0). From any thread. */
void loop_post(struct loop *loop, loop_fn *fn, void *opaque);

/* Whether the caller runs on the loop's thread (before loop_run(): the thread that made it). */
bool loop_is_current(const struct loop *loop);

#endif
