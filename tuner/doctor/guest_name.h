/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a guest is named in a command that is printed for a shell. */
#ifndef VMTUNE_TUNER_DOCTOR_GUEST_NAME_H
#define VMTUNE_TUNER_DOCTOR_GUEST_NAME_H

#include "host/guest.h"

#define GUEST_NAME_MAX 64

/*
 * The guest's name, or its PID when the name holds anything that a shell could take for more than a
 * word: names are chosen by whoever starts the guest. Returns @buf.
 */
const char *guest_operand(char buf[GUEST_NAME_MAX], const struct guest *guest);

#endif
