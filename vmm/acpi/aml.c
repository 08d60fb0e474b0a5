// SPDX-License-Identifier: GPL-2.0-or-later
/* AML encoding. Opcodes: ACPI 6.4, 20.2; resource descriptors: 6.4.2 and 6.4.3. */
#include "vmm/acpi/aml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define EXT 0x5b /* prefix of two-byte opcodes */

enum {
	OP_ZERO = 0x00,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_LOCAL0 = 0x60,
	OP_ARG0 = 0x68,
	OP_STORE = 0x70,
	OP_AND = 0x7b,
	OP_NOTIFY = 0x86,
	OP_IF = 0xa0,
	OP_RETURN = 0xa4,
	EXT_REGION = 0x80,
	EXT_FIELD = 0x81,
	EXT_DEVICE = 0x82,
};

#define REGION_SYSTEM_IO   1
#define FIELD_DWORD_ACCESS 3
#define METHOD_SERIALIZED  0x08

static void byte(struct bytes *aml, unsigned int value)
{
	bytes_put_number(aml, value, 1);
}

/* A name segment is four characters, padded with underscores (20.2.2). */
static void segment(struct bytes *aml, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < 4; i++)
		byte(aml, i < length ? (uint8_t)name[i] : '_');
}

void aml_path(struct bytes *aml, const char *path)
{
	if (*path == '\\')
		byte(aml, (uint8_t)*path++);
	segment(aml, path);
}

/* ---- terms with a length ----------------------------------------------------------------------- */

/*
 * PkgLength (20.2.4) counts itself: one byte up to 63; else 4 bits in the first and 8 in each of the
 * following ones, whose number the first byte's top bits tell.
 */
void aml_end(struct bytes *aml, size_t mark)
{
	size_t content = aml->size - mark, length;
	uint8_t encoded[4];
	unsigned int extra = 0;

	while (extra < 3 && content + 1 + extra > (extra ? (UINT64_C(16) << (8 * extra)) - 1 : 63))
		extra++;
	length = content + 1 + extra;
	if (!extra) {
		encoded[0] = (uint8_t)length;
	} else {
		encoded[0] = (uint8_t)(extra << 6 | (length & 0xf));
		for (unsigned int i = 0; i < extra; i++)
			encoded[1 + i] = (uint8_t)(length >> (4 + 8 * i));
	}
	bytes_insert(aml, mark, encoded, 1 + extra);
}

size_t aml_scope(struct bytes *aml, const char *path)
{
	size_t mark;

	byte(aml, OP_SCOPE);
	mark = aml->size;
	aml_path(aml, path);
	return mark;
}

size_t aml_device(struct bytes *aml, const char *path)
{
	size_t mark;

	byte(aml, EXT);
	byte(aml, EXT_DEVICE);
	mark = aml->size;
	aml_path(aml, path);
	return mark;
}

size_t aml_method(struct bytes *aml, const char *path, unsigned int arguments, bool serialized)
{
	size_t mark;

	byte(aml, OP_METHOD);
	mark = aml->size;
	aml_path(aml, path);
	byte(aml, arguments | (serialized ? METHOD_SERIALIZED : 0));
	return mark;
}

size_t aml_if(struct bytes *aml)
{
	byte(aml, OP_IF);
	return aml->size;
}

size_t aml_package(struct bytes *aml, unsigned int elements)
{
	size_t mark;

	byte(aml, OP_PACKAGE);
	mark = aml->size;
	byte(aml, elements);
	return mark;
}

/* ---- plain terms ------------------------------------------------------------------------------- */

void aml_name(struct bytes *aml, const char *path)
{
	byte(aml, OP_NAME);
	aml_path(aml, path);
}

void aml_integer(struct bytes *aml, uint64_t value)
{
	static const struct {
		uint64_t max;
		uint8_t opcode, size;
	} forms[] = {
		{UINT8_MAX, OP_BYTE, 1},
		{UINT16_MAX, OP_WORD, 2},
		{UINT32_MAX, OP_DWORD, 4},
		{UINT64_MAX, OP_QWORD, 8},
	};
	unsigned int i = 0;

	if (value <= 1) {
		byte(aml, (unsigned int)value); /* ZeroOp and OneOp */
		return;
	}
	while (value > forms[i].max)
		i++;
	byte(aml, forms[i].opcode);
	bytes_put_number(aml, value, forms[i].size);
}

void aml_string(struct bytes *aml, const char *text)
{
	byte(aml, OP_STRING);
	bytes_put(aml, text, strlen(text) + 1);
}

/* Three letters of five bits and four hexadecimal digits, big endian (19.3.4). */
void aml_eisaid(struct bytes *aml, const char *id)
{
	uint32_t packed = 0;

	for (unsigned int i = 0; i < 3; i++)
		packed = packed << 5 | (uint32_t)(id[i] - 0x40);
	packed = packed << 16 | (uint32_t)strtoul(id + 3, NULL, 16);
	byte(aml, OP_DWORD);
	bytes_put_number(aml, __builtin_bswap32(packed), 4);
}

