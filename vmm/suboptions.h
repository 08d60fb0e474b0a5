/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values with parts: "memory=2G,cpus=0-1+4,mergeable". One table row is one key and its setter. The comma
 * separates parts, so a list inside of a part is joined with '+' instead: "0-1+4".
 */
#ifndef VMTUNE_VMM_SUBOPTIONS_H
#define VMTUNE_VMM_SUBOPTIONS_H

#include "lib/error.h"
#include "lib/idset.h"

struct suboption_row {
	const char *key;   /* NULL ends the table */
	const char *value; /* what the value is, for errors ("SIZE"); NULL: a flag */
	/* Stores @text (NULL for a flag) into @target. Returns 0, or negative with @err filled. */
	int (*set)(void *target, const char *text, struct error *err);
};

/*
 * Parses all parts of @text with @rows into @target. -EINVAL with @err naming the part, and the
 * keys there are when it is unknown.
 */
int suboptions_parse(const char *text, const struct suboption_row *rows, void *target,
	struct error *err);

/* A list of numbers joined with '+': "0-3+8". Not empty. */
int suboption_list(const char *text, struct idset *set, struct error *err);
/* A decimal number within [min, max]. */
int suboption_number(const char *text, unsigned int min, unsigned int max, unsigned int *value,
	struct error *err);

#endif
