/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Benchmarks in pairs: A and B take turns (A B A B), so that what else happens on the machine meets
 * both, and the verdict is an interval of their ratio.
 */
#ifndef VMTUNE_TUNER_BENCH_H
#define VMTUNE_TUNER_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "lib/error.h"
#include "lib/idset.h"
#include "tuner/stats.h"

/* ---- pairs (bench.c) ------------------------------------------------------------------------ */

/* One measurement of arm 0 (A) or 1 (B). Returns 0 or negative with @err. */
typedef int bench_measure(void *opaque, int arm, double *value, struct error *err);

struct bench_pair {
	const char *name;         /* "placement, alone" */
	const char *arms[2];      /* "pinned", "unpinned" */
	const char *unit;         /* "ns per access" */
	bool more_is_better;
	bool shares;              /* values are shares, where 0 is a result and there is no ratio */
	unsigned int rounds;
	double values[2][STATS_PAIRS_MAX];
};

/* Fills pair->values by calling @measure for A B A B ... */
int bench_take(struct bench_pair *pair, bench_measure *measure, void *opaque, struct error *err);
void bench_print(const struct bench_pair *pair);
json_t *bench_to_json(const struct bench_pair *pair);

/* ---- one run of the benchmark guest (bench/guest.c) ----------------------------------------- */

struct bench_guest {
	const char *vmm, *elf;    /* programs */
	const char *job;          /* "latency" or "triad" */
	uint64_t size;            /* working set, bytes */
	double seconds;
	unsigned int threads;     /* one vCPU each */
	const char *counter;      /* file of counted accesses, or NULL: time is measured */
};

struct bench_place {
	bool pinned;
	const unsigned int *cpus; /* for each vCPU, when pinned */
	int memory_node;          /* -1: wherever it is touched first */
	uint64_t page_size;       /* 4096 or 2M (hugetlb) */
};

/* RAM that a guest with this working set gets, bytes; a multiple of 2M. */
uint64_t bench_guest_memory(const struct bench_guest *guest);
const char *bench_guest_unit(const struct bench_guest *guest);
/* Runs it once; *@value is in bench_guest_unit(). */
int bench_guest_run(const struct bench_guest *guest, const struct bench_place *place, double *value,
	struct error *err);

/* ---- load beside it (bench/load.c) ---------------------------------------------------------- */

/* Starts @count processes that stream through memory of their own until bench_load_stop(). */
int bench_load_start(unsigned int count, pid_t *pids, struct error *err);
void bench_load_stop(unsigned int count, const pid_t *pids);

/* ---- what `vmtune bench` does --------------------------------------------------------------- */

struct command_common;

struct bench_options {
	const struct command_common *common;
	unsigned int rounds;
	struct bench_guest guest;
	bool no_load;             /* leave the comparisons with load out */
	const char *vm;           /* a running guest instead */
	char *const *command;     /* and the command that prints a number */
};

/* Both append their pairs to @results and remarks to @notes. */
int bench_host(struct bench_options *options, json_t *results, json_t *notes, struct error *err);
int bench_vm(struct bench_options *options, json_t *results, json_t *notes, struct error *err);
/* Runs a pair, prints it unless --json, appends it. */
int bench_do(struct bench_options *options, struct bench_pair *pair, bench_measure *measure, void *opaque,
	json_t *results, struct error *err);
void bench_note(const struct bench_options *options, json_t *notes, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
