/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: a pure function of profile and snapshot. No file is read and nothing is changed while
 * planning (the before values come from the snapshot).
 */
#ifndef VMTUNE_TUNER_PLAN_H
#define VMTUNE_TUNER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/action.h"
#include "tuner/plan/notes.h"
#include "tuner/planner/planner.h"
#include "tuner/profile/profile.h"

/* One guest NUMA node and where it lives. */
struct placed_node {
	int host_node;             /* os number */
	uint64_t memory;           /* bytes */
	uint64_t incoming;         /* of an attached guest: bytes that will be moved here */
	struct idset vcpus;        /* guest vCPU numbers */
	uint8_t distance[PROFILE_NODES_MAX]; /* to the VM's other nodes: the host's distances, for its SLIT */
};

struct placed_vm {
	const struct profile_vm *vm;
	struct placed_node *nodes;
	unsigned int node_count;
	struct idset *pins;        /* host CPUs of each vCPU; vm->vcpus rows */
	struct idset io_cpus;      /* I/O and emulator thread */
	uint64_t *leaving;         /* of an attached guest: bytes that will be moved off each of the machine's nodes, or NULL */
	bool running;              /* a guest of this name runs already (attached, not started) */
	char *why;                 /* the reasons of the placement, one sentence each, "; " between */
	double lost[PLANNER_TERMS]; /* lost vCPUs by term: docs/placement.md */
};

struct plan {
	struct placed_vm *vms;     /* in profile order */
	unsigned int vm_count;
	struct action_list actions; /* in the order they must happen; empty: nothing to do */
	struct plan_notes notes;    /* what apply will not do */
};

/*
 * Makes the plan. NULL with @err when it cannot be honoured: which VM or line, what is missing, where
 * and how much ("profile.conf:12: db needs 512 2M pages on node 1; 12 are free").
 */
struct plan *plan_make(const struct profile *profile, const struct snapshot *snapshot,
	const struct action_context *context, struct error *err);
void plan_free(struct plan *plan);
void plan_print(const struct plan *plan, const struct snapshot *snapshot);
json_t *plan_to_json(const struct plan *plan);

/* The vmm command line of a placed VM (NULL-terminated, the caller frees with argv_free). */
char **plan_vmm_argv(const struct placed_vm *placed, const struct action_context *context);
void argv_free(char **argv);

/* The CPUs that a thread of a placed guest shall have, or NULL when the plan says nothing about it. */
const struct idset *placed_cpus_of(const struct placed_vm *placed, const struct guest_thread *thread);

/* Whether a host node is one of those the guest's memory was given. */
bool placed_on(const struct placed_vm *placed, unsigned int host_node);
/* All of these. */
struct idset placed_nodes(const struct placed_vm *placed);
/* The CPUs of dedicated vCPUs, of all the VMs. */
struct idset placed_dedicated(const struct placed_vm *vms, unsigned int count);

/* Placement alone (placement.c): fills the @vms, as many as the profile has. Returns 0 or negative. */
int placement_make(const struct profile *profile, const struct snapshot *snapshot,
	struct placed_vm *vms, struct error *err);
void placed_vms_free(struct placed_vm *vms, unsigned int count);
#define LOSS_WORTH_TELLING 0.005 /* lost vCPUs: less is 0.00 when printed */

/* Lost vCPUs, all terms. */
double placed_loses(const struct placed_vm *placed);
json_t *placed_vm_json(const struct placed_vm *placed);

#endif
