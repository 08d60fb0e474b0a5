// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/actions/grow_pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/guest.h"
#include "host/machine.h"
#include "host/meminfo.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/interrupt.h"

#define NODE_FILE "/sys/devices/system/node/node%u/hugepages/hugepages-%" SCNu64 "kB/"
#define SECONDS   60
#define VAIN      3    /* rounds without a page more */
#define SAMPLES   1024 /* pages asked for of a guest */
#define GUESTS    3    /* that are named */

static bool node_of(const char *file, unsigned int *node, uint64_t *page_size)
{
	uint64_t kib;

	if (sscanf(file, NODE_FILE, node, &kib) != 2)
		return false;
	*page_size = kib * KIB;
	return true;
}

/* ---- growing -------------------------------------------------------------------------------- */

/* A command, not a setting: there is nothing in it to be taken back. Pages of 1G the kernel brings together by itself. */
static void compact(const struct root *root, const char *file)
{
	uint64_t page_size;
	unsigned int node;
	char *path;

	if (!node_of(file, &node, &page_size) || page_size >= GIB)
		return;
	path = xasprintf("/sys/devices/system/node/node%u/compact", node);
	root_write(root, path, "1", 1); /* a kernel without: then it is tried as it is */
	free(path);
}

static int ask(const struct root *root, const char *file, uint64_t wanted, uint64_t *got, struct error *err)
{
	char text[32];
	/* a captured file keeps the kernel's newline */
	int length = snprintf(text, sizeof(text), "%" PRIu64 "%s", wanted, root_is_live(root) ? "" : "\n");
	int status = root_write(root, file, text, (size_t)length);

	if (status < 0)
		return error_errno(err, -status, "writing %" PRIu64 " to %s", wanted, file);
	status = root_read_u64(root, got, "%s", file);
	return status < 0 ? error_errno(err, -status, "reading %s back", file) : 0;
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

int grow_pool(const struct root *root, const char *file, uint64_t wanted, uint64_t *got, struct error *err)
{
	time_t end = now_s() + SECONDS;
	uint64_t before = 0;
	int status = ask(root, file, wanted, got, err);

	for (int vain = 0; status == 0 && *got < wanted && vain < VAIN && now_s() < end; vain++) {
		if (interrupted())
			return error_set(err, EINTR, "interrupted with %" PRIu64 " of %" PRIu64 " pages in %s", *got, wanted,
				file);
		if (*got > before)
			vain = -1;
		before = *got;
		compact(root, file);
		status = ask(root, file, wanted, got, err);
	}
	return status;
}

/* ---- and when it does not ------------------------------------------------------------------- */

static char *append(char *text, char *more)
{
	char *longer = xasprintf("%s%s", text, more);

	free(text);
	free(more);
	return longer;
}

static uint64_t known(uint64_t value)
{
	return value == MEMINFO_UNKNOWN ? 0 : value;
}

/* Of the node's memory; what no line of meminfo counts is mostly the kernel's. */
static char *uses_text(const struct root *root, unsigned int node)
{
	char free_text[SIZE_TEXT_MAX], cache[SIZE_TEXT_MAX], anon[SIZE_TEXT_MAX];
	struct meminfo info;

	if (meminfo_read_node(root, node, &info) < 0)
		return xstrdup("");
	return xasprintf("; node %u has %s free in pieces, %s of page cache, %s of programs' and guests' own memory", node,
		size_format(free_text, known(info.free) & ~(MIB - 1)),
		size_format(cache, (known(info.active_file) + known(info.inactive_file)) & ~(MIB - 1)),
		size_format(anon, known(info.anon) & ~(MIB - 1)));
}

struct share {
	const char *name;
	uint64_t bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct share *left = a, *right = b;

	return left->bytes > right->bytes ? -1 : left->bytes < right->bytes;
}

/* The guests with most memory there: "; guests there: db 2G, web 512M". */
static char *guests_text(const struct root *root, const struct machine *machine, unsigned int node)
{
	struct guest_list list = { 0 };
	struct share *shares;
	char *text = xstrdup("");

	guests_read(root, &list);
	shares = xcalloc(list.count + 1, sizeof(*shares));
	for (unsigned int i = 0; i < list.count; i++) {
		const struct guest *guest = &list.guests[i];

		guest_locate(&list.guests[i], machine, SAMPLES);
		for (unsigned int j = 0; j < guest->node_count; j++)
			if (machine->nodes[j].os == node)
				shares[i] = (struct share){ guest->name, guest->node_bytes[j] };
	}
	qsort(shares, list.count, sizeof(*shares), by_bytes);
	for (unsigned int i = 0; i < list.count && i < GUESTS && shares[i].bytes >= MIB; i++) {
		char size[SIZE_TEXT_MAX];

		text = append(text, xasprintf("%s%s %s", i ? ", " : "; guests there: ", shares[i].name,
			size_format(size, shares[i].bytes & ~(MIB - 1))));
	}
	free(shares);
	guests_release(&list);
	return text;
}

char *grow_pool_missing(const struct action_context *context, const char *file, uint64_t wanted, uint64_t missing)
{
	char *text = xasprintf("%" PRIu64 " are missing", missing);
	struct machine *own = NULL;
	uint64_t page_size;
	unsigned int node;

	if (!node_of(file, &node, &page_size) || !root_is_live(&context->root))
		return text;
	text = append(text, uses_text(&context->root, node));
	if (!context->machine)
		own = machine_read(&context->root, NULL);
	if (context->machine || own)
		text = append(text, guests_text(&context->root, context->machine ? context->machine : own, node));
	machine_free(own);
	if (page_size >= GIB)
		text = append(text, xasprintf("; boot with hugepagesz=1G hugepages=%u:%" PRIu64 " to have them", node, wanted));
	return text;
}
