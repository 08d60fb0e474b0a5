/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other CPUs: started one by one, then asleep in ring 0 (hlt) until there is work. */
#ifndef VMTUNE_GUEST_SMP_H
#define VMTUNE_GUEST_SMP_H

#include "guest/guest.h"

/* Starts the CPUs of the MADT (or 0 .. cpus-1 when options say how many). False: @missing did not come. */
bool smp_start(struct guest *guest, uint32_t *missing);
/* Chooses guest->thread. NULL, or what is wrong. */
const char *smp_choose_threads(struct guest *guest);
/* Runs @fn on each of guest->thread and returns when all are done. */
void smp_run(struct guest *guest, work_fn *fn, void *arg);
/* Waits until all @count threads are here, at most some milliseconds apart. *@barrier starts at 0. */
void smp_barrier(uint64_t *barrier, unsigned int count);

#endif
