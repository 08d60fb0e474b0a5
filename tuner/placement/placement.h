/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to placement.c (the order of things, what is left to share), placement/explicit.c (places
 * the profile names), placement/auto.c (choosing nodes), placement/refuse.c (none found), placement/wishes.c
 * (neighbours), placement/kept.c (guests that run) and placement/attach.c (guests of others).
 */
#ifndef VMTUNE_TUNER_PLACEMENT_H
#define VMTUNE_TUNER_PLACEMENT_H

#include "tuner/placement/capacity.h"
#include "tuner/plan/plan.h"

/* A part of a VM: these vCPUs on the CPUs of one room, this much memory on (usually) the same. */
struct home {
	struct room *cpu, *memory;
	struct idset vcpus; /* guest vCPU numbers */
	uint64_t bytes;
};

/* A VM on its way to a place. */
struct request {
	const struct profile_vm *vm;
	struct placed_vm *placed;
	const struct guest *guest; /* that runs already under this name, or NULL */
	struct home *homes;
	unsigned int home_count;
	struct idset *kept;        /* host CPUs of each vCPU that a running guest has, or NULL */
};

#define PLACEMENT_TEXT 256

/* "CPU 3" or "CPUs 2-5,8". Returns @buf. */
const char *placement_cpu_text(const struct idset *cpus, char buf[PLACEMENT_TEXT]);

/* Appends a sentence to the reasons. */
void request_why(struct request *request, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Gives the request @count homes: vCPUs and memory in proportion to @weights (NULL: equal parts). */
void request_split(struct request *request, const struct home *homes, const double *weights,
	unsigned int count);

/*
 * Every place a part of a VM could live at, one for each node: its CPUs, or the nearest ones, and its
 * memory, or the nearest. The caller frees; *@count is their number (0 on a machine without CPUs).
 */
struct home *homes_of(const struct capacity *capacity, unsigned int *count);
/* The room nearest to @node that has CPUs (@memory false) or memory, @node itself first. */
struct room *nearest_room(const struct capacity *capacity, const struct room *from, bool memory);

/* The places a profile names: nodes in equal parts; CPUs with their memory. 0, or negative with @err. */
int place_nodes(struct request *request, const struct capacity *capacity, struct error *err);
int place_pins(struct request *request, struct capacity *capacity, struct error *err);

/*
 * placement/auto.c: chooses homes for all of @requests that have none, in this order of taking CPUs, and
 * takes what they need; says what each VM loses. Returns 0, or negative with what is missing where.
 */
int place_auto(struct request **requests, unsigned int count, struct capacity *capacity, struct error *err);
/* Takes memory and CPUs for the homes of a request. 0, or negative with what is missing where. */
int request_take(struct request *request, struct capacity *capacity, struct error *err);

/* placement/wishes.c: a VM of @request's apart group with CPUs of @room, or NULL. */
const struct request *placement_apart_in(struct request *const *requests, unsigned int count,
	const struct request *request, const struct room *room);
/* Says where given places break apart or overcommit; all requests have homes. */
void placement_tell_broken(struct request *const *requests, unsigned int count, const struct capacity *capacity);

/* placement/refuse.c: why @request finds no place beside the others, what each node could give. Negative, with @err. */
int placement_refuse(const struct request *request, struct request *const *requests, unsigned int count,
	const struct capacity *capacity, struct error *err);

/* Busy vCPUs expected (placement/problem.c). */
double request_demand(const struct request *request);

/*
 * Gives a running guest the homes it has: from its command line when it is one of ours (where it was
 * told to live), else from its threads' affinity. False when it has no particular place.
 */
bool place_kept(struct request *request, struct capacity *capacity);
/* Fills ->kept of a request whose guest runs. */
void placement_read_kept(struct request *request);
/* Says so when a running guest's memory was put on other nodes than the profile wants now. */
void placement_tell_memory(struct request *request);
/* Whether the running guest is the one the profile describes; what cannot be changed must be equal. */
int placement_check_running(const struct profile_vm *vm, const struct guest *guest, struct error *err);
/* Whether @guest is the one that @vm speaks of: the attached one, or else the one of that very name. */
bool placement_is(const struct profile_vm *vm, const struct guest *guest);
/* That guest, or NULL. */
const struct guest *placement_guest(const struct guest_list *guests, const struct profile_vm *vm);

/*
 * placement/attach.c: guests of others. They may be placed, and their memory is moved there: while they
 * are placed, what they have counts as free on the nodes where it lies.
 */
void attach_credit(const struct request *request, struct capacity *capacity);
/* Where there are as many homes as the guest has nodes, each gets what is one node's. */
void attach_split(struct request *request);
/* Takes what the homes want; refused when it neither is there nor fits. 0, or negative with @err. */
int attach_take_memory(const struct request *request, struct capacity *capacity, struct error *err);
/* Fills ->leaving, and ->incoming of the guest nodes, when these are made. */
void attach_incoming(const struct request *request, const struct capacity *capacity);
/* placement = keep: threads and memory stay as they are. */
int place_still(struct request *request, struct capacity *capacity, struct error *err);

#endif
