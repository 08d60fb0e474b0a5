// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/doctor/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/xalloc.h"

void text_add(struct text *text, const char *fmt, ...)
{
	char *piece, *longer;
	va_list args;

	va_start(args, fmt);
	piece = xvasprintf(fmt, args);
	va_end(args);
	longer = xasprintf("%s%s", text->text ? text->text : "", piece);
	free(piece);
	free(text->text);
	text->text = longer;
}

const char *size_about(char buf[SIZE_ABOUT_MAX], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1024 && units[unit + 1]; unit++)
		value /= 1024;
	snprintf(buf, SIZE_ABOUT_MAX, "%.*f%c", unit && value < 9.95 ? 1 : 0, value, units[unit]);
	return buf;
}

unsigned int percent(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned int)((double)part * 100 / (double)whole) : 0;
}
