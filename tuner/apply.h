/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carrying out a list of actions: each announced in the journal, made, looked at, and marked done. All
 * of them or none: when one fails, those before it are undone.
 */
#ifndef VMTUNE_TUNER_APPLY_H
#define VMTUNE_TUNER_APPLY_H

#include "lib/error.h"
#include "tuner/journal.h"
#include "tuner/report.h"

/*
 * Returns the number of changes made (an action whose wanted state is there already is none), or
 * negative with @err after everything done so far was undone; what could not be undone stays in the
 * journal and is said in @err.
 */
int apply_run(const struct action_context *context, struct journal *journal, struct action_list *list,
	struct report *report, struct error *err);

/* The same for one action made by a command (pin, ksm, ...): opens the journal and releases @list. */
int apply_actions(const struct root *root, const char *command, struct action_list *list, bool json);
/* With a context of the caller's. */
int apply_actions_in(const struct action_context *context, const char *command, struct action_list *list,
	bool json);

#endif
