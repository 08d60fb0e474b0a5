/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one can do with a row of the settings table: read, compare, check. The rows: knob_table.c; rows
 * of several files: knob_files.c.
 */
#include "host/knob.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_TEXT_MAX 4096
#define MASK_DIGITS   1024 /* hexadecimal digits of a mask of 4096 CPUs */

static const struct {
	const char *name;
} class_names[] = {
	[CLASS_REVERSIBLE] = {"reversible"},
	[CLASS_PRECONDITION] = {"reversible with a precondition"},
	[CLASS_MODULE_RELOAD] = {"needs a module reload"},
	[CLASS_BOOT] = {"needs a boot"},
	[CLASS_IRREVERSIBLE] = {"not reversible"},
};
_Static_assert(sizeof(class_names) / sizeof(class_names[0]) == CLASS_IRREVERSIBLE + 1,
	"every class has a name");

const char *action_class_name(enum action_class class)
{
	return (size_t)class < sizeof(class_names) / sizeof(class_names[0]) ? class_names[class].name
									     : "unknown";
}

const struct knob *knob_find(const char *name)
{
	for (size_t i = 0; i < knob_count; i++)
		if (!strcmp(knobs[i].name, name))
			return &knobs[i];
	return NULL;
}

/* ---- spelling --------------------------------------------------------------------------------- */

static void copy_trimmed(char *out, size_t size, const char *text, size_t length)
{
	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (length >= size)
		length = size - 1;
	memmove(out, text, length);
	out[length] = '\0';
}

static void spell_choice(const char *text, char *value, size_t size)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	if (close)
		copy_trimmed(value, size, open + 1, (size_t)(close - open - 1));
	else
		copy_trimmed(value, size, text, strlen(text));
}

static void spell_bool(char *value)
{
	static const char *const words[] = {"N", "Y", "n", "y", "false", "true"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(value, words[i])) {
			strcpy(value, i & 1 ? "1" : "0");
			return;
		}
}

char *knob_spell(const struct knob *knob, const char *text, char *value, size_t size)
{
	if (knob->shape == KNOB_CHOICE) {
		spell_choice(text, value, size);
		return value;
	}
	copy_trimmed(value, size, text, strlen(text));
	if (knob->shape == KNOB_BOOL)
		spell_bool(value);
	return value;
}

int knob_read(const struct root *root, const struct knob *knob, char *value, size_t size)
{
	char text[FILE_TEXT_MAX];
	int length = root_read(root, text, sizeof(text), "%s", knob->path);

	value[0] = '\0';
	if (length < 0)
		return length == -ENOTDIR ? -ENOENT : length;
	knob_spell(knob, text, value, size);
	return 0;
}

/* ---- comparing -------------------------------------------------------------------------------- */

static bool number(const char *text, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return end != text && !*end && !errno;
}

/* The digits of a mask without "0x", commas and leading zeros. False when it is not a mask. */
static bool mask_digits(const char *text, char digits[MASK_DIGITS + 1])
{
	size_t used = 0;

	if (!strncasecmp(text, "0x", 2))
		text += 2;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text == ',')
			continue;
		if (!isxdigit((unsigned char)*text) || used >= MASK_DIGITS)
			return false;
		if (used || *text != '0')
			digits[used++] = (char)tolower((unsigned char)*text);
	}
	digits[used] = '\0';
	return true;
}

bool knob_same(const struct knob *knob, const char *a, const char *b)
{
	char left[FILE_TEXT_MAX], right[FILE_TEXT_MAX];
	char left_mask[MASK_DIGITS + 1], right_mask[MASK_DIGITS + 1];
	long long left_number, right_number;

	knob_spell(knob, a, left, sizeof(left));
	knob_spell(knob, b, right, sizeof(right));
	if (knob->shape == KNOB_NUMBER && number(left, &left_number) && number(right, &right_number))
		return left_number == right_number;
	if (knob->shape == KNOB_MASK && mask_digits(left, left_mask) && mask_digits(right, right_mask))
		return !strcmp(left_mask, right_mask);
	return !strcmp(left, right);
}

/* ---- checking --------------------------------------------------------------------------------- */

static int check_number(const struct knob *knob, const char *value, struct error *err)
{
	long long parsed;

	if (!number(value, &parsed))
		return error_set(err, EINVAL, "%s = '%s' is not a number; use %lld to %lld", knob->name,
			value, knob->min, knob->max);
	if (parsed < knob->min || parsed > knob->max)
		return error_set(err, EINVAL, "%s = %lld is out of range; use %lld to %lld", knob->name,
			parsed, knob->min, knob->max);
	return 0;
}

static int check_bool(const struct knob *knob, const char *value, struct error *err)
{
	if (strcmp(value, "0") && strcmp(value, "1"))
		return error_set(err, EINVAL, "%s = '%s' is neither 0 nor 1 (N and Y also do)", knob->name,
			value);
	return 0;
}

static bool word_in(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += length)
		if ((at == words || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
	return false;
}

static int check_choice(const struct knob *knob, const char *value, struct error *err)
{
	if (!*value || strpbrk(value, " \t\n[]"))
		return error_set(err, EINVAL, "%s = '%s' is not one word%s%s", knob->name, value,
			knob->choices ? "; use one of: " : "", knob->choices ? knob->choices : "");
	if (knob->choices && !word_in(knob->choices, value))
		return error_set(err, EINVAL, "%s = '%s' is unknown; use one of: %s", knob->name, value,
			knob->choices);
	return 0;
}

static int check_mask(const struct knob *knob, const char *value, struct error *err)
{
	char digits[MASK_DIGITS + 1];

	if (!mask_digits(value, digits))
		return error_set(err, EINVAL, "%s = '%s' is not a hexadecimal CPU mask such as ff", knob->name,
			value);
	return 0;
}

static int check_text(const struct knob *knob, const char *value, struct error *err)
{
	if (!*value || strchr(value, '\n'))
		return error_set(err, EINVAL, "%s needs one line of text", knob->name);
	return 0;
}

static int (*const checks[])(const struct knob *, const char *, struct error *) = {
	[KNOB_NUMBER] = check_number, [KNOB_BOOL] = check_bool, [KNOB_CHOICE] = check_choice,
	[KNOB_MASK] = check_mask, [KNOB_TEXT] = check_text,
};

int knob_check(const struct knob *knob, const char *value, struct error *err)
{
	char spelled[FILE_TEXT_MAX];

	if (strlen(value) >= sizeof(spelled))
		return error_set(err, EINVAL, "%s: the value is too long", knob->name);
	if (knob->shape == KNOB_CHOICE) /* brackets are the file's spelling, not a person's */
		return check_choice(knob, value, err);
	return checks[knob->shape](knob, knob_spell(knob, value, spelled, sizeof(spelled)), err);
}
