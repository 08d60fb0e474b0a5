/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/json.h"

#include "guest/serial.h"

/* Past the end only the length goes on, which json_close() notices. */
static void put(struct json *line, char c)
{
	if (line->length < sizeof(line->text))
		line->text[line->length] = c;
	line->length++;
}

static void put_text(struct json *line, const char *text)
{
	while (*text)
		put(line, *text++);
}

static void put_quoted(struct json *line, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c;

	put(line, '"');
	while ((c = (unsigned char)*text++)) {
		if (c == '"' || c == '\\') {
			put(line, '\\');
			put(line, (char)c);
		} else if (c < 0x20 || c >= 0x7f) {
			put_text(line, "\\u00");
			put(line, hex[c >> 4]);
			put(line, hex[c & 15]);
		} else {
			put(line, (char)c);
		}
	}
	put(line, '"');
}

static void put_number(struct json *line, uint64_t value, unsigned int base, unsigned int decimals)
{
	char digits[24];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || n <= decimals);
	while (n) {
		put(line, digits[--n]);
		if (n && n == decimals)
			put(line, '.');
	}
}

static void put_key(struct json *line, const char *key)
{
	if (!line->first)
		put(line, ',');
	line->first = false;
	put_quoted(line, key);
	put(line, ':');
}

void json_open(struct json *line, const char *event)
{
	line->length = 0;
	line->first = true;
	put(line, '{');
	json_string(line, "event", event);
}

void json_string(struct json *line, const char *key, const char *value)
{
	put_key(line, key);
	put_quoted(line, value);
}

void json_u64(struct json *line, const char *key, uint64_t value)
{
	put_key(line, key);
	put_number(line, value, 10, 0);
}

void json_hex(struct json *line, const char *key, uint64_t value)
{
	put_key(line, key);
	put_text(line, "\"0x");
	put_number(line, value, 16, 0);
	put(line, '"');
}

void json_bool(struct json *line, const char *key, bool value)
{
	put_key(line, key);
	put_text(line, value ? "true" : "false");
}

void json_fixed(struct json *line, const char *key, uint64_t value, unsigned int decimals)
{
	put_key(line, key);
	put_number(line, value, 10, decimals);
}

void json_array(struct json *line, const char *key, const uint64_t *values, unsigned int count,
	unsigned int decimals)
{
	unsigned int i;

	put_key(line, key);
	put(line, '[');
	for (i = 0; i < count; i++) {
		if (i)
			put(line, ',');
		put_number(line, values[i], 10, decimals);
	}
	put(line, ']');
}

void json_close(struct json *line)
{
	put(line, '}');
	put(line, '\n');
	if (line->length > sizeof(line->text)) {
		json_open(line, "error");
		json_string(line, "error", "a line of output was too long");
		json_close(line);
		return;
	}
	serial_write(line->text, line->length);
}
