/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long single accesses took, as a histogram for each thread: eight buckets for each doubling, so a
 * percentile is right to an eighth. A sample is what is between two reads of the clock, and those
 * take some tens of cycles themselves.
 */
#ifndef VMTUNE_GUEST_PROBE_H
#define VMTUNE_GUEST_PROBE_H

#include "guest/guest.h"
#include "guest/types.h"

/* Makes room for the samples of all threads; before the first one. */
void probe_init(const struct guest *guest);
void probe_add(unsigned int thread, uint64_t ticks);
/* Prints median, 99th percentile and maximum of the samples since the last time. */
void probe_report(const struct guest *guest);

#endif
