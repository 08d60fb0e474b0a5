/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of the balloon: balloon.c (configuration, inflate, deflate, which queue is
 * which), balloon_stats.c (statistics), balloon_huge.c (huge pages, collected page by page),
 * balloon_report.c (free pages reported), balloon_hint.c (free pages counted).
 */
#ifndef VMTUNE_VMM_VIRTIO_BALLOON_INTERNAL_H
#define VMTUNE_VMM_VIRTIO_BALLOON_INTERNAL_H

#include <linux/virtio_balloon.h>

#include "vmm/virtio/balloon.h"
#include "vmm/virtio/virtio.h"

#define BALLOON_PAGE ((uint64_t)1 << VIRTIO_BALLOON_PFN_SHIFT)

/* What a queue is for, in the order of 5.5.2. */
enum balloon_role { ROLE_INFLATE, ROLE_DEFLATE, ROLE_STATS, ROLE_HINT, ROLE_REPORT, BALLOON_ROLES };

struct balloon_huge;

/* The statistics queue: one buffer of the driver's is held between two answers. */
struct balloon_stats_queue {
	struct loop_source *timer;
	unsigned int polling;   /* seconds */
	bool held;
	uint16_t head;          /* the driver's buffer, while held */
	int64_t asked_ms;       /* monotonic; since when an answer is due, 0: none is */
	int64_t answered_ms;    /* monotonic; 0: never */
	struct balloon_stats stats;
};

struct balloon_hint {
	struct loop_source *deadline;
	uint32_t id;            /* command id of the last round */
	enum balloon_hint_state state;
	uint64_t hinted, resident; /* bytes */
};

/* Everything is the I/O thread's but for what config_lock guards. */
struct balloon {
	struct virtio_device device;
	uint64_t ram;           /* bytes */
	uint32_t target_pages;  /* what num_pages says; under config_lock */
	uint32_t actual_pages;  /* what the driver said last, clamped; under config_lock */
	uint32_t command;       /* free_page_hint_cmd_id; under config_lock */
	uint32_t poison;        /* what free pages of the guest must hold; under config_lock */
	uint64_t discarded, discards; /* by inflating: bytes, and system calls for them */
	struct balloon_huge *huge; /* NULL: no node is on huge pages */
	struct balloon_stats_queue stats;
	struct balloon_report report;
	struct balloon_hint hint;
};

/* balloon.c */
/* The queue that the driver uses for @role; NULL without the feature. */
struct virtqueue *balloon_queue(struct balloon *balloon, enum balloon_role role);
uint32_t balloon_poison(struct balloon *balloon);
/* Sets free_page_hint_cmd_id (5.5.6.4) and tells the driver. */
void balloon_command(struct balloon *balloon, uint32_t command);
int64_t balloon_now_ms(void); /* monotonic */

/* balloon_stats.c */
int balloon_stats_init(struct balloon *balloon, struct error *err);
void balloon_stats_serve(struct balloon *balloon, struct virtqueue *queue);
void balloon_stats_reset(struct balloon *balloon);
/* Fills in the age of the statistics. */
void balloon_stats_info(struct balloon *balloon, struct balloon_info *info);
void balloon_stats_release(struct balloon *balloon);

/* balloon_huge.c: NULL when no node of @memory is on huge pages. */
struct balloon_huge *balloon_huge_new(struct guest_memory *memory);
void balloon_huge_free(struct balloon_huge *huge);
/* The driver begins anew: the balloon has no pages. */
void balloon_huge_reset(struct balloon_huge *huge);
/*
 * The driver gave up page @pfn, which lies on a huge page, or took it back. Returns the bytes that went
 * back to the host: a whole huge page when this was its last page.
 */
uint64_t balloon_huge_give(struct balloon_huge *huge, uint32_t pfn);
void balloon_huge_take(struct balloon_huge *huge, uint32_t pfn);
bool balloon_huge_has(const struct balloon_huge *huge, uint32_t pfn);

/* balloon_report.c */
void balloon_report_serve(struct balloon *balloon, struct virtqueue *queue);

/* balloon_hint.c */
int balloon_hint_init(struct balloon *balloon, struct error *err);
void balloon_hint_serve(struct balloon *balloon, struct virtqueue *queue);
void balloon_hint_reset(struct balloon *balloon);
void balloon_hint_release(struct balloon *balloon);

#endif
