/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation with one out-of-memory policy: say so and abort. (Guest-controlled sizes never reach
 * these; they are bounded where they are parsed.) The caller owns and frees what is returned.
 */
#ifndef VMTUNE_LIB_XALLOC_H
#define VMTUNE_LIB_XALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size);
/* Zeroed array; aborts when count * size overflows. */
void *xcalloc(size_t count, size_t size);
/* Like realloc of an array; aborts when count * size overflows. */
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

/* Takes the pointer out of *@slot, leaving NULL: makes a change of owner visible. */
#define steal_pointer(slot)                      \
	({                                       \
		__typeof__(*(slot)) _p = *(slot); \
		*(slot) = NULL;                  \
		_p;                              \
	})

#endif
