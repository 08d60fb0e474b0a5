/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMTUNE_GUEST_BREATHE_H
#define VMTUNE_GUEST_BREATHE_H

#include "guest/guest.h"

/* Lets the working set fall or rise when it is time. On the boot CPU. */
void breathe_tick(struct guest *guest);

#endif
