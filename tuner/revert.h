/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking changes back, newest first, by comparing three ways: what was before, what we made of it, and
 * what is there now. A killed revert is simply run again.
 */
#ifndef VMTUNE_TUNER_REVERT_H
#define VMTUNE_TUNER_REVERT_H

#include <stdbool.h>

#include "lib/error.h"
#include "tuner/journal.h"
#include "tuner/report.h"

struct revert_options {
	bool force;         /* also what someone else changed since */
	bool stop;          /* guests may be stopped */
	bool unfinished;    /* an intent that is not done is surely ours: its apply has just failed */
	const char *vm;     /* only what serves this guest; NULL: everything */
	unsigned long from; /* only from this sequence number on */
};

struct revert_result {
	unsigned int restored, already, dropped; /* these are settled */
	unsigned int drifted, pending, failed;   /* these stay in the journal */
};

enum revert_verdict {
	REVERT_RESTORE,
	REVERT_ALREADY,    /* it is as it was before */
	REVERT_FOREIGN,    /* someone else has changed it since: left alone */
	REVERT_GONE,       /* the thread, guest or file is no longer there */
	REVERT_OTHER_BOOT, /* a value of an earlier boot: it went with that */
	REVERT_PERMANENT,  /* pages that were moved stay where they are */
};

/* Judges one entry by the value now (NULL: gone). Pure. */
enum revert_verdict revert_judge(const struct journal_entry *entry, const char *boot_id, const char *now,
	const struct revert_options *options);

/*
 * Undoes what @options select. Negative with @err only when the journal itself fails; what became of
 * each entry is in @result and @report. When everything is selected the saved profile goes, and when nothing is
 * left the journal, and the profile too unless only the latest changes (->from) were to go.
 */
int revert_run(const struct action_context *context, struct journal *journal,
	const struct revert_options *options, struct report *report, struct revert_result *result,
	struct error *err);

/*
 * Marks as undone what can never be taken back any more: changes of threads and guests that have ended, and of
 * an earlier boot. For a daemon's journal, which would grow with every guest that comes and goes.
 */
int revert_forget_gone(const struct action_context *context, struct journal *journal, struct error *err);

/* 0 all settled, 3 something drifted or pending, 1 something failed. */
int revert_exit_status(const struct revert_result *result);

#endif
