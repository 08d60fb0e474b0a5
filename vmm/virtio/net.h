/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-net (virtio 1.2, 5.1): one queue pair over a tap interface or libslirp. */
#ifndef VMTUNE_VMM_VIRTIO_NET_H
#define VMTUNE_VMM_VIRTIO_NET_H

#include "lib/error.h"
#include "vmm/options.h"
#include "vmm/vm.h"

/*
 * Opens the backend and puts the interface on the VM's PCI bus, which frees it. An all-zero MAC
 * address is replaced by one derived from the VM's name and the interface's number, the same at
 * every start. Errors name the tap interface or the library that is missing.
 */
int net_add(struct vm *vm, const struct net_config *config, struct error *err);

#endif
