/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running a program for what it prints. */
#ifndef VMTUNE_TUNER_CAPTURE_H
#define VMTUNE_TUNER_CAPTURE_H

#include "lib/error.h"

/*
 * Runs @argv with standard output captured (the caller frees *@output). It, and what it has started, is
 * ended after @limit_ms. Negative with @err (which has the last line of its standard error) unless it
 * ends with status 0; -EINTR when this process was interrupted (tuner/interrupt.h).
 */
int capture_text(char *const argv[], int limit_ms, char **output, struct error *err);

/* The same; *@value is the last finite number that it printed. -EINVAL: it printed none. */
int capture_number(char *const argv[], int limit_ms, double *value, struct error *err);

#endif
