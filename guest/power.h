/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ends the machine. */
#ifndef VMTUNE_GUEST_POWER_H
#define VMTUNE_GUEST_POWER_H

#include "guest/acpi.h"

/* @acpi must live on; without this call, power_off() knows only the ways that need no ACPI. */
void power_init(const struct acpi *acpi);
/* Tries ACPI S5, then the reset register, then ports known to VMMs, at last a triple fault. */
void power_off(void) __attribute__((noreturn));

#endif
