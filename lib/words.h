/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMTUNE_LIB_WORDS_H
#define VMTUNE_LIB_WORDS_H

#include <stdbool.h>

/* Whether @word is one of @words, which blanks or newlines part ("cpuset cpu io"). */
bool words_have(const char *words, const char *word);

#endif
