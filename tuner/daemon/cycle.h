/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One round of the daemon: look, measure, decide, put right, remember. Between rounds it holds neither the
 * journal nor any file of the host.
 */
#ifndef VMTUNE_TUNER_DAEMON_CYCLE_H
#define VMTUNE_TUNER_DAEMON_CYCLE_H

#include <limits.h>
#include <sys/stat.h>

#include "tuner/daemon/decide.h"
#include "tuner/daemon/look.h"

struct cycle {
	struct action_context context; /* ->move.rate is the config's */
	struct decide_config config;
	struct decide_state state;
	struct look look;      /* the last one; its guests' counters are the next one's beginning */
	uint64_t mib_us;       /* what copying a MiB of guest memory has cost last */
	struct stat applied;   /* the saved profile that the last look was for */
	bool dry_run;          /* decides, and does nothing */
	bool idle;             /* nothing is applied: there is nothing to hold */
	bool unkept;           /* the memory file could not be written the last time */
	char fault[1024];      /* why there was no plan the last time, "" when there was one */
	unsigned long rounds, corrections;
};

void cycle_begin(struct cycle *cycle);
/* Sleeps not, answers nobody. What went wrong is logged. */
void cycle_run(struct cycle *cycle);
/* Keeps what is remembered in its file for the next daemon. */
void cycle_end(struct cycle *cycle);

/* Milliseconds since boot, sleep included. */
uint64_t cycle_now_ms(void);

#endif
