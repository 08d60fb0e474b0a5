/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's command line: what can only be set at boot. Words are looked for the way the kernel
 * reads them: '-' and '_' in a name are the same, quotes hold blanks together, what follows "--" is
 * for init.
 */
#ifndef VMTUNE_HOST_CMDLINE_H
#define VMTUNE_HOST_CMDLINE_H

#include <stddef.h>

#include "lib/error.h"

#define CMDLINE_WORD_MAX 1024

/* A word a KVM administrator may want: for help and for the reasons in a plan. */
struct cmdline_word {
	const char *name;
	const char *what;   /* one line: what it does, and why one would set it */
	const char *source;
};

extern const struct cmdline_word cmdline_words[];
extern const size_t cmdline_word_count;

/* The row of "NAME" or "NAME=VALUE", or NULL: the kernel knows many more. */
const struct cmdline_word *cmdline_word_find(const char *word);

enum cmdline_state {
	CMDLINE_ABSENT,
	CMDLINE_OTHER,   /* the name is there, with another value */
	CMDLINE_PRESENT,
};

/*
 * Looks for @word. With CMDLINE_OTHER @found gets the word that is there. CPU lists are compared as
 * sets.
 */
enum cmdline_state cmdline_look(const char *cmdline, const char *word, char found[CMDLINE_WORD_MAX]);

/* Whether @word is one word that can stand on the command line. Returns 0, or -EINVAL with @err. */
int cmdline_word_check(const char *word, struct error *err);

#endif
