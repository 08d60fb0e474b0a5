/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-blk (virtio 1.2, 5.2) on a raw image file or a block device. */
#ifndef VMTUNE_VMM_VIRTIO_BLK_H
#define VMTUNE_VMM_VIRTIO_BLK_H

#include "lib/error.h"
#include "vmm/options.h"
#include "vmm/vm.h"

/*
 * Opens and locks the image and puts the disk on the VM's PCI bus, which frees it. Errors name the
 * path: missing, not a file or block device, in use by another process, not whole sectors.
 */
int blk_add(struct vm *vm, const struct disk_config *config, struct error *err);

#endif
