/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio entropy device (virtio 1.2, 5.4), fed by getrandom(2). */
#ifndef VMTUNE_VMM_VIRTIO_RNG_H
#define VMTUNE_VMM_VIRTIO_RNG_H

#include "lib/error.h"

struct vm;

int rng_add(struct vm *vm, struct error *err);

#endif
