// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hugepage pool of one node. The kernel gives what it can and reports no error, so the count is read
 * back, and asked for again after compacting (grow_pool.c); it takes back only what nobody uses (the rest would become surplus), so undoing waits until the
 * guests that hold the pages have ended.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/actions/grow_pool.h"
#include "tuner/actions/kinds.h"

#define POOL_FILE "/nr_hugepages"

/* Another file of the pool; false when target is no pool or the file is not there. */
static bool pool_read(const struct action_context *context, const struct action *action,
	const char *file, uint64_t *value)
{
	size_t length = strlen(action->target), tail = strlen(POOL_FILE);

	return length > tail && !strcmp(action->target + length - tail, POOL_FILE) &&
		!root_read_u64(&context->root, value, "%.*s/%s", (int)(length - tail),
			action->target, file);
}

static bool number(const char *text, uint64_t *value)
{
	char *end;

	*value = strtoull(text, &end, 10);
	return end != text;
}

static bool same(const struct action *action, const char *a, const char *b)
{
	uint64_t left, right;

	(void)action;
	return number(a, &left) && number(b, &right) && left == right;
}

static int write_count(const struct action_context *context, const struct action *action,
	const char *count, struct error *err)
{
	/* A captured file keeps the kernel's newline. */
	char *text = xasprintf("%.*s%s", (int)strcspn(count, "\n"), count,
		root_is_live(&context->root) ? "" : "\n");
	int status = action_write_file(context, action, text, err);

	free(text);
	return status;
}

static int apply(const struct action_context *context, const struct action *action, struct error *err)
{
	uint64_t wanted, now;
	char *why;
	int status;

	if (!number(action->after, &wanted))
		return error_set(err, EINVAL, "'%s' is no number of pages", action->after);
	status = grow_pool(&context->root, action->target, wanted, &now, err);
	if (status < 0 || now == wanted)
		return status;
	if (now > wanted)
		return error_set(err, EBUSY, "%s: %" PRIu64 " pages are left, %" PRIu64
			" were asked for: the others are in use", action->target, now, wanted);
	why = grow_pool_missing(context, action->target, wanted, wanted - now);
	status = error_set(err, ENOMEM, "%s: the kernel found room for %" PRIu64 " pages of the %" PRIu64
		" asked for, %s", action->target, now, wanted, why);
	free(why);
	return status;
}

/*
 * Pages promised to mappings that have not touched them yet are not in use on any node, but the kernel
 * does not let go of them either; the promise is counted for the whole machine.
 */
static uint64_t promised(const struct action_context *context, const struct action *action)
{
	const char *size = strstr(action->target, "/hugepages-");
	uint64_t value;

	if (!size || root_read_u64(&context->root, &value, "/sys/kernel/mm/hugepages%.*s/resv_hugepages",
			(int)strcspn(size + 1, "/") + 1, size))
		return 0;
	return value;
}

static char *busy(const struct action_context *context, const struct action *action)
{
	uint64_t now, before, free_pages, held;

	if (!root_is_live(&context->root) || !number(action->before, &before) ||
	    !pool_read(context, action, "nr_hugepages", &now) ||
	    !pool_read(context, action, "free_hugepages", &free_pages) || now <= before)
		return NULL;
	held = now - (free_pages < now ? free_pages : now) + promised(context, action);
	if (held <= before)
		return NULL;
	return xasprintf("%" PRIu64 " of %" PRIu64 " pages are in use", held < now ? held : now, now);
}

static int undo(const struct action_context *context, const struct action *action, struct error *err)
{
	int status = write_count(context, action, action->before, err);
	char *now;

	if (status < 0)
		return status;
	now = action_read_file(context, action);
	if (!now || strcmp(now, action->before))
		status = error_set(err, EBUSY, "%s has %.*s pages after %.*s were written back",
			action->target, now ? (int)strcspn(now, "\n") : 2, now ? now : "no",
			(int)strcspn(action->before, "\n"), action->before);
	free(now);
	return status;
}

const struct action_verbs action_hugepages = {
	.name = "hugepages",
	.verb = "resize pool",
	.read = action_read_file,
	.apply = apply,
	.undo = undo,
	.same = same,
	.busy = busy,
};
