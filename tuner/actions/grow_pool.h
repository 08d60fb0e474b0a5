/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Growing a hugepage pool. The kernel gives up at the first page that it does not find, and for a while does not
 * even look any more; so the node's memory is compacted and the rest asked for again, for as long as there come some.
 */
#ifndef VMTUNE_TUNER_ACTIONS_GROW_POOL_H
#define VMTUNE_TUNER_ACTIONS_GROW_POOL_H

#include "tuner/action.h"

/*
 * Brings the pool of @file (".../node1/hugepages/hugepages-2048kB/nr_hugepages") up to @wanted pages, in at most a
 * minute. *@got: how many it has then. 0 also when that is less; negative with @err when the file cannot be used, or
 * -EINTR.
 */
int grow_pool(const struct root *root, const char *file, uint64_t wanted, uint64_t *got, struct error *err);

/*
 * Why @missing pages did not come: what the node's memory is used for, which guests have most of it, and for 1G pages
 * what to boot with to have @wanted. The caller frees.
 */
char *grow_pool_missing(const struct action_context *context, const char *file, uint64_t wanted, uint64_t missing);

#endif
