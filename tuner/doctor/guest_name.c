// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/doctor/guest_name.h"

#include <stdio.h>
#include <string.h>

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

const char *guest_operand(char buf[GUEST_NAME_MAX], const struct guest *guest)
{
	size_t length = strlen(guest->name);

	if (length && length < GUEST_NAME_MAX && guest->name[0] != '-' &&
		strspn(guest->name, PLAIN) == length)
		snprintf(buf, GUEST_NAME_MAX, "%s", guest->name);
	else
		snprintf(buf, GUEST_NAME_MAX, "%d", (int)guest->pid);
	return buf;
}
