// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages are read by process_vm_readv(2), what is there is told by /proc/PID/pagemap. */
#include "tuner/ksm/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "host/pagemap.h"
#include "lib/xalloc.h"

#define BATCH 64 /* pages in one call */

uint64_t probe_zero(void)
{
	static const char page[KSM_PAGE];

	return XXH3_64bits(page, sizeof(page));
}

/* ---- choosing ------------------------------------------------------------------------------- */

static bool of_small_pages(const struct guest_ram *ram)
{
	return ram->page_size == KSM_PAGE;
}

static uint64_t small_pages(const struct guest *guest)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < guest->ram_count; i++)
		pages += of_small_pages(&guest->ram[i]) ? guest->ram[i].size / KSM_PAGE : 0;
	return pages;
}

/* A page somewhere in each of @wanted equal strips of @ram; keeps those that are there and its own. */
static int choose(struct probe *probe, int pagemap, const struct guest_ram *ram, unsigned int wanted,
	unsigned int *own, unsigned int *foreign)
{
	uint64_t pages = ram->size / KSM_PAGE;

	for (unsigned int i = 0; i < wanted; i++) {
		uint64_t length, entry, page = ram->start / KSM_PAGE + sample_page(pages, wanted, i, &length);

		if (!pagemap_read(pagemap, page, &entry))
			return -ESRCH;
		if (!(entry & PAGEMAP_PRESENT))
			continue;
		if (entry & PAGEMAP_FILE) {
			(*foreign)++;
			continue;
		}
		(*own)++;
		probe->addresses[probe->count++] = page * KSM_PAGE;
	}
	return 0;
}

static int choose_all(struct probe *probe, const struct guest *guest, int pagemap)
{
	uint64_t all = small_pages(guest);
	unsigned int size = worth_sample_size(all), own = 0, foreign = 0, asked = 0;
	int status = 0;

	probe->addresses = xcalloc(size + guest->ram_count + 1, sizeof(*probe->addresses));
	for (unsigned int i = 0; status == 0 && i < guest->ram_count; i++) {
		const struct guest_ram *ram = &guest->ram[i];
		uint64_t pages = ram->size / KSM_PAGE, wanted = all ? size * pages / all : 0;

		if (!of_small_pages(ram) || !pages)
			continue;
		wanted = wanted ? wanted : 1;
		asked += (unsigned int)wanted;
		status = choose(probe, pagemap, ram, (unsigned int)wanted, &own, &foreign);
	}
	if (asked) {
		probe->pages = (uint64_t)((double)all * own / asked);
		probe->elsewhere = (uint64_t)((double)all * foreign / asked);
	}
	/* each page of the sample is there: so many there are at least */
	probe->pages = probe->pages < probe->count ? probe->count : probe->pages;
	return status;
}

/* ---- looking -------------------------------------------------------------------------------- */

/* Up to BATCH pages from @at; those that cannot be read any more get @gone, which is no hash of theirs. */
static int look_at(const struct probe *probe, unsigned int at, unsigned int length, uint64_t gone, uint64_t *hashes)
{
	char (*pages)[KSM_PAGE] = xmalloc((size_t)length * KSM_PAGE);
	struct iovec here = { .iov_base = pages, .iov_len = (size_t)length * KSM_PAGE }, there[BATCH];
	ssize_t got;

	for (unsigned int i = 0; i < length; i++)
		there[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)probe->addresses[at + i], .iov_len = KSM_PAGE };
	got = process_vm_readv(probe->pid, &here, 1, there, length, 0);
	if (got < 0 && errno != EFAULT) {
		free(pages);
		return -errno;
	}
	for (unsigned int i = 0; i < length; i++)
		hashes[at + i] = got >= (ssize_t)((i + 1) * KSM_PAGE) ? XXH3_64bits(pages[i], KSM_PAGE) : gone;
	free(pages);
	return 0;
}

static int look(const struct probe *probe, uint64_t gone, uint64_t *hashes, struct error *err)
{
	int status = 0;

	for (unsigned int at = 0; status == 0 && at < probe->count; at += BATCH)
		status = look_at(probe, at, probe->count - at < BATCH ? probe->count - at : BATCH, gone, hashes);
	return status < 0 ? error_errno(err, -status, "reading memory of PID %d", (int)probe->pid) : 0;
}

int probe_begin(const struct guest *guest, struct probe *probe, struct error *err)
{
	int pagemap = pagemap_open(guest->pid), status = pagemap < 0 ? -errno : 0;

	*probe = (struct probe){ .pid = guest->pid };
	if (status == 0) {
		status = choose_all(probe, guest, pagemap);
		close(pagemap);
	}
	if (status < 0)
		return error_errno(err, -status, "/proc/%d/pagemap", (int)guest->pid);
	for (unsigned int i = 0; i < guest->ram_count; i++)
		probe->elsewhere += of_small_pages(&guest->ram[i]) ? 0 : guest->ram[i].size / KSM_PAGE;
	probe->first = xcalloc(probe->count + 1, sizeof(*probe->first));
	probe->second = xcalloc(probe->count + 1, sizeof(*probe->second));
	return look(probe, 1, probe->first, err);
}

int probe_again(struct probe *probe, struct error *err)
{
	return look(probe, 2, probe->second, err);
}

struct worth_sample probe_sample(const struct probe *probe)
{
	return (struct worth_sample){ probe->pages, probe->first, probe->second, probe->count };
}

void probe_release(struct probe *probe)
{
	free(probe->addresses);
	free(probe->first);
	free(probe->second);
	*probe = (struct probe){ 0 };
}
