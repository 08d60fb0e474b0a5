/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One table says all about the keys; which job takes which key is in the job's own row (job.c). */
#include "guest/options.h"

#include "guest/job.h"

enum kind { KIND_JOB, KIND_SIZE, KIND_NUMBER, KIND_SECONDS, KIND_PERCENT, KIND_SWITCH, KIND_ACCESS };

struct option {
	const char *key;
	enum kind kind;
	size_t field;
	uint64_t min, max;
	const char *expected;
};

#define FIELD(name) offsetof(struct options, name)

static const struct option table[] = {
	{"job", KIND_JOB, FIELD(job), 0, 0, JOB_NAMES},
	{"size", KIND_SIZE, FIELD(size), 1, SIZE_ALL, "a size such as 512M, or all"},
	{"low", KIND_SIZE, FIELD(low), 0, SIZE_ALL - 1, "a size such as 128M"},
	{"period", KIND_SECONDS, FIELD(period_us), 100000, UINT64_C(86400000000),
		"seconds from 0.1 to 86400, such as 10 or 0.5"},
	{"probe", KIND_SWITCH, FIELD(probe), 0, 0, "on or off"},
	{"threads", KIND_NUMBER, FIELD(threads), 1, CPUS_MAX, "a number of threads from 1 to 255"},
	{"cpus", KIND_NUMBER, FIELD(cpus), 1, CPUS_MAX, "a number of CPUs from 1 to 255"},
	{"seconds", KIND_SECONDS, FIELD(duration_us), 1000, UINT64_C(86400000000),
		"seconds from 0.001 to 86400, such as 2 or 0.5"},
	{"repeat", KIND_NUMBER, FIELD(repeat), 1, 1000000, "a number from 1 to 1000000"},
	{"dup", KIND_PERCENT, FIELD(dup_percent), 0, 100, "a percentage such as 70%"},
	{"seed", KIND_NUMBER, FIELD(seed), 0, UINT64_MAX - 1, "a whole number"},
	{"id", KIND_NUMBER, FIELD(id), 1, UINT64_MAX - 1, "a whole number above 0"},
	{"rate", KIND_NUMBER, FIELD(rate), 0, 1000000000, "pages per second, 0 to 1000000000"},
	{"floor", KIND_SIZE, FIELD(floor), 0, SIZE_ALL, "a size such as 16M"},
	{"access", KIND_ACCESS, FIELD(access), 0, 0, "read or write"},
	{"balloon", KIND_SWITCH, FIELD(balloon), 0, 0, "on or off"},
	{"reporting", KIND_SWITCH, FIELD(reporting), 0, 0, "on or off"},
	{"poison", KIND_NUMBER, FIELD(poison), 0, UINT32_MAX, "a number of 32 bits"},
	{"deflate", KIND_SWITCH, FIELD(deflate), 0, 0, "on or off"},
	{"node", KIND_NUMBER, FIELD(node), 0, 63, "a guest node, 0 to 63"},
	{"run-node", KIND_NUMBER, FIELD(run_node), 0, 63, "a guest node, 0 to 63"},
};

/* Keys of every job. */
static const char common_keys[] = "job cpus balloon reporting poison deflate node run-node";

static const struct options defaults = {
	.duration_us = 2000000,
	.period_us = 10000000,
	.repeat = 1,
	.dup_percent = 70,
	.seed = 1,
	.rate = 1000,
	.balloon = 1,
	.reporting = 1,
	.node = NODE_ANY,
	.run_node = NODE_ANY,
};

