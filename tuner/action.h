/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An action is one change to the host with four verbs: describe, apply, verify, undo, and a class that
 * says how it can be undone. There is no other way to write to the host. A table in action.c has one
 * row a kind; a plan is an ordered list of actions; the journal holds their records.
 *
 * All four texts (target, detail, before, after) are plain strings so that an action can be written to
 * the journal, printed and compared without knowing its kind.
 */
#ifndef VMTUNE_TUNER_ACTION_H
#define VMTUNE_TUNER_ACTION_H

#include <stdbool.h>

#include <jansson.h>

#include "host/knob.h"
#include "host/root.h"
#include "lib/error.h"

enum action_kind {
	ACTION_SETTING,      /* a knob: target = host path, value = raw file text */
	ACTION_HUGEPAGES,    /* target = .../nodeN/hugepages/hugepages-SIZE/nr_hugepages */
	ACTION_CGROUP,       /* target = cgroup of a guest; before "absent", after "present" */
	ACTION_CGROUP_VALUE, /* target = cgroup file */
	ACTION_START_GUEST,  /* target = guest name; detail = argv as JSON; before "stopped" */
	ACTION_AFFINITY,     /* target = thread "PID:START/TID:START"; value = cpulist */
	ACTION_BALLOON,      /* target = guest "PID:START NAME"; value = bytes */
	ACTION_GUEST_KSM,    /* target = guest; value = "on" / "off" */
	ACTION_MOVE_PAGES,   /* target = guest; value = nodes; CLASS_IRREVERSIBLE */
	ACTION_KIND_COUNT
};

/* What a look at the machine says about an action; for verify, status and revert. */
enum action_state {
	STATE_OK,            /* as wanted */
	STATE_DRIFTED,       /* neither before nor after: changed by someone else */
	STATE_BEFORE,        /* still (or again) as it was before */
	STATE_GONE,          /* the object is no longer there (thread ended, other boot) */
	STATE_UNSUPPORTED,
};

struct action {
	enum action_kind kind;
	enum action_class undo_class;
	char *target, *detail; /* detail may be NULL */
	char *before, *after;  /* before is read when the plan is made and again just before applying */
	char *reason;          /* why, for plan: "profile.conf:12", "db: 512 pages on node 1" */
	char *vm;              /* name of the VM this serves, or NULL for the host */
};

struct action_list {
	struct action *actions;
	unsigned int count;
};

/* Everything an action's verbs need to know about where they are. */
struct action_context {
	struct root root;
	const char *run_dir;   /* host path "/run/vmtune" */
	const char *vmm;       /* path of the vmm program */
};

/* Appends; takes ownership of the strings (all allocated). */
struct action *action_add(struct action_list *list, enum action_kind kind, enum action_class undo_class,
	char *target, char *detail, char *before, char *after, char *reason, const char *vm);
void action_list_release(struct action_list *list);
/* Frees the strings of one action, not the struct. */
void action_release(struct action *action);

/* One line for people: "set /sys/kernel/mm/ksm/run: 0 -> 1". The caller frees. */
char *action_describe(const struct action *action);
const char *action_kind_name(enum action_kind kind);
json_t *action_to_json(const struct action *action);
int action_from_json(const json_t *json, struct action *action, struct error *err);

/* The value the machine has now, in the spelling of before/after; the caller frees. NULL: gone (errno). */
char *action_current(const struct action_context *context, const struct action *action);
/* Brings about ->after. Returns 0, or negative with @err saying what was refused and why. */
int action_apply(const struct action_context *context, const struct action *action, struct error *err);
/* Looks and compares; *@now (may be NULL) gets the current value, the caller frees. */
enum action_state action_verify(const struct action_context *context, const struct action *action,
	char **now);
/* Brings back ->before. */
int action_undo(const struct action_context *context, const struct action *action, struct error *err);

#endif
