/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing nodes for a VM that may live anywhere: as few as hold it, and of those the set with the
 * best score. For a VM that fits into a node every node is a candidate; for a larger one every node
 * is tried as a centre together with the ones nearest to it (which is what makes this quick on hosts
 * with many nodes), first in equal parts, then in parts as large as the nodes are free.
 *
 * The score is compared field by field. A node that is not overcommitted beats one that is, but among
 * those that are not the tightest fit wins: what is left stays in large pieces.
 */
#include "tuner/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"

/* Smaller is better; the fields in order of importance. */
enum {
	SCORE_REMOTE,     /* homes whose memory is not beside their CPUs */
	SCORE_DISTANCE,   /* between the homes, pair by pair */
	SCORE_OVERCOMMIT, /* vCPUs a CPU in permille, where more than one */
	SCORE_CACHES,     /* dedicated: homes that do not fit behind one last-level cache */
	SCORE_IO,         /* dedicated: homes without a CPU left for I/O */
	SCORE_MEMORY,     /* bytes free now: the tightest fit leaves the largest rest elsewhere */
	SCORE_CPUS,       /* dedicated: CPUs left over */
	SCORE_FIELDS
};

struct score {
	uint64_t field[SCORE_FIELDS];
};

struct search {
	struct request *request;
	struct capacity *capacity;
	struct home *homes;      /* all candidates */
	unsigned int home_count;
	bool overcommit;         /* shared vCPUs may be more than there are CPUs */
	struct home *best;       /* NULL: nothing fits so far */
	unsigned int best_count;
	struct score best_score;
};

static bool better(const struct score *a, const struct score *b)
{
	for (int i = 0; i < SCORE_FIELDS; i++)
		if (a->field[i] != b->field[i])
			return a->field[i] < b->field[i];
	return false;
}

static unsigned int distance(const struct search *search, const struct home *a, const struct home *b)
{
	return machine_distance(search->capacity->machine, (int)a->memory->node->os,
		(int)b->memory->node->os);
}

/*
 * Sums of what all homes of the request take from a room: two homes may share one. A guest that runs
 * has its memory already, unless it is an attached one, whose memory follows it.
 */
static uint64_t bytes_on(const struct request *request, const struct room *room)
{
	uint64_t bytes = 0;

	if (request->guest && !request->vm->attach)
		return 0;
	for (unsigned int i = 0; i < request->home_count; i++)
		bytes += request->homes[i].memory == room ? request->homes[i].bytes : 0;
	return bytes;
}

static unsigned int vcpus_on(const struct request *request, const struct room *room)
{
	unsigned int vcpus = 0;

	for (unsigned int i = 0; i < request->home_count; i++)
		vcpus += request->homes[i].cpu == room ? idset_count(&request->homes[i].vcpus) : 0;
	return vcpus;
}

/* Dedicated vCPUs need whole free cores, and whoever shares the node needs a CPU all the same. */
static bool dedicated_fit(const struct search *search, const struct room *room, unsigned int vcpus)
{
	struct idset left = room->cpus;

	idset_subtract(&left, &search->capacity->dedicated);
	return vcpus <= cores_free(search->capacity, room) &&
		(!room->load || vcpus < idset_count(&left));
}

static bool fits(const struct search *search)
{
	const struct request *request = search->request;
	struct idset left = search->capacity->usable;

	for (unsigned int i = 0; i < request->home_count; i++) {
		const struct home *home = &request->homes[i];
		unsigned int vcpus = vcpus_on(request, home->cpu);
		struct idset shared = room_shared_cpus(search->capacity, home->cpu);

		if (bytes_on(request, home->memory) > room_bytes(home->memory, request->vm->pages))
			return false;
		if (request->vm->dedicated ? !dedicated_fit(search, home->cpu, vcpus)
		    : vcpus > idset_count(&shared) && (!search->overcommit || idset_empty(&shared)))
			return false;
	}
	/* The host and the I/O threads keep a CPU. */
	idset_subtract(&left, &search->capacity->dedicated);
	return !request->vm->dedicated || request->vm->vcpus < idset_count(&left);
}

