/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COM1: a 16550A serial port over a character backend. */
#ifndef VMTUNE_VMM_HW_SERIAL_H
#define VMTUNE_VMM_HW_SERIAL_H

#include "lib/error.h"
#include "vmm/options.h"
#include "vmm/vm.h"

struct serial;

/* Puts the port on the VM's port bus. CHARDEV_NONE: a port that nobody listens to. */
struct serial *serial_new(struct vm *vm, const struct chardev_config *config, struct error *err);
void serial_free(struct serial *serial);

#endif
