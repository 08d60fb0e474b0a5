/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio balloon (virtio 1.2, 5.5): target, statistics, deflate on OOM, page poison, free page reporting
 * and free page hinting. All functions but balloon_check() on the I/O thread.
 */
#ifndef VMTUNE_VMM_VIRTIO_BALLOON_H
#define VMTUNE_VMM_VIRTIO_BALLOON_H

#include <stdint.h>

#include "vmm/vm.h"

struct virtio_device;
struct vm_config;

#define BALLOON_STATS 16 /* tags of linux/virtio_balloon.h, also those newer than Debian's header */

struct balloon_stats {
	int64_t last_update; /* seconds since the epoch of the guest's last answer, 0: none yet */
	uint64_t value[BALLOON_STATS]; /* at most INT64_MAX; amounts of memory at most the guest's RAM */
	uint32_t valid;      /* bit per tag; guests need not send all */
	uint32_t clamped;    /* bit per tag: the guest said more than can be */
};

/* Free page reporting since the driver's start. */
struct balloon_report {
	uint64_t reported;  /* bytes */
	uint64_t discarded; /* bytes of them that went back to the host, again each time */
	uint64_t discards;  /* system calls for them */
};

enum balloon_hint_state { BALLOON_HINT_NONE, BALLOON_HINT_ASKED, BALLOON_HINT_RUNNING, BALLOON_HINT_DONE,
	BALLOON_HINT_TIMED_OUT };

/* What is known of the balloon, beside its statistics. */
struct balloon_info {
	uint64_t ram, actual, target;      /* bytes; actual, target: what the guest has and should have */
	bool driver;                       /* a driver is at work */
	uint64_t features;                 /* those it accepted */
	uint32_t poison;
	uint64_t discarded, discards;      /* by inflating, since the driver's start */
	int64_t stats_age_ms;              /* since the last answer; negative: there was none */
	bool stats_silent;                 /* an answer is overdue */
	struct balloon_report report;
	enum balloon_hint_state hint_state;
	uint64_t hinted, hinted_resident;  /* bytes */
};

/*
 * Why a guest of this configuration cannot have a balloon that gives anything back, as an error:
 * memory on huge pages that cannot be given back. 0 when it can.
 */
int balloon_check(const struct vm_config *config, struct error *err);
/* Adds the device to @vm (vm->balloon). Fails as balloon_check() does. */
int balloon_add(struct vm *vm, struct error *err);
/* The device on its own, for another transport (tests): freed with its ops->free. */
struct virtio_device *balloon_new(struct vm *vm, struct error *err);
struct balloon *balloon_of(struct virtio_device *device);

/*
 * Sets the size the guest should keep, in bytes (QEMU's meaning of "balloon": RAM minus what the
 * balloon holds). -EINVAL with @err for 0 or more than the guest's RAM. The target outlives a reset.
 */
int balloon_set_target(struct balloon *balloon, uint64_t guest_bytes, struct error *err);
/* RAM minus what the driver says it holds, clamped to [0, RAM]. Bytes. */
uint64_t balloon_actual(struct balloon *balloon);
void balloon_get_info(struct balloon *balloon, struct balloon_info *info);
void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats);
/* Asks the guest for statistics each @seconds; 0 stops (QEMU's guest-stats-polling-interval). */
void balloon_set_polling(struct balloon *balloon, unsigned int seconds);
unsigned int balloon_get_polling(struct balloon *balloon);
/* QEMU's stat name ("stat-free-memory") of tag @tag. */
const char *balloon_stat_name(unsigned int tag);
/*
 * Begins a round of free page hinting: the driver names its free pages, which are counted and not
 * touched. -ENODEV with @err when the driver does not do that, -EBUSY while a round is on.
 */
int balloon_hint_start(struct balloon *balloon, struct error *err);

#endif
