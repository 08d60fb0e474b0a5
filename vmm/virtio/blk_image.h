/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening a raw disk image: a regular file or a block device, locked against a second writer. */
#ifndef VMTUNE_VMM_VIRTIO_BLK_IMAGE_H
#define VMTUNE_VMM_VIRTIO_BLK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#define SECTOR_SIZE 512u /* virtio-blk counts in these whatever the disk's block size is */

/*
 * Returns a file descriptor and the size in *@sectors, or negative with @err naming @path. The lock
 * (open file description lock over the whole file, shared for a read-only disk) lives as long as
 * the descriptor; QEMU's own image locks conflict with it too.
 */
int blk_image_open(const char *path, bool readonly, uint64_t *sectors, struct error *err);

#endif
