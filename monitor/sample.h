/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sample, then decide, then draw: this is the first step. A sample is every counter vmtop needs at
 * one moment, copied, so that two of them can be compared by anyone at any time.
 */
#ifndef VMTUNE_MONITOR_SAMPLE_H
#define VMTUNE_MONITOR_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/cpustat.h"
#include "host/guest.h"
#include "host/ksm.h"
#include "host/machine.h"
#include "host/meminfo.h"
#include "host/psi.h"

struct node_sample {
	unsigned int os;
	uint64_t total, free, available; /* bytes */
	struct machine_pool pools[MACHINE_POOLS_MAX];
	unsigned int pool_count;
};

struct guest_sample {
	struct guest guest;       /* a copy: names, threads and RAM its own, no handles */
	uint64_t taken_ns;        /* when its counters were read, CLOCK_MONOTONIC */
	uint64_t *node_bytes;     /* guest RAM on each node, by index; NULL when it could not be asked */
	unsigned int node_count;
	int map_error;            /* -errno of the question where the pages are, 0 fine */
	bool map_exact;
};

struct sample {
	uint64_t taken_ns;        /* CLOCK_MONOTONIC */
	double epoch;             /* wall clock, seconds */
	unsigned int cpus;        /* online */
	struct cpustat cpu;
	bool cpu_known;
	double load1;             /* NAN unknown */
	struct meminfo memory;
	struct ksm ksm;
	uint64_t ksmd_ns;         /* GUEST_UNKNOWN when there is no ksmd */
	struct psi psi_cpu, psi_memory, psi_io;
	struct node_sample *nodes;
	unsigned int node_count;
	struct guest_sample *guests;
	unsigned int guest_count;
	unsigned int hidden;      /* processes that could not be looked into */
};

struct sampler;

/* NULL with @err when the machine cannot be read at all. @samples: pages asked for a guest. */
struct sampler *sampler_new(const struct root *root, unsigned int samples, struct error *err);
void sampler_free(struct sampler *sampler);

/*
 * Takes a sample; the caller frees. Slow questions (who is there, balloon, THP share) are asked at
 * their own low rates; @all asks every one of them now, for a single frame.
 */
struct sample *sampler_take(struct sampler *sampler, bool all);
void sample_free(struct sample *sample);

#endif
