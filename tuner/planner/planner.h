/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The placement engine: which node or nodes each virtual machine shall live on, so that the sum of
 * what all of them lose is as small as can be found. Pure: numbers in, numbers out; it knows neither
 * profiles nor machines, and for the same problem, effort and seed it gives the same answer.
 *
 * docs/placement.md defines the model and every term of the cost. The unit of cost is the *lost vCPU*:
 * 0.5 means that the work of half a vCPU is lost to waiting.
 *
 *     shapes.c     the sets of sites a VM can be spread over
 *     places.c     each VM in its shapes: parts, and what it costs there by itself
 *     state.c      a placement while VMs come and go, its cost kept up to date
 *     cost.c       what VMs and nodes cost
 *     bound.c      what the VMs that have no place yet must cost the nodes at least
 *     construct.c  largest first, each to where it costs least
 *     improve.c    moves, swaps, and taking some VMs out to put them back better
 *     windows.c    taking some VMs out to put them back in the best way there is
 *     exact.c      depth first: the repair, and by branch and bound the best places of some VMs or all
 *     cut.c        VMs in several parts, cut to what the others left
 *     result.c     from a placement to what is told of it: who bears what of the cost
 *     others.c     what the next best place of each VM would cost
 */
#ifndef VMTUNE_TUNER_PLANNER_PLANNER_H
#define VMTUNE_TUNER_PLANNER_PLANNER_H

#include <stdbool.h>
#include <stdint.h>

#define PLANNER_PARTS_MAX 64 /* sites of one VM */
#define PLANNER_NO_GROUP  (-1)

/* Where a VM's memory comes from: ordinary memory, or the pool of that page size, then memory. */
enum planner_source { PLANNER_MEMORY, PLANNER_2M, PLANNER_1G, PLANNER_SOURCES };

/* What a VM shall be good at; weights of the terms in docs/placement.md. */
enum planner_goal { PLANNER_BALANCED, PLANNER_LATENCY, PLANNER_BANDWIDTH, PLANNER_DENSITY, PLANNER_GOALS };

/* A NUMA node as the VMs find it; what is used already is in the figures. */
struct planner_node {
	unsigned int cpus;          /* hardware threads that VMs may use; 0: memory only */
	unsigned int core_width;    /* threads of a core, at least 1 */
	unsigned int llc_cpus;      /* threads behind the largest last-level cache; 0 unknown */
	unsigned int dedicable;     /* threads on cores that nobody has a part of */
	unsigned int dedicated;     /* threads that are dedicated already */
	unsigned int fenced;        /* threads of the cores that these took, at least as many */
	unsigned int isolated;      /* threads that only dedicated vCPUs get while there are others */
	double load;                /* busy vCPUs of others that share the CPUs */
	double vcpus;               /* and all vCPUs of these */
	double bandwidth;           /* of its memory, in any unit that all nodes share; 0 unknown */
	uint64_t total;             /* bytes of memory in all */
	uint64_t memory;            /* of them, ordinary memory that can be had */
	uint64_t pool[PLANNER_SOURCES];      /* bytes of huge pages that can be had */
	bool pool_fixed[PLANNER_SOURCES];    /* the pool cannot grow out of ordinary memory */
};

/* CPUs and the memory nearest to them: the two nodes differ where a node lacks one of both. */
struct planner_site {
	unsigned int cpu_node, memory_node; /* indices */
};

struct planner_vm {
	unsigned int vcpus;
	double demand;              /* busy vCPUs expected, at most vcpus */
	uint64_t memory;            /* bytes that must be found; 0 for a guest that has its memory already */
	uint64_t step;              /* the smallest piece of it a part can have, bytes */
	enum planner_source source;
	enum planner_goal goal;
	bool dedicated;             /* a hardware thread for each vCPU, cores given whole */
	double overcommit;          /* where it shares: at most so many vCPUs a CPU; 0: no limit */
	unsigned int parts_max;     /* at most so many parts, at least 1 */
	int apart;                  /* VMs of one such group never share a node */
	int together;               /* VMs of one such group want to be near each other */
	const unsigned int *devices; /* nodes of the devices it uses, the caller's; NULL when there are none */
	unsigned int device_count;
	const uint64_t *resident;   /* bytes of ->memory on each node now, the caller's; NULL: none to move */
	const struct planner_part *fixed; /* of the fixed ones: where it is, the caller's; also parts without vCPUs */
	unsigned int fixed_parts;
};

