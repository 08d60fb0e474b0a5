/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Daemons that tune a host as well, and which of our settings they think theirs. One that runs is named
 * as a conflict; what it writes again and again is left to it, for two writers only fight.
 */
#ifndef VMTUNE_HOST_SERVICE_H
#define VMTUNE_HOST_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "host/root.h"

struct service {
	const char *name;    /* of its process */
	const char *manages; /* keys of the host section, blank-separated, maybe patterns; "vm": guests */
	bool rewrites;       /* at intervals, not only when it starts */
	const char *todo;    /* how one of the two steps back */
};

extern const struct service services[];
extern const size_t service_count;

struct service_list {
	struct service_found {
		const struct service *service;
		pid_t pid;
	} *found;
	unsigned int count;
};

/* Root's processes by these names; what other users run does not matter. */
void services_read(const struct root *root, struct service_list *list);
void services_release(struct service_list *list);
json_t *services_to_json(const struct service_list *list);
void services_from_json(const json_t *json, struct service_list *list);

bool service_manages(const struct service *service, const char *key);
/* The daemon that runs and writes @key again and again, or NULL. */
const struct service_found *services_holder(const struct service_list *list, const char *key);

#endif
