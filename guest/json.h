/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of JSON on the serial port: {"event":EVENT, KEY:VALUE, ...}. A line is built on the
 * caller's stack and sent in one go, so lines of different CPUs never mix. Names of measured values
 * end in their unit (_ns, _MiB, _per_s).
 */
#ifndef VMTUNE_GUEST_JSON_H
#define VMTUNE_GUEST_JSON_H

#include "guest/types.h"

#define JSON_LINE 4096

struct json {
	char text[JSON_LINE];
	size_t length;
	bool first; /* no comma before the next value */
};

void json_open(struct json *line, const char *event);
void json_string(struct json *line, const char *key, const char *value);
void json_u64(struct json *line, const char *key, uint64_t value);
void json_hex(struct json *line, const char *key, uint64_t value); /* "0x..." as a string */
void json_bool(struct json *line, const char *key, bool value);
/* @value is in units of 10^-@decimals: json_fixed(line, "ns", 12345, 2) gives "ns":123.45 */
void json_fixed(struct json *line, const char *key, uint64_t value, unsigned int decimals);
/* An array of numbers, each as in json_fixed. */
void json_array(struct json *line, const char *key, const uint64_t *values, unsigned int count,
	unsigned int decimals);
/* Ends the line and sends it. A line that outgrew its buffer becomes an error line. */
void json_close(struct json *line);

#endif
