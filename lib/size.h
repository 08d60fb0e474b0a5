/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte sizes as people write them: 4096, 64K, 512M, 2G, 1T (powers of 1024). */
#ifndef VMTUNE_LIB_SIZE_H
#define VMTUNE_LIB_SIZE_H

#include <stdint.h>

#include "lib/error.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

#define SIZE_TEXT_MAX 24

/*
 * Parses a size with an optional K, M, G or T suffix (either case, an optional "iB" or "B" after
 * it). A negative or fractional number, an unknown suffix and a value past 2^64-1 are errors.
 * Returns 0, or -EINVAL / -ERANGE with @err filled.
 */
int size_parse(const char *text, uint64_t *bytes, struct error *err);

/* The shortest exact form ("2G", "1536M", "4097"). Returns @buf. */
const char *size_format(char buf[SIZE_TEXT_MAX], uint64_t bytes);

#endif