static struct score rate(const struct search *search)
{
	const struct request *request = search->request;
	struct score score = { { 0 } };

	for (unsigned int i = 0; i < request->home_count; i++) {
		const struct home *home = &request->homes[i];
		unsigned int vcpus = vcpus_on(request, home->cpu);
		struct idset shared = room_shared_cpus(search->capacity, home->cpu);
		unsigned int cpus = idset_count(&shared), load = home->cpu->load + vcpus;
		uint64_t permille = cpus ? (uint64_t)load * 1000 / cpus : 0;

		score.field[SCORE_REMOTE] += home->cpu != home->memory;
		for (unsigned int j = 0; j < i; j++)
			score.field[SCORE_DISTANCE] += distance(search, home, &request->homes[j]);
		score.field[SCORE_MEMORY] += room_bytes(home->memory, request->vm->pages);
		if (request->vm->dedicated) {
			score.field[SCORE_CACHES] += cores_free_in_llc(search->capacity, home->cpu) < vcpus;
			score.field[SCORE_IO] += cpus <= vcpus;
			score.field[SCORE_CPUS] += cores_free(search->capacity, home->cpu) - vcpus;
		} else if (permille > 1000 && permille > score.field[SCORE_OVERCOMMIT]) {
			score.field[SCORE_OVERCOMMIT] = permille;
		}
	}
	return score;
}

/* Tries @count homes with these weights and keeps them when they are the best so far. */
static bool consider(struct search *search, const struct home *homes, const double *weights,
	unsigned int count)
{
	struct score score;

	request_split(search->request, homes, weights, count);
	if (!fits(search))
		return false;
	score = rate(search);
	if (search->best && !better(&score, &search->best_score))
		return true;
	free(search->best);
	search->best = steal_pointer(&search->request->homes);
	search->best_count = count;
	search->best_score = score;
	return true;
}

/* @sorted gets all homes, those nearest to @centre first; equally near ones by what they have free. */
static void sort_from(const struct search *search, unsigned int centre, struct home *sorted)
{
	enum page_choice pages = search->request->vm->pages;

	for (unsigned int i = 0; i < search->home_count; i++) {
		struct home home = search->homes[i];
		unsigned int near = i == centre ? 0 : distance(search, &home, &search->homes[centre]);
		unsigned int at = i;

		for (; at > 0; at--) {
			const struct home *other = &sorted[at - 1];
			unsigned int other_near = other->memory == search->homes[centre].memory &&
				other->cpu == search->homes[centre].cpu ? 0
				: distance(search, other, &search->homes[centre]);

			if (near > other_near || (near == other_near &&
				room_bytes(home.memory, pages) <= room_bytes(other->memory, pages)))
				break;
			sorted[at] = sorted[at - 1];
		}
		sorted[at] = home;
	}
}

static void try_count(struct search *search, unsigned int count)
{
	struct home *sorted = xcalloc(search->home_count, sizeof(*sorted));
	double *weights = xcalloc(count, sizeof(*weights));

	for (unsigned int centre = 0; centre < search->home_count; centre++) {
		sort_from(search, centre, sorted);
		for (unsigned int i = 0; i < count; i++) {
			uint64_t mib = room_bytes(sorted[i].memory, search->request->vm->pages) / MIB;

			weights[i] = (double)mib + 1;
		}
		if (!consider(search, sorted, NULL, count) && count > 1)
			consider(search, sorted, weights, count);
	}
	free(weights);
	free(sorted);
}

/* The most parts the VM can be in. */
static unsigned int most_homes(const struct search *search)
{
	const struct profile_vm *vm = search->request->vm;
	uint64_t steps = vm->memory / page_choice_step(vm->pages);
	unsigned int most = search->home_count;

	if (most > PROFILE_NODES_MAX)
		most = PROFILE_NODES_MAX;
	if (most > vm->vcpus)
		most = vm->vcpus;
	if (vm->guest_nodes && most > vm->guest_nodes)
		most = vm->guest_nodes;
	return most > steps ? (unsigned int)steps : most;
}

