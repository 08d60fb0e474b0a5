/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which CPUs dedicated vCPUs get: a core is given to one VM whole, so that no VM feels another one's
 * sibling thread; all of them of one kind and behind one last-level cache when that has enough.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/placement/capacity.h"

/* Where cores are alike: behind one cache, of one kind (a hybrid CPU has fast and frugal ones). */
struct corner {
	unsigned int llc;
	int kind;
};

/* The usable CPUs of one core in a room; @first is its lowest one. */
struct core {
	unsigned int id, first;
	struct corner corner;
	struct idset cpus;
	bool isolated, kept; /* kept: the room's first core, for the host, or one with a CPU for I/O */
};

struct cores {
	struct core *cores;
	unsigned int count;
};

/* Isolated cores were set aside for guests: first. The host's and I/O's: last. Otherwise by number. */
static int by_preference(const void *a, const void *b)
{
	const struct core *left = a, *right = b;

	if (left->kept != right->kept)
		return left->kept ? 1 : -1;
	if (left->isolated != right->isolated)
		return left->isolated ? -1 : 1;
	return left->first < right->first ? -1 : left->first > right->first;
}

static struct core *core_of(struct cores *list, const struct machine_cpu *cpu)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (list->cores[i].id == cpu->core)
			return &list->cores[i];
	list->cores = xreallocarray(list->cores, list->count + 1, sizeof(*list->cores));
	list->cores[list->count] = (struct core){ .id = cpu->core, .first = cpu->os,
		.corner = { cpu->llc, cpu->kind } };
	return &list->cores[list->count++];
}

/* The untouched cores of a room in order of preference. The caller frees ->cores. */
static struct cores untouched(const struct capacity *capacity, const struct room *room)
{
	int lowest = idset_next(&room->cpus, -1);
	struct cores list = { 0 };

	idset_for_each(id, &room->cpus) {
		const struct machine_cpu *cpu = machine_cpu_of(capacity->machine, (unsigned int)id);
		struct core *core;

		if (!cpu || idset_has(&capacity->fenced, cpu->os) || idset_has(&capacity->claimed, cpu->os))
			continue;
		core = core_of(&list, cpu);
		idset_add(&core->cpus, cpu->os);
		core->isolated |= idset_has(&capacity->machine->isolated, cpu->os);
		core->kept |= id == lowest || idset_has(&capacity->io, cpu->os);
	}
	if (list.count)
		qsort(list.cores, list.count, sizeof(*list.cores), by_preference);
	return list;
}

static bool in_corner(const struct core *core, struct corner corner)
{
	return core->corner.llc == corner.llc && core->corner.kind == corner.kind;
}

static unsigned int count_in_corner(const struct cores *list, struct corner corner)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < list->count; i++)
		if (in_corner(&list->cores[i], corner))
			count += idset_count(&list->cores[i].cpus);
	return count;
}

unsigned int cores_free(const struct capacity *capacity, const struct room *room)
{
	struct cores list = untouched(capacity, room);
	unsigned int count = 0;

	for (unsigned int i = 0; i < list.count; i++)
		count += idset_count(&list.cores[i].cpus);
	free(list.cores);
	return count;
}

/* How well a corner serves @count CPUs: 2 without cores that are kept, 1 with them, 0 not alone. */
static int corner_fit(const struct cores *list, struct corner corner, unsigned int count)
{
	unsigned int all = count_in_corner(list, corner), kept = 0;

	for (unsigned int i = 0; i < list->count; i++)
		if (in_corner(&list->cores[i], corner) && list->cores[i].kept)
			kept += idset_count(&list->cores[i].cpus);
	return all - kept >= count ? 2 : all >= count;
}

/*
 * The corner to take from next: of those that serve best the fastest, then the one with the fewest free
 * CPUs (best fit); when none has enough, the one with the most.
 */
static struct corner best_corner(const struct cores *list, unsigned int count)
{
	struct corner best = list->cores[0].corner;

	for (unsigned int i = 1; i < list->count; i++) {
		struct corner corner = list->cores[i].corner;
		int fit = corner_fit(list, corner, count), best_fit = corner_fit(list, best, count);
		unsigned int now = count_in_corner(list, corner), best_now = count_in_corner(list, best);

		if (fit != best_fit ? fit > best_fit : !fit ? now > best_now
		    : corner.kind != best.kind ? corner.kind > best.kind : now < best_now)
			best = corner;
	}
	return best;
}

/* Up to @count CPUs of a core, one for I/O only when there is no other. Returns how many. */
static unsigned int take_threads(const struct core *core, const struct idset *io, unsigned int count,
	unsigned int *order)
{
	unsigned int taken = 0;

	for (int for_io = 0; for_io < 2; for_io++)
		idset_for_each(cpu, &core->cpus)
			if (taken < count && idset_has(io, (unsigned int)cpu) == for_io)
				order[taken++] = (unsigned int)cpu;
	return taken;
}

/* Takes up to @count CPUs in one corner off the list. Returns how many. */
static unsigned int take_from_corner(struct cores *list, struct corner corner, const struct idset *io,
	unsigned int count, unsigned int *order)
{
	unsigned int taken = 0, kept = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		struct core *core = &list->cores[i];

		if (!in_corner(core, corner) || taken == count) {
			list->cores[kept++] = *core;
			continue;
		}
		taken += take_threads(core, io, count - taken, order + taken);
	}
	list->count = kept;
	return taken;
}

/* Neighbouring vCPUs on neighbouring CPUs: by cache, core and thread, whatever the order of taking. */
static int by_topology(const void *a, const void *b, void *machine)
{
	return machine_cpu_compare(machine_cpu_of(machine, *(const unsigned int *)a),
		machine_cpu_of(machine, *(const unsigned int *)b));
}

bool cores_take(struct capacity *capacity, const struct room *room, unsigned int count,
	unsigned int *order)
{
	struct idset cpus = { 0 };
	struct cores list;
	unsigned int taken = 0;

	if (cores_free(capacity, room) < count)
		return false;
	list = untouched(capacity, room);
	while (taken < count && list.count)
		taken += take_from_corner(&list, best_corner(&list, count - taken), &capacity->io, count - taken,
			order + taken);
	for (unsigned int i = 0; i < count; i++)
		idset_add(&cpus, order[i]);
	capacity_dedicate(capacity, &cpus);
	qsort_r(order, count, sizeof(*order), by_topology, (void *)capacity->machine);
	free(list.cores);
	return true;
}
