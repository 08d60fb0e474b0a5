/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a page is when move_pages(2) does not see it. Automatic NUMA balancing takes the access rights
 * off pages to learn who uses them, and from Linux 6.1 until it was repaired in 6.5 both move_pages(2)
 * and smaps take such a page for one that is not there (gup_can_follow_protnone). pagemap has its frame
 * all the same, and zoneinfo says which node that is part of. Needs CAP_SYS_ADMIN; without it frames
 * read as 0 and nothing is found.
 */
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/guest.h"
#include "host/pagemap.h"
#include "lib/xalloc.h"

#define WINDOW 512 /* entries read at once: of 2M */

struct zone {
	uint64_t first, count; /* page frames */
	int node;
};

struct guest_pages {
	pid_t pid;
	bool opened;             /* pagemap, once a page is asked for: also the ones never touched are */
	bool frames_known;       /* the rest, once a page is there after all: it seldom comes to that */
	int pagemap, kpageflags;
	struct zone *zones;
	unsigned int zone_count;
	uint64_t window[WINDOW];
	uint64_t first;          /* page number of window[0] */
	unsigned int count;      /* valid ones */
	uint64_t last;           /* page number asked for last */
};

/* "Node 0, zone DMA32", then among others "spanned 1044480" and "start_pfn: 4096". */
static void read_zones(struct guest_pages *pages)
{
	struct root here = {{0}};
	char *text = root_read_all(&here, NULL, "/proc/zoneinfo"), *rest = NULL;
	struct zone zone = { .node = -1 };

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "Node %d, zone", &zone.node) == 1)
			zone.count = 0;
		else if (sscanf(line, " spanned %" SCNu64, &zone.count) == 1)
			continue;
		else if (sscanf(line, " start_pfn: %" SCNu64, &zone.first) == 1 && zone.count) {
			pages->zones = xreallocarray(pages->zones, pages->zone_count + 1, sizeof(zone));
			pages->zones[pages->zone_count++] = zone;
		}
	}
	free(text);
}

struct guest_pages *guest_pages_open(const struct guest *guest)
{
	struct guest_pages *pages = xcalloc(1, sizeof(*pages));

	pages->pid = guest->pid;
	pages->pagemap = pages->kpageflags = -1;
	return pages;
}

static void open_pagemap(struct guest_pages *pages)
{
	pages->opened = true;
	pages->pagemap = pagemap_open(pages->pid);
}

static void learn_frames(struct guest_pages *pages)
{
	pages->frames_known = true;
	pages->kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	read_zones(pages);
}

void guest_pages_close(struct guest_pages *pages)
{
	if (pages->pagemap >= 0)
		close(pages->pagemap);
	if (pages->kpageflags >= 0)
		close(pages->kpageflags);
	free(pages->zones);
	free(pages);
}

static uint64_t entry_of(struct guest_pages *pages, uint64_t number)
{
	if (number < pages->first || number >= pages->first + pages->count) {
		/* one entry for a sample, many for a walk */
		size_t size = number == pages->last + 1 ? sizeof(pages->window) : sizeof(pages->window[0]);
		ssize_t got = pread(pages->pagemap, pages->window, size, (off_t)(number * sizeof(uint64_t)));

		pages->first = number;
		pages->count = got > 0 ? (unsigned int)got / (unsigned int)sizeof(uint64_t) : 0;
	}
	pages->last = number;
	return number - pages->first < pages->count ? pages->window[number - pages->first] : 0;
}

/* The kernel's page of zeros is nobody's memory. */
static bool is_zero_page(const struct guest_pages *pages, uint64_t frame)
{
	uint64_t flags = 0;

	return pagemap_read(pages->kpageflags, frame, &flags) && (flags >> KPF_ZERO_PAGE & 1);
}

int guest_pages_node(struct guest_pages *pages, uint64_t address)
{
	uint64_t entry, frame;

	if (!pages->opened)
		open_pagemap(pages);
	entry = pages->pagemap >= 0 ? entry_of(pages, address / PAGEMAP_PAGE) : 0;
	frame = entry & PAGEMAP_FRAME;
	if (!(entry & PAGEMAP_PRESENT) || !frame)
		return -1;
	if (!pages->frames_known)
		learn_frames(pages);
	if (is_zero_page(pages, frame))
		return -1;
	for (unsigned int i = 0; i < pages->zone_count; i++)
		if (frame >= pages->zones[i].first && frame - pages->zones[i].first < pages->zones[i].count)
			return pages->zones[i].node;
	return -1;
}

void guest_pages_forget(struct guest_pages *pages)
{
	pages->count = 0;
}
