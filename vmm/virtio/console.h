/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio console (virtio 1.2, 5.3): one port over a character backend. */
#ifndef VMTUNE_VMM_VIRTIO_CONSOLE_H
#define VMTUNE_VMM_VIRTIO_CONSOLE_H

#include "lib/error.h"

struct vm;
struct chardev_config; /* options.h */

/*
 * Adds a console whose bytes go to and come from the backend that @config describes. CHARDEV_NONE
 * is a caller's mistake (-EINVAL); leave the device out instead. The console owns its backend.
 */
int console_add(struct vm *vm, const struct chardev_config *config, struct error *err);

#endif
