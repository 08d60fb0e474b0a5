/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On which nodes guest RAM lies: move_pages(2) with nodes NULL only asks. It takes the guest's mmap
 * lock for short whiles, where numa_maps and smaps hold it for the whole walk (66 ms for 8 GiB of 4K
 * pages; a page fault of the guest waits that long). A few thousand pages spread evenly over the RAM
 * give the shares to about one and a half percent, whatever the size.
 */
#include <errno.h>
#include <numaif.h>
#include <stdlib.h>
#include <string.h>

#include "host/guest_internal.h"
#include "host/pagemap.h"
#include "host/proc.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define BATCH 4096

struct survey {
	const struct guest *guest;
	struct guest_memory_map *map;
	const struct machine *machine;
	struct guest_pages *hidden;
	void *addresses[BATCH];
	uint64_t bytes[BATCH];   /* what each address stands for */
	int status[BATCH];
	unsigned int count;
	int result;
};

static void count_page(struct survey *survey, int node, uint64_t bytes)
{
	if (node < 0) /* -ENOENT: not there; -EFAULT: the zero page, or not mapped any more */
		return;
	survey->map->resident += bytes;
	for (unsigned int i = 0; i < survey->machine->node_count; i++)
		if ((int)survey->machine->nodes[i].os == node)
			survey->map->node_bytes[i] += bytes;
}

/* That a page is not there (-ENOENT, -EFAULT) is also said of one that NUMA balancing watches. */
static int node_of(struct survey *survey, unsigned int i)
{
	return survey->status[i] == -ENOENT || survey->status[i] == -EFAULT
		? guest_pages_node(survey->hidden, (uint64_t)(uintptr_t)survey->addresses[i])
		: survey->status[i];
}

static void ask(struct survey *survey)
{
	if (!survey->count || survey->result)
		return;
	if (move_pages(survey->guest->pid, survey->count, survey->addresses, NULL, survey->status, 0) < 0)
		survey->result = -errno;
	else
		for (unsigned int i = 0; i < survey->count; i++)
			count_page(survey, node_of(survey, i), survey->bytes[i]);
	survey->count = 0;
}

static void want(struct survey *survey, uint64_t address, uint64_t bytes)
{
	survey->addresses[survey->count] = (void *)(uintptr_t)address; /* in the guest, not in ours */
	survey->bytes[survey->count++] = bytes;
	if (survey->count == BATCH)
		ask(survey);
}

static void survey_all(struct survey *survey, const struct guest_ram *ram)
{
	for (uint64_t at = 0; at < ram->size && !survey->result; at += ram->page_size)
		want(survey, ram->start + at, ram->page_size);
}

/*
 * @samples pages, one somewhere in each of as many equal strips: even cover, and a guest that lays
 * its data out in strides cannot hide from it.
 */
static void survey_some(struct survey *survey, const struct guest_ram *ram, uint64_t samples)
{
	uint64_t pages = ram->size / ram->page_size;

	if (samples >= pages) {
		survey_all(survey, ram);
		return;
	}
	for (uint64_t i = 0; i < samples && !survey->result; i++) {
		uint64_t length, page = sample_page(pages, samples, i, &length);

		want(survey, ram->start + page * ram->page_size, length * ram->page_size);
	}
}

int guest_map_read(const struct guest *guest, const struct machine *machine, unsigned int samples,
	struct guest_memory_map *map)
{
	struct survey *survey;
	uint64_t pages = 0, total = 0;
	struct proc_stat stat;
	struct root here = {{0}};
	int result;

	memset(map, 0, sizeof(*map));
	/* A guest out of a file has a PID that means someone else here; so has one that has ended. */
	if (!guest->handles || proc_stat_read(&here, guest->pid, 0, &stat) < 0 ||
		stat.start != guest->start)
		return -ESRCH;
	for (unsigned int i = 0; i < guest->ram_count; i++) {
		pages += guest->ram[i].size / guest->ram[i].page_size;
		total += guest->ram[i].size;
	}
	if (!pages)
		return -ENODATA;
	map->exact = !samples || samples >= pages;
	map->node_count = machine->node_count;
	map->node_bytes = xcalloc(machine->node_count, sizeof(*map->node_bytes));
	survey = xcalloc(1, sizeof(*survey));
	survey->guest = guest;
	survey->map = map;
	survey->machine = machine;
	survey->hidden = guest_pages_open(guest);
	for (unsigned int i = 0; i < guest->ram_count; i++) {
		const struct guest_ram *ram = &guest->ram[i];

		if (map->exact)
			survey_all(survey, ram);
		else
			survey_some(survey, ram, (uint64_t)((double)samples * (double)ram->size /
				(double)total) + 1);
	}
	ask(survey);
	result = survey->result;
	guest_pages_close(survey->hidden);
	free(survey);
	if (result < 0)
		guest_map_release(map);
	return result;
}

int guest_locate(struct guest *guest, const struct machine *machine, unsigned int samples)
{
	struct guest_memory_map map;
	int status;

	if (!guest->handles)
		return guest->node_bytes ? 0 : -ENODATA;
	status = guest_map_read(guest, machine, samples, &map);
	if (status == 0) {
		free(guest->node_bytes);
		guest->node_bytes = steal_pointer(&map.node_bytes);
		guest->node_count = map.node_count;
	}
	guest_map_release(&map);
	return status;
}

void guest_map_release(struct guest_memory_map *map)
{
	free(map->node_bytes);
	memset(map, 0, sizeof(*map));
}
