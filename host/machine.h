/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine is: CPUs, caches, packages, NUMA nodes, distances, memory and hugepage pools.
 * Built from an hwloc topology (this machine, a captured one, an XML file or a synthetic string) and,
 * where there is a sysfs, from the files hwloc does not read.
 *
 * Numbers ("os") are the kernel's. Arrays are dense; cpus are sorted by os number, nodes too.
 */
#ifndef VMTUNE_HOST_MACHINE_H
#define VMTUNE_HOST_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "host/huge_room.h"
#include "host/root.h"
#include "lib/error.h"
#include "lib/idset.h"

#define MACHINE_POOLS_MAX 4
#define MACHINE_NO_NODE   (-1)
#define MACHINE_TIER_MAX  16

struct machine_cpu {
	unsigned int os;
	int node;              /* os number of its NUMA node, MACHINE_NO_NODE when unknown */
	unsigned int package;  /* logical numbers from 0, unique on the machine */
	unsigned int llc;      /* last-level cache it shares */
	unsigned int core;
	unsigned int thread;   /* 0 for the first SMT thread of its core */
	int kind;              /* hwloc CPU kind (efficiency rank), -1 unknown */
};

/* A hugepage pool of one node and one page size. All figures in pages. */
struct machine_pool {
	uint64_t page_size;    /* bytes */
	uint64_t total, free, surplus;
};

struct machine_node {
	unsigned int os;
	struct idset cpus;     /* empty for a node with memory only */
	int beside;            /* of such a node: the one whose CPUs it hangs at; else MACHINE_NO_NODE */
	uint64_t memory;       /* bytes, 0 for a node with CPUs only */
	uint64_t free;         /* bytes; of a drawing, not a machine: memory less pools */
	uint64_t available;    /* bytes: free and page cache that can be dropped at once */
	struct huge_room room; /* all 0 unless machine_ask_huge_room() was called */
	struct machine_pool pools[MACHINE_POOLS_MAX];
	unsigned int pool_count;
	unsigned int *distance; /* to nodes[0..node_count), SLIT units (10 is local) */
	char tier[MACHINE_TIER_MAX]; /* "DRAM", "HBM", "MCDRAM", "NVM", ...; "" unknown */
	uint64_t latency;       /* ns from the nearest CPUs, by the firmware's HMAT; 0 unknown */
	uint64_t bandwidth;     /* MB/s from there */
};

/* A device on a PCI bus: a name of the kernel's for it ("eth0", "nvme0n1"), or none but its address. */
struct machine_device {
	char *name;            /* NULL: bound to no driver that names it (VFIO) */
	char *address;         /* "0000:3b:00.0" */
	int node;              /* os number of the nearest NUMA node, MACHINE_NO_NODE when unknown */
};

struct machine {
	char *source;          /* "this machine", a file name or the synthetic string */
	bool live;             /* counters (free memory, pools) are real readings */
	struct machine_cpu *cpus;
	unsigned int cpu_count;
	struct machine_node *nodes;
	unsigned int node_count;
	struct machine_device *devices; /* network, storage, accelerators; a row for each name */
	unsigned int device_count;
	unsigned int package_count, llc_count, core_count;
	struct idset online;   /* CPUs that run */
	struct idset allowed;  /* of those, the ones this process may use (cpuset, affinity) */
	struct idset isolated; /* /sys/devices/system/cpu/isolated */
	uint64_t llc_bytes;    /* of the first LLC, 0 unknown */
	char *model;           /* CPU model name, or NULL */
	char *xml;             /* hwloc's XML export, for snapshots and pictures */
};

/* Reads the machine under @root (through hwloc, with its fsroot when not live). NULL with @err. */
struct machine *machine_read(const struct root *root, struct error *err);
/* From an hwloc XML file's text, or from a synthetic description ("node:2 core:4 pu:2"). */
struct machine *machine_from_xml(const char *xml, const char *source, struct error *err);
struct machine *machine_from_synthetic(const char *text, struct error *err);
void machine_free(struct machine *machine);

/* Reads free memory and pools again (and what else sysfs says); structure and sizes stay. */
void machine_refresh(struct machine *machine, const struct root *root);

/* How many huge pages each node can give; apart, for it is dear (huge_room.h). */
void machine_ask_huge_room(struct machine *machine, const struct root *root);

const struct machine_node *machine_node_of(const struct machine *machine, int os);
const struct machine_cpu *machine_cpu_of(const struct machine *machine, unsigned int os);
/* Neighbours beside each other: by last-level cache, core and thread; as strcmp(). */
int machine_cpu_compare(const struct machine_cpu *a, const struct machine_cpu *b);
/* SLIT distance between two nodes by os number; 10 on the diagonal, 20 when unknown. */
unsigned int machine_distance(const struct machine *machine, int from, int to);
/*
 * How long an access from the CPUs of @from to the memory of @to takes, as a multiple of one to their own; 1 or
 * more. By the firmware's latencies (ACPI HMAT) where it has both, for the way to the CPUs nearest to @to by the
 * SLIT; else by the SLIT alone. A node without CPUs starts from those it hangs at.
 */
double machine_access(const struct machine *machine, int from, int to);
/* The pool of @page_size on the node, or NULL. */
const struct machine_pool *machine_pool_of(const struct machine_node *node, uint64_t page_size);

/* The device of that name or PCI address, or NULL. */
const struct machine_device *machine_device_of(const struct machine *machine, const char *name);

/* The counters that XML lacks (free memory, pools, allowed CPUs), for the snapshot file. */
json_t *machine_to_json(const struct machine *machine);
struct machine *machine_from_json(const json_t *json, const char *source, struct error *err);

#endif
