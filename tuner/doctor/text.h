/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small things that several groups of checks say or ask alike. */
#ifndef VMTUNE_TUNER_DOCTOR_TEXT_H
#define VMTUNE_TUNER_DOCTOR_TEXT_H

#include <stdint.h>

#include "lib/size.h"

#define SIZE_ABOUT_MAX 24
#define LISTED_MAX     4   /* names in a finding; the rest is counted */
#define BIG_GUEST      GIB /* from here on page size is worth a finding */

/* A text that grows; the caller frees ->text. */
struct text {
	char *text; /* NULL: nothing yet */
};

void text_add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Three digits are enough for people: "1.2G", "512M". Returns @buf. */
const char *size_about(char buf[SIZE_ABOUT_MAX], uint64_t bytes);
/* @part of @whole, rounded down; 0 of nothing. */
unsigned int percent(uint64_t part, uint64_t whole);

#endif
