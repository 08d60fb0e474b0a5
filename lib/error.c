/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error texts and the two ways to print one. */
#include "lib/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void format(struct error *err, const char *fmt, va_list args)
{
	if (err)
		vsnprintf(err->text, sizeof(err->text), fmt, args);
}

int error_set(struct error *err, int errnum, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(err, fmt, args);
	va_end(args);
	return -errnum;
}

int error_errno(struct error *err, int errnum, const char *fmt, ...)
{
	va_list args;
	size_t used;

	va_start(args, fmt);
	format(err, fmt, args);
	va_end(args);
	if (err) {
		used = strlen(err->text);
		snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(errnum));
	}
	return -errnum;
}

void error_prefix(struct error *err, const char *fmt, ...)
{
	struct error old;
	va_list args;
	size_t used;

	if (!err)
		return;
	old = *err;
	va_start(args, fmt);
	format(err, fmt, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", old.text);
}

static void print(const char *fmt, va_list args)
{
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(fmt, args);
	va_end(args);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(fmt, args);
	va_end(args);
	exit(EXIT_FAILURE);
}
