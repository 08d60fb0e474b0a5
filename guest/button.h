/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI power button: pressed (QMP system_powerdown), it ends the guest as "quit" does. */
#ifndef VMTUNE_GUEST_BUTTON_H
#define VMTUNE_GUEST_BUTTON_H

#include "guest/guest.h"

/* On the boot CPU, with its APIC enabled. */
void button_init(const struct acpi *acpi);
void button_poll(struct guest *guest);

#endif
