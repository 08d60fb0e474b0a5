/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio balloon driver (virtio 1.2, 5.5), polled. It takes pages from the end of the pool (pool.h):
 * free ones first, then, if the job can shrink, the end of the job's part down to floor=.
 */
#ifndef VMTUNE_GUEST_BALLOON_H
#define VMTUNE_GUEST_BALLOON_H

#include "guest/guest.h"
#include "guest/json.h"

/* Looks for the device and starts it. NULL when there is none; *@wrong says when one did not start. */
struct balloon *balloon_start(struct guest *guest, const char **wrong);
/*
 * Moves towards the host's target, answers requests for statistics; on the boot CPU, between slices.
 * True: there is more to do soon.
 */
bool balloon_poll(struct balloon *balloon);

/* Before a job takes free pages, on the boot CPU: returns when the host is at work on none of them. */
void balloon_settle(struct balloon *balloon);
/* Free pages of [first, end) that should hold poison= and do not. */
uint64_t balloon_bad_poison(const struct balloon *balloon, uint64_t first, uint64_t end);
/* Adds the counters to a status line. */
void balloon_status(const struct balloon *balloon, struct json *line);

#endif
