// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A balloon's pages have 4 KiB, and of a huge page the host can only have the whole. So the pages that
 * the driver gave up are remembered, and a huge page goes back when its last page comes. Linux takes
 * its balloon's pages from wherever they are free, so this may be long after the first one.
 *
 * That is sound only if the driver says before it uses a page again that it takes it back
 * (VIRTIO_BALLOON_F_MUST_TELL_HOST, which the caller checks): else the last page could come while the
 * first one is in use already.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "vmm/virtio/balloon_internal.h"

#define WORD 64u

struct balloon_huge {
	struct guest_memory *memory;
	uint64_t pages;    /* guest page numbers are below */
	uint64_t unit;     /* pages in the smallest huge page of the guest */
	uint64_t *given;   /* bit per page */
	uint32_t *count;   /* of them, by unit */
};

/* The smallest size of huge pages among the nodes, in bytes; 0 without any. */
static uint64_t smallest(const struct guest_memory *memory)
{
	uint64_t least = 0;

	for (unsigned int i = 0; i < memory->region_count; i++) {
		uint64_t size = memory_page_size(memory, memory->regions[i].gpa);

		if (size > BALLOON_PAGE && (!least || size < least))
			least = size;
	}
	return least;
}

struct balloon_huge *balloon_huge_new(struct guest_memory *memory)
{
	uint64_t size = smallest(memory);
	struct balloon_huge *huge;

	if (!size)
		return NULL;
	huge = xcalloc(1, sizeof(*huge));
	huge->memory = memory;
	huge->pages = memory->high_end / BALLOON_PAGE;
	huge->unit = size / BALLOON_PAGE;
	huge->given = xcalloc(huge->pages / WORD + 1, sizeof(*huge->given));
	huge->count = xcalloc(huge->pages / huge->unit + 1, sizeof(*huge->count));
	return huge;
}

void balloon_huge_free(struct balloon_huge *huge)
{
	if (!huge)
		return;
	free(huge->given);
	free(huge->count);
	free(huge);
}

/* Anew, and not cleared: memory nobody has written to costs nothing. */
void balloon_huge_reset(struct balloon_huge *huge)
{
	if (!huge)
		return;
	free(huge->given);
	free(huge->count);
	huge->given = xcalloc(huge->pages / WORD + 1, sizeof(*huge->given));
	huge->count = xcalloc(huge->pages / huge->unit + 1, sizeof(*huge->count));
}

bool balloon_huge_has(const struct balloon_huge *huge, uint32_t pfn)
{
	return pfn < huge->pages && huge->given[pfn / WORD] >> pfn % WORD & 1;
}

/* Whether all units of the huge page that begins at @pfn are given up. */
static bool complete(const struct balloon_huge *huge, uint64_t pfn, uint64_t pages)
{
	for (uint64_t at = pfn; at < pfn + pages; at += huge->unit)
		if (huge->count[at / huge->unit] < huge->unit)
			return false;
	return true;
}

uint64_t balloon_huge_give(struct balloon_huge *huge, uint32_t pfn)
{
	uint64_t size = memory_page_size(huge->memory, pfn * BALLOON_PAGE);
	uint64_t first = pfn * BALLOON_PAGE & ~(size - 1);
	int64_t back;

	if (balloon_huge_has(huge, pfn))
		return 0;
	huge->given[pfn / WORD] |= UINT64_C(1) << pfn % WORD;
	huge->count[pfn / huge->unit]++;
	if (!complete(huge, first / BALLOON_PAGE, size / BALLOON_PAGE))
		return 0;
	back = memory_discard(huge->memory, first, size);
	return back > 0 ? (uint64_t)back : 0;
}

void balloon_huge_take(struct balloon_huge *huge, uint32_t pfn)
{
	if (!balloon_huge_has(huge, pfn))
		return;
	huge->given[pfn / WORD] &= ~(UINT64_C(1) << pfn % WORD);
	huge->count[pfn / huge->unit]--;
}
