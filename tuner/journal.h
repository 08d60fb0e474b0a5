/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The write-ahead journal of changes to the host: /var/lib/vmtune/journal, one JSON record a line,
 * each with a CRC. A record is on disk (fdatasync, and fsync of the directory for a new file) before
 * the change it announces is made, so that revert works after a crash at any point; a torn last line
 * never happened.
 *
 * Records: "intent" (the whole action, boot id, sequence number), "done" (sequence number), "undone"
 * (sequence number). An intent without done may or may not have been carried out: revert looks.
 */
#ifndef VMTUNE_TUNER_JOURNAL_H
#define VMTUNE_TUNER_JOURNAL_H

#include <stdbool.h>

#include "host/root.h"
#include "lib/error.h"
#include "tuner/action.h"

struct journal;

struct journal_entry {
	unsigned long sequence;
	char boot_id[40];
	struct action action;
	bool done, undone;
};

/*
 * Opens the journal below @root and takes the one writer's lock (@write; waits up to @wait_ms).
 * A torn tail is cut off when writing. NULL with @err: who holds the lock (PID), or which line is
 * damaged.
 */
struct journal *journal_open(const struct root *root, bool write, int wait_ms, struct error *err);
void journal_close(struct journal *journal);

/* Entries in order; owned by the journal, valid until the next append. */
const struct journal_entry *journal_entries(const struct journal *journal, unsigned int *count);

/* Appends and syncs. journal_intent returns the sequence number (> 0) or negative with @err. */
long journal_intent(struct journal *journal, const char *boot_id, const struct action *action,
	struct error *err);
int journal_done(struct journal *journal, unsigned long sequence, struct error *err);
int journal_undone(struct journal *journal, unsigned long sequence, struct error *err);

/* When everything is undone: removes the file (sync of the directory included). */
int journal_clear(struct journal *journal, struct error *err);

/*
 * The kill hook of the tests: counts boundaries (before and after each journal write, sync, host write
 * and verify) and, when VMTUNE_KILL_AT=N is in the environment, sends itself SIGKILL at the Nth.
 * VMTUNE_KILL_COUNT=FILE writes the number of boundaries there at exit.
 */
void journal_boundary(const char *where);

#endif
