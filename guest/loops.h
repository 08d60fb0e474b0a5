/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The measured loops (loops.S says what each does to memory). Counts must not be 0. */
#ifndef VMTUNE_GUEST_LOOPS_H
#define VMTUNE_GUEST_LOOPS_H

#include "guest/types.h"

void *loop_chase(void *line, uint64_t steps);
void loop_triad(double *a, const double *b, const double *c, uint64_t count);
void loop_set(double *to, uint64_t count, uint64_t value);
void loop_write(void *page, uint64_t pages);
void loop_read(const void *page, uint64_t pages);
void loop_spin(uint64_t rounds);

#endif
