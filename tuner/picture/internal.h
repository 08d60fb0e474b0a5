/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the pictures: who is where (picture.c), as both of them draw it: in characters
 * (picture/text.c on the canvas of picture/canvas.c) and through lstopo (picture/lstopo.c on the topology
 * annotated by picture/annotate.c).
 */
#ifndef VMTUNE_TUNER_PICTURE_INTERNAL_H
#define VMTUNE_TUNER_PICTURE_INTERNAL_H

#include <hwloc.h>

#include "tuner/picture/picture.h"

/* What a CPU's box says when no VM, or more than one, may run there. */
#define PICTURE_FREE    '.'
#define PICTURE_SEVERAL '+'
#define PICTURE_CLOSED  '-' /* offline, of no node, or not for us */
#define PICTURE_USED    '#' /* memory that is in use already */

#define PICTURE_NONE (-1)

struct picture_colour {
	const char *background, *text; /* #rrggbb */
	int ansi;                      /* of the background, among xterm's 256 */
	bool dark;                     /* light text is needed on it */
};

struct picture_cpu {
	unsigned int os;
	int vm;             /* the first VM that may run there, PICTURE_NONE */
	int vcpu;           /* its vCPU when it has the CPU to itself, PICTURE_NONE */
	unsigned int vms;   /* how many VMs may run there */
	bool closed;
};

struct picture {
	const struct plan *plan;
	const struct machine *machine;
	struct picture_cpu *cpus;  /* as machine->cpus */
};

void picture_init(struct picture *picture, const struct plan *plan, const struct machine *machine);
void picture_release(struct picture *picture);

/* The mark of a VM: A to Z, a to z, 0 to 9, then * for the rest. */
char picture_mark(unsigned int vm);
const struct picture_colour *picture_colour(unsigned int vm);
/* The mark of a CPU. */
char picture_cpu_mark(const struct picture_cpu *cpu);
/* The VMs that may run on a CPU, "B, C"; "" for none. The caller frees. */
char *picture_sharers(const struct picture *picture, unsigned int cpu, const char *between);

/* Bytes of the VM's memory on the node. */
uint64_t picture_memory(const struct placed_vm *placed, const struct machine_node *node);
/* Bytes on the node that neither are free nor belong to a VM of the plan; @node is one of the machine's. */
uint64_t picture_used(const struct picture *picture, const struct machine_node *node);
/* Bytes left when all is placed. */
uint64_t picture_left(const struct picture *picture, const struct machine_node *node);
/* "db: 4 vCPUs, dedicated CPUs; 8G in 2M pages on nodes 0-1". The caller frees. */
char *picture_legend(const struct placed_vm *placed);
/* Sizes for the eye, three digits: "61.9G". */
const char *picture_size(char buf[16], uint64_t bytes);

/* hwloc's topology of the machine with the VMs written into it. NULL with @err. Destroy it afterwards. */
hwloc_topology_t picture_annotate(const struct picture *picture, struct error *err);

#endif
