// SPDX-License-Identifier: GPL-2.0-or-later
/* Comma-separated parts of an option's value. */
#include "vmm/suboptions.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

static int unknown_key(const char *key, const struct suboption_row *rows, struct error *err)
{
	char keys[256] = "";
	size_t used = 0;

	for (; rows->key && used < sizeof(keys); rows++)
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s%s%s%s", used ? ", " : "",
			rows->key, rows->value ? "=" : "", rows->value ? rows->value : "");
	return error_set(err, EINVAL, "'%s' is not one of %s%s", key, keys,
		isdigit((unsigned char)key[0]) ? " (join the numbers of a list with '+', as in 0-1+4)" : "");
}

/* @part is "key" or "key=value"; it is cut in two. */
static int parse_part(char *part, const struct suboption_row *rows, void *target, struct error *err)
{
	char *value = strchr(part, '=');

	if (value)
		*value++ = '\0';
	for (const struct suboption_row *row = rows; row->key; row++) {
		if (strcmp(row->key, part))
			continue;
		if (row->value && (!value || !*value))
			return error_set(err, EINVAL, "%s needs a value: %s=%s", part, part, row->value);
		if (!row->value && value)
			return error_set(err, EINVAL, "%s takes no value", part);
		if (row->set(target, value, err) < 0) {
			error_prefix(err, "%s", part);
			return -EINVAL;
		}
		return 0;
	}
	return unknown_key(part, rows, err);
}

int suboptions_parse(const char *text, const struct suboption_row *rows, void *target,
	struct error *err)
{
	char *copy = xstrdup(text), *rest = copy, *part;
	int ret = 0;

	while (!ret && (part = strsep(&rest, ",")))
		ret = parse_part(part, rows, target, err);
	free(copy);
	return ret;
}

int suboption_list(const char *text, struct idset *set, struct error *err)
{
	char *copy = xstrdup(text);
	int ret;

	for (char *c = copy; *c; c++)
		if (*c == '+')
			*c = ',';
	ret = idset_parse(copy, set, err);
	if (!ret && idset_empty(set))
		ret = error_set(err, EINVAL, "an empty list");
	free(copy);
	return ret;
}

int suboption_number(const char *text, unsigned int min, unsigned int max, unsigned int *value,
	struct error *err)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || number < min || number > max)
		return error_set(err, EINVAL, "'%s' is not a number from %u to %u", text, min, max);
	*value = (unsigned int)number;
	return 0;
}
