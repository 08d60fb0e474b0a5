/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: the TSC, and how fast it runs. */
#ifndef VMTUNE_GUEST_CLOCK_H
#define VMTUNE_GUEST_CLOCK_H

#include "guest/types.h"

/* Finds the TSC's frequency; @pm_timer is the port of the ACPI PM timer, or 0. False: unknown. */
bool clock_init(uint16_t pm_timer);
uint64_t clock_khz(void);
/* Where the frequency came from: "cpuid-40000010", "kvmclock", ... */
const char *clock_source(void);

/* Conversion of TSC ticks; exact to a tick for times below an hour. */
uint64_t clock_ns(uint64_t ticks);
uint64_t clock_ticks_of_us(uint64_t us);
/* Waits without leaving the guest. Before clock_init() as if the TSC ran at 2 GHz. */
void clock_spin_us(uint64_t us);

#endif
