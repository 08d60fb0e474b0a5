/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The settings of a host that a KVM administrator tunes, one row each: name in profiles, file,
 * shape of the value, and class (DESIGN.md: how it can be undone). Profile, plan, verify, man page
 * and vmtop all read this one table.
 *
 * A row may stand for many files, one a CPU, node or disk: one part of its path is then a pattern of
 * fnmatch(3). The files have one wanted value, but each has a value of its own now, is changed by an
 * action of its own and comes back as it was.
 */
#ifndef VMTUNE_HOST_KNOB_H
#define VMTUNE_HOST_KNOB_H

#include <stdbool.h>
#include <stddef.h>

#include "host/root.h"
#include "lib/error.h"

#define KNOB_VALUE_MAX 256

enum knob_shape {
	KNOB_NUMBER, /* decimal, maybe negative */
	KNOB_BOOL,   /* 0/1 or N/Y, as the file has it */
	KNOB_CHOICE, /* "always [madvise] never": the bracketed word counts */
	KNOB_MASK,   /* hexadecimal CPU mask with commas */
	KNOB_TEXT,
};

enum action_class {
	CLASS_REVERSIBLE,    /* at run time */
	CLASS_PRECONDITION,  /* at run time, when the row's precondition holds */
	CLASS_MODULE_RELOAD,
	CLASS_BOOT,
	CLASS_IRREVERSIBLE,  /* pages moved, a guest started */
};

struct knob {
	const char *name;       /* in the profile's host section: "ksm_run", "thp_enabled" */
	const char *path;       /* host path; "cpu[0-9]*" in it: each of these */
	enum knob_shape shape;
	enum action_class undo;
	long long min, max;     /* KNOB_NUMBER */
	const char *choices;    /* KNOB_CHOICE: blank-separated, or NULL to take the file's own */
	const char *what;       /* one line: what it does, and why one would set it */
	const char *precondition; /* what must hold before a write, or NULL */
	const char *source;     /* who recommends or documents it */
};

/* One file of a row and its value in the profile's spelling. */
struct knob_file {
	char *path;             /* host path, without a pattern */
	char value[KNOB_VALUE_MAX];
};

extern const struct knob knobs[];
extern const size_t knob_count;

const struct knob *knob_find(const char *name);
/* The row a host path belongs to, or NULL. */
const struct knob *knob_of_path(const char *path);
/* Whether the row stands for several files. */
bool knob_many(const struct knob *knob);

/* Whether its files have numbers (of CPUs), and which one @path has; -1: none. */
bool knob_numbered(const struct knob *knob);
int knob_file_number(const struct knob *knob, const char *path);

/* All files of a row that this kernel has, in the order of their numbers; freed with knob_files_free. */
unsigned int knob_read_files(const struct root *root, const struct knob *knob, struct knob_file **files);
void knob_files_free(struct knob_file *files, unsigned int count);

/*
 * The module whose parameter a row is ("kvm_intel"); NULL for other rows. *@parameter (may be NULL) is
 * the parameter's own name.
 */
const char *knob_module(const struct knob *knob, char module[64], const char **parameter);
/* Whether the parameter's module is part of the kernel image: then only its command line can set it. */
bool knob_built_in(const struct root *root, const struct knob *knob);

/*
 * The current value of a row with one file, in the profile's spelling (a choice without brackets, Y as
 * 1). Returns 0, -ENOENT when this kernel has no such file, or another -errno.
 */
int knob_read(const struct root *root, const struct knob *knob, char *value, size_t size);
/*
 * Brings any accepted spelling of a value into the profile's, which is also what a write wants: the
 * bracketed word of a choice, 0 or 1 for a bool, no blanks around. Returns @value.
 */
char *knob_spell(const struct knob *knob, const char *text, char *value, size_t size);
/* Whether two spellings mean the same value ("Y" and "1", "0x3" and "3", "0,00000003" and "3"). */
bool knob_same(const struct knob *knob, const char *a, const char *b);
/* Checks a wanted value against the row. Returns 0 or -EINVAL with @err saying what is right. */
int knob_check(const struct knob *knob, const char *value, struct error *err);
const char *action_class_name(enum action_class class);

#endif
