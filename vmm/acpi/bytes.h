/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing run of bytes, little endian: what ACPI tables and AML are written into. */
#ifndef VMTUNE_VMM_ACPI_BYTES_H
#define VMTUNE_VMM_ACPI_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *data; /* owned; bytes_release() */
	size_t size, capacity;
};

void bytes_release(struct bytes *bytes);
void bytes_put(struct bytes *bytes, const void *data, size_t size);
/* The low @size bytes of @value. */
void bytes_put_number(struct bytes *bytes, uint64_t value, unsigned int size);
void bytes_put_zeros(struct bytes *bytes, size_t count);
/* Text padded with blanks to @size, as ACPI's ids are. */
void bytes_put_text(struct bytes *bytes, const char *text, size_t size);
/* Overwrites @size bytes at @at. */
void bytes_set_number(struct bytes *bytes, size_t at, uint64_t value, unsigned int size);
/* Inserts @size bytes at @at. */
void bytes_insert(struct bytes *bytes, size_t at, const void *data, size_t size);
/* What makes the sum of [from, from + size) zero, modulo 256. */
uint8_t bytes_checksum(const struct bytes *bytes, size_t from, size_t size);

#endif
