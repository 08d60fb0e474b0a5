/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the action kinds need of cgroup.c: making and removing groups is theirs alone. */
#ifndef VMTUNE_TUNER_CGROUP_GROUP_H
#define VMTUNE_TUNER_CGROUP_GROUP_H

#include "lib/error.h"

int cgroup_make(const char *name, struct error *err);
/* Removes an empty group. -EBUSY when processes or groups are in it. */
int cgroup_remove(const char *name, struct error *err);
/* How many processes are in it, without the kernel's own; 0 when there is no such group. */
unsigned int cgroup_population(const char *name);

#endif
