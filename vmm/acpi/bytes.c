// SPDX-License-Identifier: GPL-2.0-or-later
/* A growing run of bytes. */
#include "vmm/acpi/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

void bytes_release(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}

static void grow(struct bytes *bytes, size_t more)
{
	while (bytes->capacity - bytes->size < more) {
		bytes->capacity = bytes->capacity ? 2 * bytes->capacity : 512;
		bytes->data = xreallocarray(bytes->data, bytes->capacity, 1);
	}
}

void bytes_put(struct bytes *bytes, const void *data, size_t size)
{
	bytes_insert(bytes, bytes->size, data, size);
}

void bytes_put_number(struct bytes *bytes, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> (8 * i));

		bytes_put(bytes, &byte, 1);
	}
}

void bytes_put_zeros(struct bytes *bytes, size_t count)
{
	grow(bytes, count);
	memset(bytes->data + bytes->size, 0, count);
	bytes->size += count;
}

void bytes_put_text(struct bytes *bytes, const char *text, size_t size)
{
	size_t length = strlen(text) < size ? strlen(text) : size;

	bytes_put(bytes, text, length);
	for (size_t i = length; i < size; i++)
		bytes_put(bytes, " ", 1);
}

void bytes_set_number(struct bytes *bytes, size_t at, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		bytes->data[at + i] = (uint8_t)(value >> (8 * i));
}

void bytes_insert(struct bytes *bytes, size_t at, const void *data, size_t size)
{
	grow(bytes, size);
	memmove(bytes->data + at + size, bytes->data + at, bytes->size - at);
	memcpy(bytes->data + at, data, size);
	bytes->size += size;
}

uint8_t bytes_checksum(const struct bytes *bytes, size_t from, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes->data[from + i]);
	return (uint8_t)-sum;
}
