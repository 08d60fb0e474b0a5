/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KSM refuses to change merge_across_nodes and max_page_sharing while any page is shared, also with
 * pages of guests that ended while it was stopped. Then everything is unmerged for a moment.
 */
#ifndef VMTUNE_TUNER_UNMERGE_H
#define VMTUNE_TUNER_UNMERGE_H

#include <stdbool.h>

#include "tuner/action.h"
#include "tuner/journal.h"

typedef int action_change(const struct action_context *context, const struct action *action,
	struct error *err);

/* Whether this refusal (@status) is one that unmerging cures. */
bool unmerge_helps(const struct action *action, int status);

/*
 * Whether memory is there for every page that would be a copy of its own again. -ENOMEM with @err saying
 * how much is needed and how much there is; 0 also where the kernel does not tell.
 */
int unmerge_check(const struct root *root, struct error *err);

/*
 * Runs @change with KSM unmerged: ksm/run goes to 2 and back, itself journaled, so that a crash in
 * between does not leave it there. Refused without the memory for it.
 */
int unmerge_around(const struct action_context *context, struct journal *journal,
	action_change *change, const struct action *action, struct error *err);

#endif
