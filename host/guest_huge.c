/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much of a guest lies in transparent huge pages. smaps_rollup counts exactly, by a walk of the
 * page tables that holds the guest's mmap lock (7 ms a GiB of 4K pages). A guest with more memory is
 * sampled instead: the frame behind an address (pagemap) and whether that frame is part of a huge
 * page (kpageflags), which needs root and takes about a millisecond for all samples.
 */
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/guest_internal.h"
#include "host/pagemap.h"
#include "host/proc.h"
#include "lib/size.h"

#define ROLLUP_RSS_MAX GIB
#define SAMPLES        1024

struct huge_survey {
	int pagemap, kpageflags;
	bool refused;     /* frame numbers read as 0: no CAP_SYS_ADMIN */
};

static bool is_huge(struct huge_survey *survey, uint64_t address)
{
	uint64_t entry, flags;

	if (!pagemap_read(survey->pagemap, address / PAGEMAP_PAGE, &entry) || !(entry & PAGEMAP_PRESENT))
		return false;
	if (!(entry & PAGEMAP_FRAME) || !pagemap_read(survey->kpageflags, entry & PAGEMAP_FRAME, &flags)) {
		survey->refused = true;
		return false;
	}
	return flags >> KPF_THP & 1;
}

/* A page somewhere in each of equal strips, as guest_map_read() does. */
static uint64_t survey_ram(struct huge_survey *survey, const struct guest_ram *ram, uint64_t samples)
{
	uint64_t pages = ram->size / PAGEMAP_PAGE, huge = 0;

	for (uint64_t i = 0; i < samples && !survey->refused; i++) {
		uint64_t length, page = sample_page(pages, samples, i, &length);

		if (length && is_huge(survey, ram->start + page * PAGEMAP_PAGE))
			huge += length * PAGEMAP_PAGE;
	}
	return huge;
}

static uint64_t estimate(const struct guest *guest)
{
	struct huge_survey survey = {0};
	uint64_t huge = 0;

	survey.pagemap = pagemap_open(guest->pid);
	survey.kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	survey.refused = survey.pagemap < 0 || survey.kpageflags < 0 || !guest->ram_count;
	for (unsigned int i = 0; i < guest->ram_count && !survey.refused; i++)
		if (guest->ram[i].page_size == PAGEMAP_PAGE)
			huge += survey_ram(&survey, &guest->ram[i], (uint64_t)((double)SAMPLES *
				(double)guest->ram[i].size / (double)guest->configured) + 1);
	if (survey.pagemap >= 0)
		close(survey.pagemap);
	if (survey.kpageflags >= 0)
		close(survey.kpageflags);
	return survey.refused ? GUEST_UNKNOWN : huge;
}

void guest_refresh_huge(const struct root *root, struct guest *guest)
{
	char text[8192];

	guest->anon_huge = GUEST_UNKNOWN;
	if (guest->rss <= ROLLUP_RSS_MAX) {
		if (root_read(root, text, sizeof(text), "/proc/%d/smaps_rollup", guest->pid) > 0)
			guest->anon_huge = proc_field_bytes(text, "AnonHugePages");
	} else if (root_is_live(root) && guest->rss != GUEST_UNKNOWN) {
		guest->anon_huge = estimate(guest);
	}
}
