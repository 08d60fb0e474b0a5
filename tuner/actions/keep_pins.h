/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before Linux 6.2 the kernel forgets which CPUs threads were pinned to whenever the cpuset controller comes or goes
 * above them, or their cpuset changes: each may then use all CPUs of its group. What changes a cpuset therefore
 * remembers the pins around that, guests' vCPUs among them, and puts them back as far as the group still allows.
 * (Since then the kernel keeps them, and nothing is found to be put back.)
 */
#ifndef VMTUNE_TUNER_ACTIONS_KEEP_PINS_H
#define VMTUNE_TUNER_ACTIONS_KEEP_PINS_H

#include "host/root.h"

struct pins;

/* Threads in the group at @dir (host path) and below that may not use all CPUs of their group. */
struct pins *pins_remember(const struct root *root, const char *dir);
/* The same for the group whose file @file is (".../cpuset.cpus"). */
struct pins *pins_remember_beside(const struct root *root, const char *file);
/* Puts back what was forgotten since; frees. */
void pins_put_back(const struct root *root, struct pins *pins);

#endif
