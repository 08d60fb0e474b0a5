/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The jobs: each a file job_NAME.c with one function, and a row in the table of job.c. A job runs its
 * threads by smp_run(); each thread works in slices of some milliseconds and calls job_pause()
 * between them, where the boot CPU serves balloon and console. Only slices are timed.
 */
#ifndef VMTUNE_GUEST_JOB_H
#define VMTUNE_GUEST_JOB_H

#include "guest/guest.h"
#include "guest/json.h"
#include "guest/types.h"

#define JOB_NAMES "one of latency triad touch spin fill hold check breathe rewrite"
#define JOB_KEYS \
	"one of job size low period threads cpus seconds repeat dup seed id rate floor access probe " \
	"balloon reporting poison deflate node run-node"

struct job {
	const char *name;
	const char *keys;         /* that it takes beside the common ones */
	uint64_t default_size;    /* bytes, cut to the pool; SIZE_ALL; SIZE_HALF; 0: needs no memory */
	bool all_cpus;            /* default for threads: all CPUs, else one */
	bool shrinks;             /* the balloon may take the end of its memory */
	void (*run)(struct guest *guest);
	/* Pages [first, end) came back from the balloon, their contents lost. NULL: nothing to do. */
	void (*grow)(struct guest *guest, uint64_t first, uint64_t end);
	/* How a page is touched, the @pass'th time; NULL: one word of it is read or written. */
	void (*touch)(struct guest *guest, uint64_t page, uint64_t pass);
	/* On the boot CPU now and then, from "ready" on. NULL: nothing to do. */
	void (*tick)(struct guest *guest);
};

#define SIZE_HALF (UINT64_MAX - 1)

const struct job *job_find(const char *name);

/* Of the job's own pages [0, job_pages), those of one of its threads: [*first, *end). */
void job_share(const struct guest *guest, unsigned int thread, uint64_t *first, uint64_t *end);
/* Between two slices; on the boot CPU serves the balloon and the console when it is time. */
void job_pause(struct guest *guest);
/* Opens a "result" line with what all results have. */
void job_result(struct guest *guest, struct json *line);

/* Runs @slice on each thread again and again for the duration; it returns how many steps it made. */
struct job_timing {
	uint64_t steps[CPUS_MAX], ticks[CPUS_MAX]; /* by thread; ticks of the slices only */
};
typedef uint64_t job_slice(struct guest *guest, unsigned int thread, void *arg);
void job_measure(struct guest *guest, job_slice *slice, void *arg, struct job_timing *timing);

void job_latency(struct guest *guest);
void job_triad(struct guest *guest);
void job_touch(struct guest *guest);
void job_spin(struct guest *guest);
void job_fill(struct guest *guest);
void job_hold(struct guest *guest);
void job_check(struct guest *guest);
void job_breathe(struct guest *guest);

#endif
