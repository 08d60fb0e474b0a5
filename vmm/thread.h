/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every thread of vmm does first: a name, a place, its signals. All act on the calling thread. */
#ifndef VMTUNE_VMM_THREAD_H
#define VMTUNE_VMM_THREAD_H

#include "lib/error.h"
#include "lib/idset.h"

/* At most 15 characters; what ps -L and vmtop show. */
void thread_set_name(const char *name);
/* Runs only on these host CPUs from now on. -EINVAL with @err naming them when none may be used. */
int thread_pin(const struct idset *cpus, struct error *err);
/* The host CPUs the calling thread may run on. */
void thread_get_cpus(struct idset *cpus);
/* Blocks all signals but those that report a bug, for this thread and the ones it creates. */
void thread_block_signals(void);
void thread_allow_signal(int signal_number);

#endif