/*
 * The fixed VMs stand behind the others in ->vms. They stay where they are and what they take is in the
 * nodes' figures already; they count for groups and have their share of the cost.
 */
struct planner_problem {
	struct planner_node *nodes;
	struct planner_site *sites;
	double *latency;            /* node_count x node_count: extra latency relative to local, 0 = local */
	struct planner_vm *vms;
	unsigned int node_count, site_count, vm_count, fixed_count;
	unsigned int keep_cpus;     /* threads of the host that no dedicated vCPU may have */
};

enum planner_term {
	PLANNER_ACCESS,        /* waiting for memory of another node */
	PLANNER_SLOW_MEMORY,   /* memory of less bandwidth than the machine's best */
	PLANNER_CACHE,         /* dedicated vCPUs behind several last-level caches */
	PLANNER_NEAR,          /* distance to VMs it shall be near to */
	PLANNER_DEVICE,        /* distance to the devices it uses */
	PLANNER_MOVE,          /* moving what runs already */
	PLANNER_CONTENTION,    /* more vCPUs than CPUs */
	PLANNER_SMT,           /* vCPUs that share a core */
	PLANNER_INTERFERENCE,  /* caches and memory bandwidth shared with others */
	PLANNER_FRAGMENTATION, /* memory left in pieces, or without CPUs */
	PLANNER_TERMS
};
/* "access", "cache", ... */
const char *planner_term_name(enum planner_term term);

struct planner_part {
	unsigned int site, vcpus;
	uint64_t bytes;
};

struct planner_placement {
	struct planner_part *parts; /* owned by the result */
	unsigned int part_count;    /* 0: no place was found */
	double cost[PLANNER_TERMS]; /* its own terms, half of each pair's, its part of its nodes' */
	struct planner_part *other; /* the best place it could have instead, the others staying; or NULL */
	unsigned int other_count;
	double more[PLANNER_TERMS]; /* what all VMs together would lose more by that */
};

struct planner_options {
	uint64_t effort; /* places looked at; more is better and slower. 0: planner_effort() */
	uint64_t seed;
	bool exact;      /* prove the optimum, within 50 times the effort; up to 64 VMs */
	bool cut;        /* in the end, cut VMs in several parts to what the others left them (cut.c) */
	bool others;     /* find the best other place of each VM */
};

/* What is worth while for that problem: grows with VMs x sites; below a second for up to 2,000 VMs on 8 nodes. */
uint64_t planner_effort(const struct planner_problem *problem);

struct planner_result {
	struct planner_placement *placements; /* as problem->vms, the fixed ones as well */
	unsigned int unplaced;
	double total;       /* lost vCPUs: the sum of the placements' terms and the rest */
	double rest[PLANNER_TERMS]; /* terms of nodes that no VM is on */
	double constructed; /* the total after construction; 0 when VMs were without a place then */
	uint64_t effort;    /* spent */
	bool proven;        /* all places were searched through: no better placement exists */
};

/* Always gives a result; VMs that found no place are counted in ->unplaced. Release it afterwards. */
void planner_solve(const struct planner_problem *problem, const struct planner_options *options,
	struct planner_result *result);
void planner_result_release(struct planner_result *result, const struct planner_problem *problem);

/*
 * The @index-th of @count parts of @whole in proportion to @weights (NULL: equal parts). The parts sum
 * up to the whole.
 */
uint64_t planner_part(uint64_t whole, const double *weights, unsigned int count, unsigned int index);

/* The same, each part at least one: what a VM has on a node is at least a vCPU and a page. @whole >= @count. */
uint64_t planner_part_some(uint64_t whole, const double *weights, unsigned int count, unsigned int index);

#endif
