/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a host still has to give while virtual machines are placed on it: memory and huge pages of
 * each node, CPUs that no one has to himself. Private to the planner; starts as a copy of the
 * machine's figures and is written down as VMs take their share. Nothing here changes the host.
 */
#ifndef VMTUNE_TUNER_CAPACITY_H
#define VMTUNE_TUNER_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

#include "host/snapshot.h"
#include "tuner/profile/profile.h"

enum { POOL_2M, POOL_1G, POOL_KINDS };

struct room_pool {
	uint64_t pages;     /* free now, or free once the profile's pool is made */
	bool fixed;         /* the profile says how many: no more can be added */
};

/* One NUMA node. */
struct room {
	const struct machine_node *node;
	uint64_t memory;    /* bytes of ordinary memory left, the host's share taken off */
	struct room_pool pools[POOL_KINDS];
	struct idset cpus;  /* usable CPUs: online and allowed */
	unsigned int load;  /* vCPUs of the profile that share this node's CPUs */
	double overcommit;  /* the least vCPUs a CPU that one of them bears; 0: no limit */
	double foreign;     /* vCPUs of guests outside of the profile that may run here, by their affinity */
	double busy;        /* how many of all these are busy */
};

struct capacity {
	const struct machine *machine;
	struct room *rooms; /* as machine->nodes */
	unsigned int room_count;
	struct idset usable;
	struct idset dedicated; /* CPUs with one vCPU of a VM of the profile, and no other */
	struct idset fenced;    /* all CPUs of their cores: a sibling would be felt */
	struct idset claimed;   /* all CPUs of the cores that VMs which share are pinned to, the profile's and others */
	struct idset io;        /* CPUs that the profile names for I/O */
};

void capacity_init(struct capacity *capacity, const struct profile *profile,
	const struct snapshot *snapshot);
void capacity_release(struct capacity *capacity);

struct room *capacity_room(const struct capacity *capacity, int node);

/* Bytes of @pages that a room can give; for pools in whole pages. */
uint64_t room_bytes(const struct room *room, enum page_choice pages);
/* Takes @bytes (a multiple of the page size, at most room_bytes()). */
void room_take(struct room *room, enum page_choice pages, uint64_t bytes);
/* The smallest piece of memory a guest node can have with these pages. */
uint64_t page_choice_step(enum page_choice pages);

/* Gives CPUs to vCPUs that want them for themselves. */
void capacity_dedicate(struct capacity *capacity, const struct idset *cpus);

/* The sibling threads that dedicated vCPUs on @mine leave over. */
struct idset capacity_leftover(const struct capacity *capacity, const struct idset *mine);

/*
 * CPUs of a room that several may share: not dedicated, and neither isolated nor beside a dedicated
 * one unless there are no others.
 */
struct idset room_shared_cpus(const struct capacity *capacity, const struct room *room);

/* What the host keeps of a node for itself: never make the host swap. */
uint64_t host_share(const struct machine_node *node);
/* What of a node's memory can be had without swapping. */
uint64_t node_available(const struct machine_node *node);

/* ---- cores.c: CPUs for dedicated vCPUs ---- */

/* How many CPUs of the room can be dedicated: those of cores that no one has a part of. */
unsigned int cores_free(const struct capacity *capacity, const struct room *room);
/*
 * Takes @count CPUs, in one last-level cache and of one kind when they fit there (the fastest that has
 * enough), whole cores at a time, the node's first core and those named for I/O last (they are left to
 * the host and to I/O as long as possible). @order gets them, siblings side by side. False, and nothing
 * taken, when there are too few.
 */
bool cores_take(struct capacity *capacity, const struct room *room, unsigned int count,
	unsigned int *order);

#endif
