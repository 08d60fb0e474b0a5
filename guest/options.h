/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: words of the form key=value; README.md lists them. */
#ifndef VMTUNE_GUEST_OPTIONS_H
#define VMTUNE_GUEST_OPTIONS_H

#include "guest/types.h"

#define SIZE_ALL UINT64_MAX

struct job;

enum access { ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE };

struct options {
	const struct job *job;
	uint64_t size;           /* bytes of the working set; SIZE_ALL, 0: the job's own default */
	uint64_t low;            /* bytes that breathe has between two breaths */
	uint64_t period_us;      /* of breathe: half of it with size=, half with low= */
	uint64_t probe;          /* bool: each access is timed */
	uint64_t threads;        /* 0: the job's own default */
	uint64_t cpus;           /* CPUs to start; 0: those of the MADT */
	uint64_t duration_us;
	uint64_t repeat;
	uint64_t dup_percent;
	uint64_t seed;
	uint64_t id;             /* what makes this guest's unique pages unique; 0: from the TSC */
	uint64_t rate;           /* pages per second that hold touches */
	uint64_t floor;          /* bytes that the balloon leaves to hold and fill */
	uint64_t access;         /* enum access */
	uint64_t balloon;        /* bool */
	uint64_t reporting;      /* bool: free pages are reported */
	uint64_t poison;         /* what free pages hold when they are reported; 0: nothing special */
	uint64_t deflate;        /* bool: a job that is short of memory takes it from the balloon */
	uint64_t node, run_node; /* NODE_ANY, or a node of SRAT */
};

#define NODE_ANY UINT64_MAX

struct option_error {
	const char *what, *expected;
	char key[32], value[64];
};

/*
 * Reads @text. False with @error set: unknown key, value out of bounds, key twice, key that the job
 * does not have, no job. Words without "=" and keys with a "." (drivers' of other kernels, which VMMs
 * add by themselves: virtio_mmio.device=...) are passed over.
 */
bool options_parse(struct options *options, const char *text, struct option_error *error);

#endif
