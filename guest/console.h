/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line protocol on the serial port, beside any job: one word a line, one line of JSON back. */
#ifndef VMTUNE_GUEST_CONSOLE_H
#define VMTUNE_GUEST_CONSOLE_H

#include "guest/guest.h"

/* Takes what has come in and answers complete lines. */
void console_poll(struct guest *guest);

#endif
