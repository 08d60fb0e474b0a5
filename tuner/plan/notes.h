/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a plan says beside its actions: what the profile wants and apply does not do, because it needs a
 * module reload or a boot, because another daemon holds it, or because the kernel cannot. Each with what to do
 * instead.
 */
#ifndef VMTUNE_TUNER_PLAN_NOTES_H
#define VMTUNE_TUNER_PLAN_NOTES_H

#include <jansson.h>

#include "host/knob.h"
#include "host/snapshot.h"
#include "tuner/profile/profile.h"

enum plan_note_kind { NOTE_MODULE_RELOAD, NOTE_BOOT, NOTE_CONFLICT, NOTE_RESIDUAL, NOTE_KIND_COUNT };

struct plan_note {
	enum plan_note_kind kind;
	char *what;   /* "kvm_intel_ple_gap: 128 -> 0"; of a boot: the word, "nohz_full=2-7" */
	char *todo;   /* what a person has to do, with the exact line */
	char *reason; /* "profile.conf:12" */
};

struct plan_notes {
	struct plan_note *notes;
	unsigned int count;
};

/* Takes ownership of the strings. */
void plan_note_add(struct plan_notes *notes, enum plan_note_kind kind, char *what, char *todo,
	char *reason);
void plan_notes_release(struct plan_notes *notes);
void plan_notes_print(const struct plan_notes *notes);
json_t *plan_notes_json(const struct plan_notes *notes);
/* The words to be added to the kernel command line, blanks between; NULL: none. The caller frees. */
char *plan_notes_cmdline(const struct plan_notes *notes);

/* A module parameter that cannot be written: the modprobe.d line, or the word for a built-in module. */
void plan_note_parameter(struct plan_notes *notes, const struct knob_value *row,
	const struct profile_setting *setting);
/* The words of the profile's kernel_cmdline that the running kernel was not started with. */
void plan_note_words(struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot);
/* Daemons that run and manage what the profile sets. */
void plan_note_conflicts(struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot);

#endif
