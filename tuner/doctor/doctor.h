/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doctor: what on this host costs its guests speed or safety, and what would help.
 *
 * Theory of operation. facts_read() looks at everything once. A check is a pure function from those
 * facts to findings; all checks are rows of one table (findings.c lists the groups) and know neither files nor screens.
 * Report (report.c) and profile (fix.c) are made from the list of findings alone.
 *
 * A check always says something: found, passed (with the value that was good), or unknown. What could
 * not be read is unknown and told as such, it never passes.
 */
#ifndef VMTUNE_TUNER_DOCTOR_DOCTOR_H
#define VMTUNE_TUNER_DOCTOR_DOCTOR_H

#include <stddef.h>

#include <jansson.h>

#include "lib/error.h"
#include "tuner/doctor/facts.h"

/* In the order of the report. */
enum grade { GRADE_ERROR, GRADE_WARNING, GRADE_NOTE, GRADE_UNKNOWN, GRADE_PASSED, GRADE_COUNT };

enum fix_kind {
	FIX_NONE,
	FIX_PROFILE, /* a line of a profile's host section */
	FIX_BOOT,    /* kernel command line */
	FIX_MODULE,  /* a line of modprobe.d, in force when the module is loaded again */
	FIX_COMMAND, /* of vmtune, for a guest that runs */
	FIX_HAND,    /* nothing vmtune or a boot line can do */
	FIX_COUNT,
};

struct fix {
	enum fix_kind kind;
	char *text; /* owned by the finding once it is added */
};

struct findings;

struct check {
	const char *id;     /* stable, for scripts */
	enum grade grade;   /* of its findings, where the check does not say otherwise */
	const char *title;  /* what is wrong when it finds something */
	const char *why;    /* why that matters */
	void (*run)(const struct facts *facts, struct findings *findings);
};

struct finding {
	const struct check *check;
	enum grade grade;
	char *measured; /* the value; of an unknown one, what could not be had */
	struct fix fix;
};

struct findings {
	struct finding *rows; /* worst first once doctor_run() has returned */
	size_t count;
	const struct check *check; /* the one that runs now */
};

/* The tables by subject; each ends with a row whose id is NULL. */
extern const struct check host_checks[];
extern const struct check mitigation_checks[];
extern const struct check memory_checks[];
extern const struct check guest_checks[];
extern const struct check placement_checks[];

/* Runs all checks; findings_release() frees. */
void doctor_run(const struct facts *facts, struct findings *findings);
/* Runs one, by id: for tests. */
void doctor_run_one(const char *id, const struct facts *facts, struct findings *findings);
void findings_release(struct findings *findings);
size_t findings_count(const struct findings *findings, enum grade grade);
const char *grade_name(enum grade grade);

/*
 * For checks. All take over @measured and the fix. Control characters in them become '?', since parts
 * are names that guests' owners chose, and the texts go to terminals and into profiles.
 */
void finding_add(struct findings *findings, enum grade grade, char *measured, struct fix fix);
void finding_found(struct findings *findings, char *measured, struct fix fix);
void finding_passed(struct findings *findings, char *measured);
void finding_unknown(struct findings *findings, char *what);
/* Unknown, since @what (a file, mostly) could not be read, or is not part of a snapshot. */
void finding_missing(struct findings *findings, const struct facts *facts, const char *what);
/* Whether there is a guest to check; says so when there is none. */
bool findings_have_guests(struct findings *findings, const struct facts *facts);

struct fix fix_none(void);
struct fix fix_text(enum fix_kind kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The profile line "NAME = VALUE" where this machine has the setting and vmtune can write it now;
 * otherwise @otherwise, done by hand.
 */
struct fix fix_setting(const struct facts *facts, const char *name, const char *value,
	const char *otherwise);

/* What makes the host swap less: swappiness while it is above 10, then advice. */
struct fix fix_swap(const struct facts *facts);

/* Text for people, 80 columns; with @all what passed as well. */
void report_print(const struct findings *findings, bool all);
/* The last line: "N errors, N warnings, N notes, N passed, N unknown". */
void report_summary(const struct findings *findings);
json_t *report_json(const struct findings *findings);

/* What a fix is introduced with: "kernel command line: ". */
const char *fix_lead(enum fix_kind kind);
const char *fix_kind_name(enum fix_kind kind);

/*
 * A profile that answers the findings; the caller frees. Lines for errors and warnings are in force,
 * those for notes are comments (a note is a choice of the administrator), what no profile can do is
 * listed as comments.
 */
char *fix_profile(const struct findings *findings);
/* Writes it to @path, which must not exist, after a check that it is a profile. */
int fix_write(const struct findings *findings, const char *path, struct error *err);

#endif
