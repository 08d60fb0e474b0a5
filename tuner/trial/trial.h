/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmtune apply --trial: measures, applies, measures again, and takes the changes back when that was worse.
 *
 * The time of a trial is cut into equal windows: TRIAL_WINDOWS before the change, one after it that is
 * waited out, TRIAL_WINDOWS more. A window gives one value a figure. trial/sample.c takes them,
 * trial/verdict.c says what they mean (pure), trial.c does the one after the other.
 */
#ifndef VMTUNE_TUNER_TRIAL_H
#define VMTUNE_TUNER_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "lib/error.h"
#include "tuner/action.h"
#include "tuner/journal.h"
#include "tuner/profile/profile.h"
#include "tuner/report.h"
#include "tuner/stats.h"

#define TRIAL_WINDOWS     10 /* before, and as many after */
#define TRIAL_WINDOWS_MIN 4  /* fewer on one side cannot give 95 % */
#define TRIAL_SECONDS_MIN 10
#define TRIAL_SECONDS_MAX (7 * 86400)

/* ---- figures and what they mean (trial/verdict.c) ------------------------------------------- */

enum trial_phase { TRIAL_BEFORE, TRIAL_AFTER };

/* The table of their names, units and thresholds is in trial/verdict.c. */
enum trial_metric {
	TRIAL_COMMAND, /* what the command of the user's printed */
	TRIAL_READY,   /* ms a second that a vCPU waited for a CPU */
	TRIAL_REMOTE,  /* % of memory on other nodes than the vCPUs */
	TRIAL_SWAP,    /* KiB/s that the guest's kernel swaps */
	TRIAL_FAULTS,  /* major faults a second in the guest */
	TRIAL_EXITS,   /* KVM exits a second and vCPU */
	TRIAL_CPU,     /* ms a second that a vCPU ran */
	TRIAL_METRICS
};

/* One value a window; NAN: it could not be had. */
struct trial_series {
	double values[2][TRIAL_WINDOWS];
};

struct trial_guest {
	pid_t pid;
	uint64_t start;
	char *name;
	unsigned int vcpus;
	bool gone; /* it has ended in the middle: it counts no more, in no window */
	struct trial_series series[TRIAL_METRICS];
};

struct trial_data {
	struct trial_series command;
	struct trial_guest *guests;
	unsigned int guest_count;
	unsigned int windows[2]; /* how many were taken before, after */
};

enum trial_outcome {
	TRIAL_UNKNOWN, /* no figures, or too few windows for 95 % */
	TRIAL_SAME,    /* no difference that could be told from noise */
	TRIAL_SMALL,   /* a difference, but not surely as large as the threshold */
	TRIAL_CHANGED, /* a difference in a figure that is neither good nor bad */
	TRIAL_BETTER,
	TRIAL_WORSE,
};

struct trial_comparison {
	bool known;        /* there were figures at all; else the rest says nothing */
	double medians[2];
	struct stats_shift shift;
	enum trial_outcome outcome;
};

enum trial_better { TRIAL_LOWER, TRIAL_HIGHER, TRIAL_NEITHER };

/* Frees what is in it. */
void trial_data_release(struct trial_data *data);

/* Compares one series of @metric. @command_better: which way the user's number is better. */
void trial_compare(enum trial_metric metric, const struct trial_series *series,
	const unsigned int windows[2], enum trial_better command_better,
	struct trial_comparison *comparison);

/*
 * A figure over all guests: the mean, each guest counted by its vCPUs. Guests that have ended, and those
 * whose figure is not known in every window, are left out.
 */
void trial_total(const struct trial_data *data, enum trial_metric metric, struct trial_series *total);

/* Whether the windows before have a figure, of any guest that is still there, that could decide. */
bool trial_decidable(const struct trial_data *data);

/*
 * The verdict, TRIAL_CHANGED never: that of the command, when there is one; else worse when one of the
 * deciding figures is worse, better when one is better and none worse.
 */
enum trial_outcome trial_judge(const struct trial_comparison comparisons[TRIAL_METRICS], bool command);
/* Whether the changes stay after this verdict. */
bool trial_keeps(enum trial_outcome verdict);

const char *trial_outcome_name(enum trial_outcome outcome); /* "better": JSON */
const char *trial_verdict_text(enum trial_outcome verdict); /* a sentence for people */
/* "ready time: 12.1 -> 1.3 ms/s a vCPU, -89 % (...): better"; the caller frees. */
char *trial_comparison_text(enum trial_metric metric, const struct trial_comparison *comparison);
/* {"figures": of all guests, "guests": each with its figures}, those that are known. */
json_t *trial_to_json(const struct trial_data *data, const struct trial_comparison comparisons[TRIAL_METRICS]);

/* ---- taking them (trial/sample.c) ----------------------------------------------------------- */

struct trial_sampler;

/* Finds the guests and fills ->guests of @data, which must outlive it. NULL with @err. */
struct trial_sampler *trial_sampler_new(const struct root *root, struct trial_data *data,
	struct error *err);
void trial_sampler_free(struct trial_sampler *sampler);
/* A window begins now, or ends now, another begins, and it becomes the next of @phase. */
void trial_sampler_mark(struct trial_sampler *sampler);
void trial_sampler_window(struct trial_sampler *sampler, enum trial_phase phase);
/* Names of guests that have come since, ", " between; NULL: none. The caller frees. */
char *trial_sampler_newcomers(const struct trial_sampler *sampler);

/* ---- the trial (trial.c) -------------------------------------------------------------------- */

struct trial_options {
	unsigned int seconds;     /* of the whole trial; 0: no trial */
	const char *command;      /* for sh -c, prints a number; NULL: none */
	enum trial_better better; /* of that number */
};

/* What it is done to and with; the caller's. */
struct trial_host {
	const struct action_context *context;
	struct journal *journal;
	const struct profile *profile;
	struct action_list *actions;
	struct report *report;
};

/* "90", "30s", "10m", "2h": seconds. 0, or negative with @err. */
int trial_parse_duration(const char *text, unsigned int *seconds, struct error *err);

/* Refuses actions that a trial could not take back: a guest's start, memory moved from several nodes. */
int trial_check(const struct action_list *actions, struct error *err);

/*
 * Returns the number of changes that stay, 0 when they were taken back because it got worse, negative with
 * @err when there was no verdict: everything is undone then, as far as @err does not say otherwise.
 * *@result gets the JSON (NULL when nothing was measured), *@status the exit status when it is >= 0.
 */
int trial_run(const struct trial_options *options, const struct trial_host *host, json_t **result,
	int *status, struct error *err);

#endif
