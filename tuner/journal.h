/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The write-ahead journal of changes to the host: /var/lib/vmtune/journal, one JSON record a line,
 * each with a CRC. A record is on disk (fdatasync, and fsync of the directory for a new file) before
 * the change it announces is made, so that revert works after a crash at any point; a torn last line
 * never happened.
 *
 * Records: "intent" (the whole action, boot id, sequence number), "done" (sequence number, and the
 * value as the machine spells it), "undone" (sequence number, and whether the kernel refused it, or a value
 * was put back for it). An intent without done may or may not have been carried out: revert looks.
 */
#ifndef VMTUNE_TUNER_JOURNAL_H
#define VMTUNE_TUNER_JOURNAL_H

#include <stdbool.h>

#include "host/root.h"
#include "lib/error.h"
#include "tuner/action.h"

#define STATE_DIR "/var/lib/vmtune" /* host path: journal, lock, last applied profile */

struct journal;

struct journal_entry {
	unsigned long sequence;
	char boot_id[40];
	struct action action;
	bool done, undone;
	bool refused;    /* undone, for the kernel would not do it */
	bool restored;   /* undone, and before put back; else it was so already, or there was nothing to do */
	char *observed;  /* with done: what the machine had after the change, or NULL */
};

/*
 * Opens the journal below @root and takes the one writer's lock (@write; waits up to @wait_ms).
 * A torn tail is cut off when writing. NULL with @err: who holds the lock (PID), or which line is
 * damaged. A reader needs no lock; where there is no journal it sees an empty one.
 */
struct journal *journal_open(const struct root *root, bool write, int wait_ms, struct error *err);
/* Gives the lock back; an empty state directory is removed. NULL is nothing. */
void journal_close(struct journal *journal);

/* Entries in order; owned by the journal, valid until the next append. */
const struct journal_entry *journal_entries(const struct journal *journal, unsigned int *count);
/* The number of entries that are not undone. */
unsigned int journal_pending(const struct journal *journal);

/* The sequence number that the next intent will have. */
unsigned long journal_next(const struct journal *journal);

/* Appends and syncs. journal_intent returns the sequence number (> 0) or negative with @err. */
long journal_intent(struct journal *journal, const char *boot_id, const struct action *action,
	struct error *err);
int journal_done(struct journal *journal, unsigned long sequence, const char *observed,
	struct error *err);
int journal_undone(struct journal *journal, unsigned long sequence, struct error *err);
int journal_restored(struct journal *journal, unsigned long sequence, struct error *err);
/* The same for what the kernel refused to do: verify asks for it. */
int journal_refused(struct journal *journal, unsigned long sequence, struct error *err);

/* Whether the kernel has refused such a change of @target on this boot, at the last try. NULL: no journal. */
bool journal_was_refused(const struct journal *journal, const char *boot_id, enum action_kind kind,
	const char *target);
/*
 * Whether what is there @now was put there by taking back a later change of the same object: someone else's
 * value that an apply or the daemon had put right.
 */
bool journal_put_back(const struct journal *journal, const struct journal_entry *entry, const char *now);

/*
 * Writes the file anew (beside it, then renamed: a crash leaves the old or the new one) without what revert
 * has no use for: what is undone, and of several changes of one value all between what was before the first
 * and what the last one made. Does nothing when there is nothing to leave out.
 */
int journal_compact(struct journal *journal, struct error *err);

/* When everything is undone: removes the file (sync of the directory included). */
int journal_clear(struct journal *journal, struct error *err);

/* This boot's id below @root; "" where it says none (a captured machine). Returns @id. */
const char *journal_boot_id(const struct root *root, char id[40]);

/*
 * The kill hook of the tests: counts boundaries (before and after each journal write, sync, host write
 * and verify) and, when VMTUNE_KILL_AT=N is in the environment, sends itself SIGKILL at the Nth.
 * VMTUNE_KILL_COUNT=FILE writes the number of boundaries there at exit.
 */
void journal_boundary(const char *where);

#endif