static void search_all(struct search *search)
{
	unsigned int most = most_homes(search);

	for (int pass = 0; pass < 2 && !search->best; pass++) {
		search->overcommit = pass;
		for (unsigned int count = 1; count <= most && !search->best; count++)
			try_count(search, count);
	}
}

/* What each node could give, for the refusal: "node 0: 300M and 1 CPU; node 1: ...". */
static void tell_rooms(const struct search *search, char *text, size_t size)
{
	const struct profile_vm *vm = search->request->vm;
	uint64_t page = page_choice_bytes(vm->pages);
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < search->capacity->room_count && used + 1 < size; i++) {
		const struct room *room = &search->capacity->rooms[i];
		struct idset shared = room_shared_cpus(search->capacity, room);
		unsigned int cpus = vm->dedicated ? cores_free(search->capacity, room) : idset_count(&shared);
		uint64_t bytes = room_bytes(room, vm->pages);
		int length = page > 4 * KIB
			? snprintf(text + used, size - used, "%snode %u: %" PRIu64 " pages, %u CPU%s",
				used ? "; " : "", room->node->os, bytes / page, cpus, cpus == 1 ? "" : "s")
			: snprintf(text + used, size - used, "%snode %u: %" PRIu64 "M, %u CPU%s",
				used ? "; " : "", room->node->os, bytes / MIB, cpus, cpus == 1 ? "" : "s");

		used += (size_t)length;
	}
}

static int refuse(const struct search *search, struct error *err)
{
	const struct profile_vm *vm = search->request->vm;
	uint64_t page = page_choice_bytes(vm->pages);
	char rooms[700], needs[96];

	if (page > 4 * KIB)
		snprintf(needs, sizeof(needs), "%" PRIu64 " pages of %s", vm->memory / page,
			page_choice_name(vm->pages));
	else
		snprintf(needs, sizeof(needs), "%" PRIu64 "M of memory", vm->memory / MIB);
	tell_rooms(search, rooms, sizeof(rooms));
	return profile_fault(&vm->at, &vm->at, err, "%s needs %s and %u %sCPU%s%s; left for it are %s", vm->name,
		needs, vm->vcpus, vm->dedicated ? "dedicated " : "", vm->vcpus == 1 ? "" : "s",
		vm->dedicated ? ", and one stays with the host and I/O" : "", rooms);
}

static void explain(const struct search *search)
{
	struct request *request = search->request;
	const struct home *home = &request->homes[0];
	struct idset nodes = { 0 };
	char list[128];

	if (request->home_count == 1) {
		request_why(request, "fits into node %u (%" PRIu64 "M of %" PRIu64 "M free)%s",
			home->memory->node->os, home->bytes / MIB,
			room_bytes(home->memory, request->vm->pages) / MIB,
			home->cpu == home->memory ? "" : ", whose CPUs are another node's");
	} else {
		for (unsigned int i = 0; i < request->home_count; i++)
			idset_add(&nodes, request->homes[i].memory->node->os);
		request_why(request, "no single node has room for it: split over nodes %s, distance %u",
			idset_format(&nodes, list, sizeof(list)),
			distance(search, home, &request->homes[1]));
	}
	if (search->overcommit)
		request_why(request, "more vCPUs than CPUs");
}

int place_auto(struct request *request, struct capacity *capacity, struct error *err)
{
	struct search search = { .request = request, .capacity = capacity };

	search.homes = homes_of(capacity, &search.home_count);
	search_all(&search);
	free(search.homes);
	free(request->homes);
	request->homes = search.best;
	request->home_count = search.best_count;
	if (!search.best)
		return refuse(&search, err);
	explain(&search);
	return 0;
}
