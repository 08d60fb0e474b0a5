/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the planner: shapes, and a placement that grows and shrinks with its cost kept. */
#ifndef VMTUNE_TUNER_PLANNER_STATE_H
#define VMTUNE_TUNER_PLANNER_STATE_H

#include "tuner/planner/planner.h"

#define NO_SHAPE (-1)
#define INFEASIBLE 1e300
#define UNLIMITED 1e9 /* vCPUs a CPU */

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

/* ---- state.c ---- */

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
	const struct shapes *shapes;
	struct node_state *nodes;
	int *shape;               /* of each VM, NO_SHAPE when it has no place */
	unsigned int *from, *until; /* shapes that each VM may take: [from, until) */
	unsigned int unplaced, dedicated;
	double vm_cost;           /* sum of what the VMs cost by themselves */
	double memory_all, cpus_all;
	int *apart_members;       /* groups x nodes: how many members of an apart group are there */
	unsigned int apart_groups;
	double *limits;           /* the different overcommit limits, ascending */
	unsigned int limit_count;
	unsigned int *limit_members; /* nodes x limits: how many VMs with that limit share there */
	uint64_t effort;          /* spent */
};

void state_init(struct state *state, const struct planner_problem *problem, const struct shapes *shapes);
void state_release(struct state *state);

/* What the total would grow by when @vm, which has no place, took that shape; INFEASIBLE when it cannot. */
double state_try(struct state *state, unsigned int vm, unsigned int shape);
void state_put(struct state *state, unsigned int vm, unsigned int shape);
void state_take(struct state *state, unsigned int vm);
double state_total(const struct state *state);
/* Whether a VM, which may be a fixed one, has a place; and the parts it is in, returns how many. */
bool state_placed(const struct state *state, unsigned int vm);
unsigned int state_parts(const struct state *state, unsigned int vm, struct planner_part parts[PLANNER_PARTS_MAX]);

/*
 * The best shape for @vm now, or NO_SHAPE. Of 256 shapes about @blinks are overlooked, so that the
 * same VMs do not always end in the same places (Christiaens and Vanden Berghe, 2020); @seed is not
 * used without them.
 */
int state_best(struct state *state, unsigned int vm, unsigned int blinks, uint64_t *seed);

/* The parts of @vm in that shape; returns how many (shapes.c). */
unsigned int shape_parts(const struct state *state, unsigned int vm, unsigned int shape,
	struct planner_part parts[PLANNER_PARTS_MAX]);

/* ---- cost.c ---- */

double cost_sum(const double terms[PLANNER_TERMS]);
/* What @vm costs by itself, by term: in these parts, in that shape; and the least it can. */
void cost_of_parts(const struct state *state, unsigned int vm, const struct planner_part *parts,
	unsigned int count, double terms[PLANNER_TERMS]);
void cost_of_vm(const struct state *state, unsigned int vm, unsigned int shape, double terms[PLANNER_TERMS]);
double cost_least(const struct state *state, unsigned int vm);
/* What a node costs by term, with @on on it, and as it is now. */
void cost_of_load(const struct state *state, unsigned int index, const struct node_state *on,
	double terms[PLANNER_TERMS]);
void cost_of_node(const struct state *state, unsigned int node, double terms[PLANNER_TERMS]);
/* Threads that those who share have on a node. */
double cost_shared_cpus(const struct planner_node *node, const struct node_state *on);
/* Pressure of a part of @vm with so many vCPUs. */
double cost_pressure(const struct planner_vm *vm, unsigned int vcpus);
/* Lower bound of the nodes' terms, whatever is still added: @pressure and @bytes more in all. */
double cost_bound(const struct state *state, double pressure, uint64_t bytes);

/* ---- the steps ---- */

/* The caller frees. */
struct planner_part *copy_parts(const struct planner_part *parts, unsigned int count);

/* xorshift64*: the planner's only source of chance. */
uint64_t planner_random(uint64_t *seed);

void construct(struct state *state);
void improve(struct state *state, uint64_t effort, uint64_t seed);
/* Looks for any placement of all VMs, when some have none; leaves @state as it is when it finds none. */
void repair(struct state *state, uint64_t effort);
/* True when it came to an end within the effort; @state holds the best placement. */
bool exact(struct state *state, uint64_t effort);
/* Fills ->other and ->more of each placement; @state holds the same as @result. */
void find_others(struct state *state, struct planner_result *result);

#endif