void aml_argument(struct bytes *aml, unsigned int index)
{
	byte(aml, OP_ARG0 + index);
}

void aml_local(struct bytes *aml, unsigned int index)
{
	byte(aml, OP_LOCAL0 + index);
}

void aml_return(struct bytes *aml)
{
	byte(aml, OP_RETURN);
}

void aml_store(struct bytes *aml)
{
	byte(aml, OP_STORE);
}

void aml_notify(struct bytes *aml)
{
	byte(aml, OP_NOTIFY);
}

void aml_and(struct bytes *aml)
{
	byte(aml, OP_AND);
}

void aml_port_field(struct bytes *aml, const char *region, uint16_t port, uint8_t size,
	const char *field)
{
	size_t mark;

	byte(aml, EXT);
	byte(aml, EXT_REGION);
	aml_path(aml, region);
	byte(aml, REGION_SYSTEM_IO);
	aml_integer(aml, port);
	aml_integer(aml, size);

	byte(aml, EXT);
	byte(aml, EXT_FIELD);
	mark = aml->size;
	aml_path(aml, region);
	byte(aml, FIELD_DWORD_ACCESS);
	segment(aml, field);
	byte(aml, 32); /* bits, in PkgLength's form */
	aml_end(aml, mark);
}

/* ---- resources --------------------------------------------------------------------------------- */

#define END_TAG        0x79
#define PORT_TAG       0x47 /* small descriptors: type, and length in the low bits */
#define IRQ_TAG        0x22
#define FIXED_MEMORY   0x86
#define DWORD_WINDOW   0x87
#define WORD_WINDOW    0x88
#define EXTENDED_IRQ   0x89
#define QWORD_WINDOW   0x8a
#define WINDOW_MEMORY  0
#define WINDOW_BUS     2
#define WINDOW_FIXED   0x0c /* its minimum and maximum are fixed */
#define IRQ_EDGE       0x03 /* consumer, edge triggered, active high, exclusive */
#define READ_WRITE     1

/* The mark is where the buffer's bytes begin; its size term and length are put before them. */
size_t aml_resources(struct bytes *aml)
{
	byte(aml, OP_BUFFER);
	return aml->size;
}

void aml_resources_end(struct bytes *aml, size_t mark)
{
	struct bytes size = {0};

	byte(aml, END_TAG);
	byte(aml, 0); /* no checksum */
	aml_integer(&size, aml->size - mark);
	bytes_insert(aml, mark, size.data, size.size);
	bytes_release(&size);
	aml_end(aml, mark);
}

void aml_ports(struct bytes *aml, uint16_t base, uint8_t size)
{
	byte(aml, PORT_TAG);
	byte(aml, 1); /* decodes 16 bits */
	bytes_put_number(aml, base, 2);
	bytes_put_number(aml, base, 2);
	byte(aml, 1); /* alignment */
	byte(aml, size);
}

void aml_irq(struct bytes *aml, unsigned int isa_irq)
{
	byte(aml, IRQ_TAG); /* without flags: edge triggered, active high */
	bytes_put_number(aml, UINT64_C(1) << isa_irq, 2);
}

void aml_interrupt(struct bytes *aml, uint32_t gsi)
{
	byte(aml, EXTENDED_IRQ);
	bytes_put_number(aml, 6, 2);
	byte(aml, IRQ_EDGE);
	byte(aml, 1);
	bytes_put_number(aml, gsi, 4);
}

void aml_fixed_memory(struct bytes *aml, uint32_t base, uint32_t size)
{
	byte(aml, FIXED_MEMORY);
	bytes_put_number(aml, 9, 2);
	byte(aml, READ_WRITE);
	bytes_put_number(aml, base, 4);
	bytes_put_number(aml, size, 4);
}

/* Address space descriptors are the same in three widths: granularity, first, last, offset, length. */
static void window(struct bytes *aml, unsigned int tag, unsigned int width, unsigned int type,
	unsigned int type_flags, uint64_t first, uint64_t last)
{
	const uint64_t numbers[] = {0, first, last, 0, last - first + 1};

	byte(aml, tag);
	bytes_put_number(aml, 3 + sizeof(numbers) / sizeof(numbers[0]) * width, 2);
	byte(aml, type);
	byte(aml, WINDOW_FIXED);
	byte(aml, type_flags);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		bytes_put_number(aml, numbers[i], width);
}

void aml_bus_window(struct bytes *aml, uint16_t first, uint16_t last)
{
	window(aml, WORD_WINDOW, 2, WINDOW_BUS, 0, first, last);
}

void aml_memory_window32(struct bytes *aml, uint32_t base, uint32_t size)
{
	window(aml, DWORD_WINDOW, 4, WINDOW_MEMORY, READ_WRITE, base, (uint64_t)base + size - 1);
}

void aml_memory_window64(struct bytes *aml, uint64_t base, uint64_t size)
{
	window(aml, QWORD_WINDOW, 8, WINDOW_MEMORY, READ_WRITE, base, base + size - 1);
}
