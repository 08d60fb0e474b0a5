/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte sizes with binary suffixes. */
#include "lib/size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char suffixes[] = "KMGT";

int size_parse(const char *text, uint64_t *bytes, struct error *err)
{
	unsigned long long number;
	unsigned int shift = 0;
	const char *suffix;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return error_set(err, EINVAL,
			"'%s' is not a size; write a whole number with K, M, G or T, such as 512M", text);
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno == ERANGE)
		return error_set(err, ERANGE, "size '%s' is too large", text);
	if (*end && (suffix = strchr(suffixes, toupper((unsigned char)*end)))) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
		if (!strcasecmp(end, "ib") || !strcasecmp(end, "b"))
			end += strlen(end);
	}
	if (*end)
		return error_set(err, EINVAL,
			"'%s' is not a size; write a whole number with K, M, G or T, such as 512M", text);
	if (shift && number > (UINT64_MAX >> shift))
		return error_set(err, ERANGE, "size '%s' is too large", text);
	*bytes = (uint64_t)number << shift;
	return 0;
}

const char *size_format(char buf[SIZE_TEXT_MAX], uint64_t bytes)
{
	int step = -1;

	while (bytes && step + 1 < (int)sizeof(suffixes) - 1 && bytes % 1024 == 0) {
		bytes /= 1024;
		step++;
	}
	if (step < 0)
		snprintf(buf, SIZE_TEXT_MAX, "%" PRIu64, bytes);
	else
		snprintf(buf, SIZE_TEXT_MAX, "%" PRIu64 "%c", bytes, suffixes[step]);
	return buf;
}
