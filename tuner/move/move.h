/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving a running guest's pages to other nodes with move_pages(2): by several threads, a batch at a
 * time, huge pages whole. Stopped between two batches at most: every page is then on the node it was
 * on or on one of the wanted ones, and the result says how many of each.
 */
#ifndef VMTUNE_TUNER_MOVE_MOVE_H
#define VMTUNE_TUNER_MOVE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/guest.h"
#include "host/machine.h"
#include "lib/error.h"
#include "lib/idset.h"

/* Why a page stays; the texts are in move_text(). */
enum move_reason { MOVE_SHARED, MOVE_BUSY, MOVE_NO_MEMORY, MOVE_OTHER, MOVE_REASONS };

#define MOVE_THREADS_MAX 64

/* Pages are of the size the guest's memory is mapped in; a transparent huge page counts as its parts. */
struct move_result {
	uint64_t pages, bytes;           /* moved */
	uint64_t left_pages, left_bytes; /* on other nodes still when it ended */
	uint64_t failed[MOVE_REASONS];   /* pages that were tried in vain, by reason */
	uint64_t busy_us;                /* of all threads, without waiting for their turn */
	bool interrupted;
};

struct move_options {
	unsigned int threads; /* 0: as many as make it faster, see crew.c */
	uint64_t rate;        /* bytes a second that may move, 0: as fast as it goes */
	uint64_t most;        /* bytes that may move in all, 0: as many as there are; the rest is left */
	struct move_result *result; /* of a move action: gets what it did, unless NULL */
};

/*
 * Moves what lies elsewhere to @nodes, in equal parts by address. 0 also when some pages could not be
 * moved (see @result); negative with @err when the whole failed: they do not fit, the guest has ended. What
 * moved before that is in @result.
 */
int move_guest(const struct guest *guest, const struct machine *machine, const struct idset *nodes,
	const struct move_options *options, struct move_result *result, struct error *err);

/* "400": MiB a second, for --max-rate. 0, or negative with @err. */
int move_parse_rate(const char *text, uint64_t *rate, struct error *err);

#define MOVE_TEXT 256

/* "moved 512M in 131072 pages, 8K in 2 pages left where they were (2 in use)". Returns @buf. */
const char *move_text(const struct move_result *result, char buf[MOVE_TEXT]);

#endif
