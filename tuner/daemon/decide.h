/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon does about the differences between plan and machine. A pure function of what it
 * remembers, what it sees and its limits: no clock, no file, nothing changed.
 *
 * A difference is one of two sorts. A value (a setting, a pool) is put right as soon as it is seen. A
 * guest off its place (threads, pages) is weighed: what a window has shown to be lost must exceed what
 * putting it right costs, by the band; what costs nothing needs no gain. Then, for both:
 *
 *	dwell    an object that was corrected is left alone for so long, whatever the plan says
 *	budget   threads in a window, and bytes a second, are limited
 *	conflict what was corrected and is changed again by someone else is left to them, and said
 *
 * Times are milliseconds of one clock that never goes back; gains and costs are microseconds of guest
 * time.
 */
#ifndef VMTUNE_TUNER_DAEMON_DECIDE_H
#define VMTUNE_TUNER_DAEMON_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct decide_config {
	uint64_t window_ms;   /* how long is measured before a guest is moved */
	uint64_t dwell_ms;    /* how long an object stays as it was corrected */
	uint64_t forget_ms;   /* a correction that has held for so long is forgotten */
	unsigned int band;    /* percent by which the gain must exceed the cost */
	uint64_t rate;        /* bytes a second that may move */
	unsigned int threads; /* that may be put on other CPUs in a window */
};

/* One difference. The texts are the caller's, and must live as long as the decisions. */
struct drift {
	const char *key;      /* which object: "setting /sys/...", "guest 12:345 db" */
	const char *wanted;   /* what the plan wants of it; another text is another goal */
	bool weighed;         /* else a value: put right as soon as it is seen */
	unsigned int threads; /* that would be put on other CPUs; values have none */
	uint64_t bytes;       /* that would move */
	uint64_t unit;        /* that move as one: a page */
	uint64_t gain_us;     /* what the difference has cost since the last look */
	uint64_t cost_us;     /* what putting it right would cost now */
};

enum verdict {
	DECIDE_CORRECT,
	DECIDE_MEASURE,  /* the window is not over */
	DECIDE_GAIN_LOW, /* not worth it */
	DECIDE_DWELL,    /* corrected only just now */
	DECIDE_BUDGET,   /* too much is being moved already */
	DECIDE_CONFLICT, /* someone else wants it otherwise */
	DECIDE_COUNT
};

struct decision {
	enum verdict verdict;
	bool news;            /* another verdict than last time, or a correction: to be logged */
	uint64_t gain_us;     /* in the window so far */
	uint64_t window_ms;   /* that it has lasted */
	uint64_t bytes;       /* of a correction: at most so many now, the rest follows */
};

/* What is remembered of one object. */
struct decide_object {
	char *key, *wanted;
	uint64_t seen_ms;         /* when it was last seen to differ */
	uint64_t since_ms;        /* begin of the window */
	uint64_t gain_us;         /* in it */
	uint64_t acted_ms;        /* last correction; 0: none */
	unsigned int corrections; /* of this goal, by value or thread: pages stray by themselves */
	bool rest;                /* the last correction moved pages: what it left may follow at once, */
	uint64_t rest_bytes;      /* when no more than this is found */
	enum verdict verdict;     /* the last one that was news */
};

struct decide_state {
	struct decide_object *objects;
	unsigned int count;
	uint64_t now_ms;          /* of the last sample; 0: none yet */
	uint64_t bytes, threads;  /* what may still move: a bucket that fills with time; threads in 1/1000 */
};

/*
 * The state after @sample (@count differences at @now_ms) and in decisions[i] what to do about each.
 * @old stays as it is; both are released by their owner.
 */
struct decide_state decide(const struct decide_state *old, const struct drift *sample, unsigned int count,
	uint64_t now_ms, const struct decide_config *config, struct decision *decisions);

/* A correction could not be made: it does not count as one, and is tried again after the dwell time. */
void decide_failed(struct decide_state *state, const char *key);

void decide_release(struct decide_state *state);
const char *decide_verdict_name(enum verdict verdict);

/* To go on after a restart on the same boot. _from_json leaves an empty state when @json is none. */
json_t *decide_to_json(const struct decide_state *state);
void decide_from_json(const json_t *json, struct decide_state *state);

#endif
