/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control groups at the top of the unified tree (cgroup v2), where a host's work is sorted: slices and the
 * first process's scope under systemd, whatever an administrator has made elsewhere; and which CPUs each may use.
 */
#ifndef VMTUNE_HOST_GROUP_H
#define VMTUNE_HOST_GROUP_H

#include <stdbool.h>

#include <jansson.h>

#include "host/root.h"
#include "lib/idset.h"

struct host_group {
	char *name;           /* "system.slice" */
	struct idset cpus;    /* its cpuset.cpus; empty: it has no limit of its own */
	struct idset foreign; /* the same without what vmtune has written there: tuner/own_limits.h */
};

struct host_group_list {
	struct host_group *groups; /* by name */
	unsigned int count;
	bool offered;  /* the tree has the cpuset controller */
	bool enabled;  /* and hands it to these groups */
};

/* Reads those below @mount (host path). Never fails: what cannot be read is not there. */
void host_groups_read(const struct root *root, const char *mount, struct host_group_list *list);
void host_groups_release(struct host_group_list *list);
/*
 * The list in a cpuset.cpus (host path); empty for none, and for one of all CPUs that this machine can have, which
 * is the same. 0 or -errno.
 */
int host_group_read_cpus(const struct root *root, const char *file, struct idset *cpus);
int host_possible_cpus(const struct root *root, struct idset *cpus);
/* NULL when there is none of that name. */
struct host_group *host_group_of(const struct host_group_list *list, const char *name);

json_t *host_groups_to_json(const struct host_group_list *list);
/* What makes no sense is left out. */
void host_groups_from_json(const json_t *json, struct host_group_list *list);

#endif
