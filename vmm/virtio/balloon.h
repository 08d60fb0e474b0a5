/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio balloon (virtio 1.2, 5.5): target, statistics, deflate on OOM. */
#ifndef VMTUNE_VMM_VIRTIO_BALLOON_H
#define VMTUNE_VMM_VIRTIO_BALLOON_H

#include <stdint.h>

#include "vmm/vm.h"

#define BALLOON_STATS 16 /* tags of linux/virtio_balloon.h, also those newer than Debian's header */

struct balloon_stats {
	int64_t last_update; /* seconds since the epoch of the guest's last answer, 0: none yet */
	uint64_t value[BALLOON_STATS];
	uint32_t valid;      /* bit per tag; guests need not send all */
};

/* Adds the device to @vm (vm->balloon). */
int balloon_add(struct vm *vm, struct error *err);
/*
 * Sets the size the guest should keep, in bytes (QEMU's meaning of "balloon": RAM minus what the
 * balloon holds). -EINVAL with @err for 0 or more than the guest's RAM.
 */
int balloon_set_target(struct balloon *balloon, uint64_t guest_bytes, struct error *err);
/* RAM minus what the driver says it holds, clamped to [0, RAM]. Bytes. */
uint64_t balloon_actual(struct balloon *balloon);
void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats);
/* Asks the guest for statistics each @seconds; 0 stops (QEMU's guest-stats-polling-interval). */
void balloon_set_polling(struct balloon *balloon, unsigned int seconds);
unsigned int balloon_get_polling(struct balloon *balloon);
/* QEMU's stat name ("stat-free-memory") of tag @tag. */
const char *balloon_stat_name(unsigned int tag);

#endif
