/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of CPU and node numbers in the kernel's list format (see bitmap_parselist in the kernel). */
#include "lib/idset.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (IDSET_MAX / 64)

static const char *skip_blank(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* One decimal number below IDSET_MAX, or past it with *over set. Returns false when none is there. */
static bool number(const char **text, unsigned int *value, bool *over)
{
	unsigned long parsed;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	parsed = strtoul(*text, &end, 10);
	if (parsed >= IDSET_MAX)
		*over = true;
	*value = parsed >= IDSET_MAX ? IDSET_MAX - 1 : (unsigned int)parsed;
	*text = end;
	return true;
}

int idset_parse(const char *text, struct idset *set, struct error *err)
{
	struct idset result = {0};
	const char *at = skip_blank(text);
	bool over = false;

	while (*at) {
		unsigned int first, last, used = 1, group = 1;

		if (!number(&at, &first, &over))
			goto bad;
		last = first;
		if (*at == '-') {
			at++;
			if (!number(&at, &last, &over) || last < first)
				goto bad;
			if (*at == ':') {
				at++;
				if (!number(&at, &used, &over) || *at++ != '/' ||
				    !number(&at, &group, &over) || !used || used > group)
					goto bad;
			}
		}
		if (over)
			return error_set(err, ERANGE, "'%s' names a number past %d", text, IDSET_MAX - 1);
		for (unsigned int id = first; id <= last; id++)
			if ((id - first) % group < used)
				idset_add(&result, id);
		at = skip_blank(at);
		if (*at == ',') {
			at = skip_blank(at + 1);
			if (!*at)
				goto bad;
		} else if (*at) {
			goto bad;
		}
	}
	*set = result;
	return 0;
bad:
	return error_set(err, EINVAL, "'%s' is not a list of numbers; write it like 0-3,8", text);
}

const char *idset_format(const struct idset *set, char *buf, size_t size)
{
	size_t used = 0;
	int first = idset_next(set, -1);

	if (size)
		buf[0] = '\0';
	while (first >= 0) {
		char range[32];
		int last = first, length;

		while (last + 1 < IDSET_MAX && idset_has(set, (unsigned int)last + 1))
			last++;
		length = last == first
			? snprintf(range, sizeof(range), "%s%d", used ? "," : "", first)
			: snprintf(range, sizeof(range), "%s%d-%d", used ? "," : "", first, last);
		if (used + (size_t)length + 4 > size) {
			snprintf(buf + used, size - used, "...");
			break;
		}
		memcpy(buf + used, range, (size_t)length + 1);
		used += (size_t)length;
		first = idset_next(set, last);
	}
	return buf;
}

int idset_parse_mask(const char *text, struct idset *set)
{
	struct idset result = {0};
	unsigned int id = 0;
	size_t length;

	text = skip_blank(text);
	length = strlen(text);
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (!length)
		return -EINVAL;
	while (length--) {
		char digit[2] = {text[length], '\0'};
		unsigned int bits = (unsigned int)strtoul(digit, NULL, 16);

		if (*digit == ',')
			continue;
		if (!isxdigit((unsigned char)*digit))
			return -EINVAL;
		for (unsigned int bit = 0; bit < 4; bit++, id++) {
			if (!(bits >> bit & 1))
				continue;
			if (id >= IDSET_MAX)
				return -ERANGE;
			idset_add(&result, id);
		}
	}
	*set = result;
	return 0;
}

/* The members from @group * 32 on, as 32 bits. */
static unsigned int mask_group(const struct idset *set, unsigned int group)
{
	return (unsigned int)(set->words[group / 2] >> (group % 2 * 32));
}

const char *idset_format_mask(const struct idset *set, char *buf, size_t size)
{
	unsigned int group = IDSET_MAX / 32 - 1;
	size_t used;

	while (group && !mask_group(set, group))
		group--;
	used = (size_t)snprintf(buf, size, "%x", mask_group(set, group));
	while (group-- && used < size)
		used += (size_t)snprintf(buf + used, size - used, ",%08x", mask_group(set, group));
	return buf;
}

void idset_add(struct idset *set, unsigned int id)
{
	if (id < IDSET_MAX)
		set->words[id / 64] |= UINT64_C(1) << (id % 64);
}

void idset_remove(struct idset *set, unsigned int id)
{
	if (id < IDSET_MAX)
		set->words[id / 64] &= ~(UINT64_C(1) << (id % 64));
}

bool idset_has(const struct idset *set, unsigned int id)
{
	return id < IDSET_MAX && (set->words[id / 64] >> (id % 64) & 1);
}

bool idset_empty(const struct idset *set)
{
	return idset_next(set, -1) < 0;
}

unsigned int idset_count(const struct idset *set)
{
	unsigned int count = 0;

	for (size_t i = 0; i < WORDS; i++)
		count += (unsigned int)__builtin_popcountll(set->words[i]);
	return count;
}

bool idset_equal(const struct idset *a, const struct idset *b)
{
	return !memcmp(a, b, sizeof(*a));
}

bool idset_within(const struct idset *part, const struct idset *whole)
{
	for (size_t i = 0; i < WORDS; i++)
		if (part->words[i] & ~whole->words[i])
			return false;
	return true;
}

void idset_union(struct idset *into, const struct idset *other)
{
	for (size_t i = 0; i < WORDS; i++)
		into->words[i] |= other->words[i];
}

void idset_intersect(struct idset *into, const struct idset *other)
{
	for (size_t i = 0; i < WORDS; i++)
		into->words[i] &= other->words[i];
}

void idset_subtract(struct idset *into, const struct idset *other)
{
	for (size_t i = 0; i < WORDS; i++)
		into->words[i] &= ~other->words[i];
}

int idset_next(const struct idset *set, int previous)
{
	unsigned int id = (unsigned int)(previous + 1);

	while (id < IDSET_MAX) {
		uint64_t rest = set->words[id / 64] >> (id % 64);

		if (rest)
			return (int)(id + (unsigned int)__builtin_ctzll(rest));
		id = (id / 64 + 1) * 64;
	}
	return -1;
}
