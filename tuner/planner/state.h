/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the planner: shapes, and a placement that grows and shrinks with its cost kept. */
#ifndef VMTUNE_TUNER_PLANNER_STATE_H
#define VMTUNE_TUNER_PLANNER_STATE_H

#include "tuner/planner/planner.h"

#define NO_PLACE (-1)
#define INFEASIBLE 1e300
#define UNLIMITED 1e9 /* vCPUs a CPU */
#define BETWEEN_THREADS 0.5 /* CPUs that are left where all cores are given away, but not all threads */

/* ---- shapes.c ---- */

/* A set of sites that a VM can be spread over, in equal parts or by the memory of the nodes. */
struct shape {
	unsigned int count;
	bool by_size;
	unsigned int sites[PLANNER_PARTS_MAX];
};

struct shapes {
	struct shape *shapes; /* those of one site first, then of two, ... */
	unsigned int count;
	unsigned int first[PLANNER_PARTS_MAX + 2]; /* where those of N sites begin */
	double *size;         /* of each site, the weights of by_size */
};

void shapes_init(struct shapes *shapes, const struct planner_problem *problem);
void shapes_release(struct shapes *shapes);
/* The fewest parts that @vm could be in on an empty machine, at most its parts_max. */
unsigned int shapes_fewest(const struct planner_problem *problem, const struct planner_vm *vm);
/* The most that are looked at; what fits into a node is not split (docs/placement.md). */
unsigned int shapes_most(const struct planner_problem *problem, const struct planner_vm *vm);

/* The parts of @vm in that shape; returns how many. */
unsigned int shape_parts(const struct shapes *shapes, unsigned int shape, const struct planner_vm *vm,
	struct planner_part parts[PLANNER_PARTS_MAX]);

/* ---- state.c ---- */

/* A VM in a shape: its parts, and what it costs there by itself, whatever else is there. */
struct place {
	const struct planner_part *parts;
	unsigned int count;
	double own;
};

struct node_state {
	double load;              /* vCPUs that share the node's CPUs */
	double pressure;          /* demand weighted by goal: what presses on caches and bandwidth */
	unsigned int shared_vms;  /* VMs that need a CPU to share here */
	double shared_vcpus;      /* their vCPUs, and what others have there */
	double limit;             /* the smallest overcommit limit of those VMs; UNLIMITED: none */
	unsigned int dedicated;   /* vCPUs with a thread of their own */
	unsigned int fenced;      /* threads of the cores they took */
	uint64_t used[PLANNER_SOURCES];
	double cost;              /* sum of the node's terms */
};

struct state {
	const struct planner_problem *problem;
	struct node_state *nodes;
	int *at;                  /* the place of each VM, NO_PLACE when it has none */
	struct place **places;    /* of each VM, those that it could take on an empty machine (places.c) */
	unsigned int *place_count;
	struct planner_part *parts; /* of all places that were there from the beginning */
	struct planner_part **cuts; /* of those added since */
	unsigned int cut_count;
	unsigned int *companion;  /* the next VM of the same together group, the last one's is the first */
	unsigned int unplaced, dedicated;
	double *hardness;         /* of each VM: the share it takes of the machine's memory or CPUs */
	double missing;           /* of the VMs without a place: 1 each, and their hardness */
	double vm_cost;           /* sum of what the VMs cost by themselves */
	double memory_all, cpus_all;
	int *apart_members;       /* groups x nodes: how many members of an apart group are there */
	unsigned int apart_groups;
	double *limits;           /* the different overcommit limits, ascending */
	unsigned int limit_count;
	unsigned int *limit_members; /* nodes x limits: how many VMs with that limit share there */
	uint64_t effort, limit;   /* spent; where every step ends */
};

/* The fixed ones are behind those to be placed. */
static inline unsigned int all_vms(const struct planner_problem *problem)
{
	return problem->vm_count + problem->fixed_count;
}

void state_init(struct state *state, const struct planner_problem *problem);
void state_release(struct state *state);

/* Whether nodes and rules allow @vm, which has no place, to take that one. */
bool state_fits(const struct state *state, unsigned int vm, const struct place *place);
/* What the total would grow by when @vm took the place of that index; INFEASIBLE when it cannot. */
double state_try(struct state *state, unsigned int vm, unsigned int index);
/* The same for a place that is in no list. */
double state_try_place(struct state *state, unsigned int vm, const struct place *place);
/* Bytes that the node of that index can still give to who wants them from there. */
uint64_t state_left(const struct state *state, unsigned int index, enum planner_source source);
void state_put(struct state *state, unsigned int vm, unsigned int place);
void state_take(struct state *state, unsigned int vm);
double state_total(const struct state *state);
/* 0 when all VMs have a place; two small VMs without one are worse than one large, one large than one small. */
double state_missing(const struct state *state);

