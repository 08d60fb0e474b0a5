// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A property of a domain, changed through libvirt: what libvirt shows, and would set again by itself when
 * a vCPU or a disk is plugged in, is then what was planned. The target is the very process that libvirt
 * started; the same domain started again has what its definition says.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/libvirt.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"

struct property {
	int pid;
	uint64_t start;
	const char *word;
	char *uri; /* owned; uuid points into it */
	const char *uuid;
};

/* Takes target and detail apart. False when they are none, or the process has ended. */
static bool find(const struct action_context *context, const struct action *action, struct property *property)
{
	const char *word = strchr(action->target, ' ');
	char *blank;

	if (!word || !action->detail || !root_is_live(&context->root) ||
	    sscanf(action->target, "%d:%" SCNu64, &property->pid, &property->start) != 2 ||
	    thread_start(&context->root, property->pid, property->pid) != property->start)
		return false;
	property->word = word + 1;
	property->uri = xstrdup(action->detail);
	blank = strchr(property->uri, ' ');
	if (blank) {
		*blank = '\0';
		property->uuid = blank + 1;
		return true;
	}
	free(property->uri);
	return false;
}

static char *read_value(const struct action_context *context, const struct action *action)
{
	struct property property;
	char *value;

	if (!find(context, action, &property)) {
		errno = ESRCH;
		return NULL;
	}
	value = libvirt_read(property.uri, property.uuid, property.word, NULL);
	free(property.uri); /* which leaves errno alone, free(3) */
	return value;
}

/* A narrower numa_nodeset is a narrower cpuset.mems: the kernel moves what lies outside. */
static int move_off(const struct action_context *context, const struct action *action,
	const struct property *property, const char *value, struct error *err)
{
	struct idset nodes;
	char *guest;
	int status;

	if (strcmp(property->word, "numa_nodeset") != 0 || idset_parse(value, &nodes, NULL) < 0)
		return 0;
	guest = xasprintf("%d:%" PRIu64 " %s", property->pid, property->start, action->vm ? action->vm : "");
	status = action_move_off(context, guest, &nodes, err);
	free(guest);
	return status;
}

static int set(const struct action_context *context, const struct action *action, const char *value,
	struct error *err)
{
	struct property property;
	int status;

	if (!find(context, action, &property))
		return error_set(err, ESRCH, "the process of domain %s has ended", action->detail);
	status = move_off(context, action, &property, value, err);
	if (status == 0)
		status = libvirt_write(property.uri, property.uuid, property.word, value, err);
	free(property.uri);
	return status;
}

/* CPUs and nodes are lists; numbers are, too, unless they are larger than a list's. */
static bool same(const struct action *action, const char *a, const char *b)
{
	return action_text_same(a, b) || action_same_set(action, a, b);
}

const struct action_verbs action_libvirt = {
	.name = "libvirt",
	.verb = "set libvirt's",
	.read = read_value,
	.set = set,
	.same = same,
};