/* A whole number at *@text, which is moved behind it. */
static bool number(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t digit;

	for (*value = 0; *p >= '0' && *p <= '9'; p++) {
		digit = (uint64_t)(*p - '0');
		if (*value > (UINT64_MAX - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	if (p == *text)
		return false;
	*text = p;
	return true;
}

static bool parse_size(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	unsigned int i;

	if (!strcmp(text, "all")) {
		*value = SIZE_ALL;
		return true;
	}
	if (!number(&text, value))
		return false;
	for (i = 0; *text && suffixes[i]; i++)
		if ((*text & ~0x20) == suffixes[i]) {
			if (*value >> (64 - 10 * (i + 1)))
				return false;
			*value <<= 10 * (i + 1);
			text++;
			break;
		}
	return !*text;
}

/* Seconds with up to six decimals, as microseconds. */
static bool parse_seconds(const char *text, uint64_t *value)
{
	uint64_t unit = 1000000;

	if (!number(&text, value) || *value > 1000000)
		return false;
	*value *= unit;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9' && unit > 1; text++)
			*value += (uint64_t)(*text - '0') * (unit /= 10);
	return !*text;
}

static bool parse_word(const char *text, const char *const words[2], uint64_t *value)
{
	for (*value = 0; *value < 2; (*value)++)
		if (!strcmp(text, words[*value]))
			return true;
	return false;
}

static bool parse_value(const struct option *option, const char *text, uint64_t *value)
{
	static const char *const switches[] = {"off", "on"}, *const accesses[] = {"read", "write"};
	bool ok = false;

	switch (option->kind) {
	case KIND_JOB:
		*value = (uint64_t)job_find(text);
		return *value != 0;
	case KIND_SWITCH:
		return parse_word(text, switches, value);
	case KIND_ACCESS:
		ok = parse_word(text, accesses, value);
		*value += ACCESS_READ;
		return ok;
	case KIND_SIZE:
		ok = parse_size(text, value);
		break;
	case KIND_SECONDS:
		ok = parse_seconds(text, value);
		break;
	case KIND_NUMBER:
		ok = number(&text, value) && !*text;
		break;
	case KIND_PERCENT:
		ok = number(&text, value) && (!*text || (text[0] == '%' && !text[1]));
		break;
	}
	return ok && *value >= option->min && *value <= option->max;
}

/* True when the space-separated list @words has @word. */
static bool listed(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (*words) {
		if (!memcmp(words, word, min_u64(length, strlen(words))) &&
			(words[length] == ' ' || !words[length]))
			return true;
		while (*words && *words++ != ' ')
			;
	}
	return false;
}

static bool fail(struct option_error *error, const char *what, const char *expected)
{
	error->what = what;
	error->expected = expected;
	return false;
}

/* Splits the next word into key and value; returns what follows, or NULL at the end. */
static const char *next_word(const char *text, struct option_error *word)
{
	size_t n = 0;

	while (*text == ' ' || *text == '\t' || *text == '\n')
		text++;
	if (!*text)
		return NULL;
	for (; *text > ' ' && *text != '='; text++)
		if (n < sizeof(word->key) - 1)
			word->key[n++] = *text;
	word->key[n] = '\0';
	n = 0;
	word->value[0] = '\0';
	if (*text != '=') {
		word->key[0] = '\0'; /* not ours */
		return text;
	}
	for (text++; *text > ' '; text++)
		if (n < sizeof(word->value) - 1)
			word->value[n++] = *text;
	word->value[n] = '\0';
	return text;
}

static bool foreign(const char *key)
{
	for (; *key; key++)
		if (*key == '.')
			return true;
	return false;
}

static const struct option *find(const char *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].key, key))
			return &table[i];
	return NULL;
}

/* The second look, when the job is known: are all keys that were given among its own? */
static bool check_keys(const struct options *options, uint32_t given, struct option_error *error)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (!(given >> i & 1) || listed(common_keys, table[i].key) ||
			listed(options->job->keys, table[i].key))
			continue;
		memcpy(error->key, table[i].key, strlen(table[i].key) + 1);
		error->value[0] = '\0';
		return fail(error, "this job does not take the key", options->job->keys);
	}
	return true;
}

bool options_parse(struct options *options, const char *text, struct option_error *error)
{
	const struct option *option;
	uint32_t given = 0, bit;
	uint64_t value;

	*options = defaults;
	while ((text = next_word(text, error))) {
		if (!error->key[0] || foreign(error->key))
			continue;
		option = find(error->key);
		if (!option)
			return fail(error, "unknown key", JOB_KEYS);
		bit = 1u << (option - table);
		if (given & bit)
			return fail(error, "key given twice", "each key once");
		given |= bit;
		if (!parse_value(option, error->value, &value))
			return fail(error, "bad value", option->expected);
		memcpy((char *)options + option->field, &value, sizeof(value));
	}
	if (!options->job) {
		memcpy(error->key, "job", 4);
		error->value[0] = '\0';
		return fail(error, "no job", JOB_NAMES);
	}
	return check_keys(options, given, error);
}
