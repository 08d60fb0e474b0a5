/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI generic event device (ACPI 6.4, 5.6.9): one interrupt and a register that tells what happened.
 * The DSDT's _EVT method reads it and notifies the device concerned: today, the power button.
 */
#ifndef VMTUNE_VMM_HW_GED_H
#define VMTUNE_VMM_HW_GED_H

#include "lib/error.h"
#include "vmm/vm.h"

#define GED_POWER_BUTTON 1u /* bit of the event register */

struct ged;

struct ged *ged_new(struct vm *vm, struct error *err);
void ged_free(struct ged *ged);
/* From any thread. The guest shuts down if it listens to its power button. */
void ged_press_power(struct ged *ged);

#endif
