/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC through its page (xAPIC): starting and waking CPUs, sleeping. */
#ifndef VMTUNE_GUEST_APIC_H
#define VMTUNE_GUEST_APIC_H

#include "guest/types.h"

/* Each CPU calls it for itself. */
void apic_enable(void);
uint32_t apic_id(void);
/* Measures the timer once, on the boot CPU; after clock_init(). */
void apic_calibrate(void);
/* INIT, then SIPI to the TRAMPOLINE page. */
void apic_start_cpu(uint32_t id);
/* Sends SIPI again; a CPU that runs already ignores it. */
void apic_sipi(uint32_t id);
/* True when an interrupt with @vector waits for this CPU to take it. */
bool apic_is_pending(unsigned int vector);
/* Ends the sleep of a CPU, or the next one when it is awake. */
void apic_wake(uint32_t id);
/* Halts this CPU for @us, or until apic_wake(); 0: until apic_wake() only. May wake up early. */
void apic_sleep_us(uint64_t us);

#endif
