/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole of a move: find, see whether it fits, move, find what is left. See internal.h. */
#include "tuner/move/move.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "tuner/interrupt.h"
#include "tuner/move/internal.h"
#include "tuner/placement/capacity.h"

#define RATE_MAX 1000000 /* MiB a second */

/*
 * Whether what must come fits, before anything moves. Huge pages move only into free pages of the
 * target's pool: otherwise the kernel takes new ones and the sizes of both pools change behind
 * everybody's back. Page cache may go; nothing is swapped for it.
 */
static int check_room(const struct job *job, const struct machine *machine, const uint64_t *must_come,
	struct error *err)
{
	uint64_t page_size = job->guest->ram_count ? job->guest->ram[0].page_size : 0;
	char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];

	for (unsigned int i = 0; i < job->node_count; i++) {
		const struct machine_node *node = machine_node_of(machine, job->node[i]);
		const struct machine_pool *pool;
		uint64_t room;

		if (!node || !node->memory)
			return error_set(err, EINVAL, "node %d %s", job->node[i], node ? "has no memory" :
				"does not exist");
		pool = page_size > 4 * KIB ? machine_pool_of(node, page_size) : NULL;
		room = pool ? pool->free * page_size : node_available(node);
		if (must_come[i] > room)
			return error_set(err, ENOMEM, "node %d has %s%s free, %s must come", job->node[i],
				size_format(have, room), pool ? " of huge pages" : "",
				size_format(need, must_come[i]));
	}
	return 0;
}

static int prepare(struct job *job, const struct move_options *options, struct error *err)
{
	if (!idset_count(job->nodes) || idset_count(job->nodes) > MOVE_NODES_MAX)
		return error_set(err, EINVAL, "pages can be moved to 1 to %d nodes", MOVE_NODES_MAX);
	idset_for_each(node, job->nodes)
		job->node[job->node_count++] = node;
	job->rate = options->rate;
	job->most = options->most;
	move_cut(job);
	if (!job->chunk_count)
		return error_set(err, ESRCH, "guest %s has no memory that could be seen", job->guest->name);
	move_choose_threads(job, options->threads);
	return 0;
}

static int failed(const struct job *job, int status, struct error *err)
{
	/* not of a page but of the whole call: a node is not among those of the guest's cpuset */
	if (status == -EACCES)
		return error_set(err, EACCES, "moving pages of %s (PID %d): its control group does not allow "
			"these nodes; widen its cpuset.mems first", job->guest->name, (int)job->guest->pid);
	return status < 0 ? error_errno(err, -status, "moving pages of %s (PID %d)", job->guest->name,
		(int)job->guest->pid) : 0;
}

/* Moves what was found, and finds what is left. */
static int move_once(struct job *job, uint64_t *left, struct error *err)
{
	uint64_t need[MOVE_NODES_MAX];
	int status;

	memset(job->result.failed, 0, sizeof(job->result.failed));
	status = failed(job, move_pass(job, move_chunk, *left), err);
	/* also after an error: part of it has moved */
	if (move_pass(job, move_find, 0) < 0 && status == 0)
		status = failed(job, job->status, err);
	*left = move_need(job, need, &job->result.left_pages);
	return status;
}

/*
 * Whether to try once more: what was in use may have been so by another of these threads, or for a moment; what has
 * come since the first look, or was hidden, was not tried at all. A limit leaves pages on purpose.
 */
static bool has_hope(const struct job *job)
{
	const uint64_t *count = job->result.failed;

	return !job->most && !interrupted()
		&& job->result.left_pages > count[MOVE_SHARED] + count[MOVE_NO_MEMORY] + count[MOVE_OTHER];
}

static int run(struct job *job, const struct machine *machine, const struct move_options *options,
	struct error *err)
{
	int status = prepare(job, options, err);
	uint64_t need[MOVE_NODES_MAX], left = 0;

	if (status == 0)
		status = failed(job, move_pass(job, move_find, 0), err);
	if (status < 0)
		return status;
	left = move_need(job, need, &job->result.left_pages);
	status = check_room(job, machine, need, err);
	if (status < 0)
		return status;
	status = left && !interrupted() ? move_once(job, &left, err) : 0;
	if (status == 0 && left && has_hope(job)) {
		job->threads = 1; /* alone */
		status = move_once(job, &left, err);
	}
	job->result.interrupted = interrupted();
	job->result.left_bytes = left;
	return status;
}

int move_guest(const struct guest *guest, const struct machine *machine, const struct idset *nodes,
	const struct move_options *options, struct move_result *result, struct error *err)
{
	struct job job = { .guest = guest, .nodes = nodes, .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	int status = run(&job, machine, options, err);

	*result = job.result;
	move_free_chunks(&job);
	return status;
}

int move_parse_rate(const char *text, uint64_t *rate, struct error *err)
{
	char *end;
	unsigned long long mib = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !mib || mib > RATE_MAX)
		return error_set(err, EINVAL, "'%s' is no rate; write MiB a second, 1 to %d", text, RATE_MAX);
	*rate = mib * MIB;
	return 0;
}

const char *move_text(const struct move_result *result, char buf[MOVE_TEXT])
{
	static const char *const words[MOVE_REASONS] = { "shared with another process", "in use",
		"without memory on the node", "refused" };
	uint64_t moved = result->bytes, left = result->left_bytes;
	char size[SIZE_TEXT_MAX], rest[SIZE_TEXT_MAX];
	const char *between = " (";
	int used;

	/* whole M where there are some: it is read by people, and pages are exact */
	used = snprintf(buf, MOVE_TEXT, "moved %s in %" PRIu64 " pages",
		size_format(size, moved >= MIB ? moved & ~(MIB - 1) : moved), result->pages);
	if (left)
		used += snprintf(buf + used, MOVE_TEXT - (size_t)used, ", %s in %" PRIu64 " pages left where they were",
			size_format(rest, left >= MIB ? left & ~(MIB - 1) : left), result->left_pages);
	for (int i = 0; left && i < MOVE_REASONS && used < MOVE_TEXT; i++) {
		if (!result->failed[i])
			continue;
		used += snprintf(buf + used, MOVE_TEXT - (size_t)used, "%s%" PRIu64 " %s", between,
			result->failed[i], words[i]);
		between = ", ";
	}
	if (*between == ',' && used < MOVE_TEXT)
		snprintf(buf + used, MOVE_TEXT - (size_t)used, ")");
	return buf;
}
