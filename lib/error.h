/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One way to fail.
 *
 * A function that can fail takes a `struct error *` as its last argument and returns 0 (or a
 * count, or a pointer) on success and a negative errno (or NULL) on failure. Success leaves the
 * error untouched; failure fills it exactly once, at the place that knows most: which object,
 * which value, and what would be right. Callers pass it up; only main() prints it.
 */
#ifndef VMTUNE_LIB_ERROR_H
#define VMTUNE_LIB_ERROR_H

#include <stdarg.h>

struct error {
	char text[1024]; /* one line, no trailing newline, no "error:" prefix */
};

/* Fills @err (may be NULL) with the formatted text. Returns -@errnum. */
int error_set(struct error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Like error_set(), and appends ": strerror(errnum)". Returns -@errnum. */
int error_errno(struct error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the text that is there already, for a caller that knows the object. */
void error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "PROGRAM: text\n" on stderr. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* warn() and exit(1): for main() and the command entry points only. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
