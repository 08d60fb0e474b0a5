/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What apply and revert did, step by step: lines as it happens, or an array for --json. */
#ifndef VMTUNE_TUNER_REPORT_H
#define VMTUNE_TUNER_REPORT_H

#include <jansson.h>

#include "tuner/action.h"

struct report {
	json_t *rows; /* collected here instead of printed; NULL: print */
	unsigned int refused; /* changes that the kernel would not make, and that are no failure */
};

/* One step: @what is a word ("done", "restored", "pending"), @note (may be NULL) says why. */
void report_step(struct report *report, const char *what, const struct action *action, const char *note);

#endif
