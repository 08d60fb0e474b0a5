/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550 at COM1, polled, from ring 3. */
#ifndef VMTUNE_GUEST_SERIAL_H
#define VMTUNE_GUEST_SERIAL_H

#include "guest/types.h"

void serial_init(void);
/* Sends all bytes, those of one call together, whatever other CPUs send. */
void serial_write(const char *text, size_t length);
/* Takes up to @size received bytes without waiting; one exit when there are none. */
size_t serial_read(char *into, size_t size);

#endif
