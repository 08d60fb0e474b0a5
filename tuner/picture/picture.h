/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan as a picture: the machine with the VMs in it. In characters for a terminal, or as hwloc's own
 * drawing in a file. Both show the same: who may run on each CPU, what lies in each node's memory, and a
 * legend. A VM has a mark (A, B, ...) and a colour in both.
 */
#ifndef VMTUNE_TUNER_PICTURE_H
#define VMTUNE_TUNER_PICTURE_H

#include <stdbool.h>
#include <stdio.h>

#include "tuner/plan/plan.h"

struct picture_options {
	int width;    /* columns, at least 80 */
	bool colour;  /* ANSI escapes, 256 colours */
	bool unicode; /* lines of UTF-8 box characters instead of + - | */
};

/* Options for what @out is: its terminal's width, NO_COLOR, the locale's character set. */
struct picture_options picture_options_for(FILE *out);

/* Draws it in characters. */
void picture_print(const struct plan *plan, const struct machine *machine,
	const struct picture_options *options, FILE *out);

/*
 * Draws it with lstopo(1) into a file; the ending says how, ".svg", ".png" or ".pdf". @title goes below the
 * drawing. Returns 0, or negative with @err; a file that was there stays as it was then.
 */
int picture_write(const struct plan *plan, const struct machine *machine, const char *title,
	const char *path, struct error *err);
/* Whether the ending is one of these: 0, or -EINVAL with @err. */
int picture_check_name(const char *path, struct error *err);

#endif
