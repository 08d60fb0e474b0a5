/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The C library functions that the guest (and the compiler behind its back) calls. */
#include "guest/types.h"

void *memcpy(void *to, const void *from, size_t length)
{
	void *p = to;

	__asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(length) : : "memory");
	return to;
}

void *memset(void *to, int value, size_t length)
{
	void *p = to;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(length) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
	const unsigned char *x = a, *y = b;

	for (; length; length--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}