/* As state_try: the total, and what of it is sure, that is, no less when more VMs have come before. */
struct growth {
	double total;
	double own;          /* by itself, and near to others */
	double waiting;      /* contention and smt */
	double interference;
};

/* False when @vm cannot take that place. */
bool state_growth(struct state *state, unsigned int vm, unsigned int index, struct growth *growth);

/*
 * The best place for @vm now, or NO_PLACE. Of 256 places about @blinks are overlooked, so that the
 * same VMs do not always end in the same places (Christiaens and Vanden Berghe, 2020); @seed is not
 * used without them.
 */
int state_best(struct state *state, unsigned int vm, unsigned int blinks, uint64_t *seed);

/* ---- places.c ---- */

/* The one place of each fixed VM; then those of the others, as far as the fixed ones leave them. */
void places_init_fixed(struct state *state);
void places_init(struct state *state);
/* Sets ->own. */
void place_price(const struct state *state, unsigned int vm, struct place *place);
/* A further place for @vm, the parts are copied. Returns its index. */
unsigned int places_add(struct state *state, unsigned int vm, const struct place *place);
void places_release(struct state *state);

/* ---- cost.c ---- */

double cost_sum(const double terms[PLANNER_TERMS]);
/* What @vm costs in that place, by term, but for the VMs it wants to be near. */
void cost_of_place(const struct planner_problem *problem, unsigned int vm, const struct place *place,
	double terms[PLANNER_TERMS]);
/* The distance to the VMs it wants to be near that have a place. */
double cost_near(const struct state *state, unsigned int vm, const struct place *place);
/* What a node costs by term, with @on on it; only its own terms are set. */
void cost_of_node(const struct state *state, unsigned int index, const struct node_state *on,
	double terms[PLANNER_TERMS]);
/* Share of a node's memory that is used when @more bytes are added to @on; what its pieces cost then. */
double cost_memory_used(const struct planner_node *node, const struct node_state *on, double more);
double cost_pieces(const struct state *state, unsigned int index, double used);
double cost_interference(const struct planner_node *node, double pressure);
double cost_node_sum(const struct state *state, unsigned int index, const struct node_state *on);
/* Threads that those who share have on a node. */
double cost_shared_cpus(const struct planner_node *node, const struct node_state *on);
/* Pressure of a part of @vm with so many vCPUs. */
double cost_pressure(const struct planner_vm *vm, unsigned int vcpus);

/* ---- bound.c ---- */

/* The part of the contention and smt that @vm adds to a node now that all VMs to come add at least, too. */
double bound_waiting(const struct state *state, unsigned int vm, unsigned int node);

/* The least that interference grows by, and fragmentation comes to, when so much more is placed. */
double bound_interference(const struct state *state, double pressure);
double bound_fragmentation(const struct state *state, double bytes);

/* ---- the steps ---- */

/* The caller frees. */
struct planner_part *copy_parts(const struct place *place);

/* xorshift64*: the planner's only source of chance. */
uint64_t planner_random(uint64_t *seed);
unsigned int planner_below(uint64_t *seed, unsigned int limit);

void construct(struct state *state);
/* Goes on from what is worse by at most @tolerance times what a VM costs on average. */
void improve(struct state *state, uint64_t effort, double tolerance, uint64_t seed);
/* True when all VMs were searched for the best places, to the end. */
bool windows(struct state *state, uint64_t effort, uint64_t seed);
/* Looks for any places of these VMs, when some have none; leaves @state as it is when it finds none. */
void repair(struct state *state, const unsigned int *vms, unsigned int count, uint64_t effort);
/* The best places of these VMs while the others stay; true when it came to an end within the effort. */
bool exact(struct state *state, const unsigned int *vms, unsigned int count, uint64_t effort);
/* Writes @state to @result (result.c). */
void write_down(const struct state *state, struct planner_result *result);
/* Cuts VMs in several parts anew, and those that found no place; never makes it worse. */
void cut_anew(struct state *state);
/* Fills ->other and ->more of each placement; @state holds the same as @result. */
void find_others(struct state *state, struct planner_result *result);

#endif
