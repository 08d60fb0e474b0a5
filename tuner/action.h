/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An action is one change to the host with four verbs: describe, apply, verify, undo, and a class that
 * says how it can be undone. There is no other way to write to the host. A table in action.c has one
 * row a kind (its functions are in actions/); a plan is an ordered list of actions; the journal holds
 * their records.
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
#include "tuner/move/move.h"

/*
 * How the texts are spelled. A planner may leave before NULL: it is read just before the change.
 * Where "guest" stands, target is a guest's name; it becomes "PID:START NAME" when the action is
 * carried out, so that a later guest of the same name is never mistaken for it.
 */
enum action_kind {
	ACTION_SETTING,      /* a knob: target = host path, value = file text ("1", "madvise") */
	ACTION_HUGEPAGES,    /* target = host path .../nr_hugepages; value = pages, decimal */
	ACTION_CGROUP_CONTROLLERS, /* v2: target = .../cgroup.subtree_control; value = "cpu memory" */
	ACTION_CGROUP,       /* target = "vmtune/NAME"; before "absent", after "present" */
	ACTION_CGROUP_VALUE, /* target = host path of a cgroup file; value = its text */
	ACTION_UNIT_PROPERTY, /* target = guest; detail = "UNIT PROPERTY"; value = decimal or "infinity" */
	ACTION_GROUP_CPUS,   /* target = host path of a cpuset.cpus (v2); value = cpulist, empty: not set */
	ACTION_UNIT_CPUS,    /* target = unit at the top, "system.slice"; value = cpulist, empty: not set */
	ACTION_START_GUEST,  /* target = guest name; detail = argv as JSON; "stopped" -> "running" */
	ACTION_AFFINITY,     /* target = thread "PID:START/TID:START"; value = cpulist */
	ACTION_BALLOON,      /* target = guest; detail = QMP socket or NULL; value = bytes */
	ACTION_GUEST_KSM,    /* target = guest; detail = QMP socket or NULL; value = "on" / "off" */
	ACTION_IRQ,          /* target = interrupt "NUMBER DEVICE NAME" (host/irq.h); value = cpulist */
	ACTION_IRQBALANCE,   /* target = process "PID:START irqbalance"; value = cpulist, maybe empty */
	ACTION_MOVE_PAGES,   /* target = guest; detail = "node N" of the guest, NULL: all; value = node list; CLASS_IRREVERSIBLE */
	ACTION_CPUSET_MEMS,  /* target = host path of a cpuset.mems; detail = guest; value = node list */
	ACTION_LIBVIRT,      /* target = "PID:START PROPERTY", detail = "URI UUID"; value as in host/libvirt.h */
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
	int stop_ms;           /* how long a guest may take to shut down when asked */
	struct move_options move; /* how fast pages move */
	struct machine *machine; /* what its owner has read already (counters are read again), or NULL */
};

/* Appends; takes ownership of the strings (all allocated). */
struct action *action_add(struct action_list *list, enum action_kind kind, enum action_class undo_class,
	char *target, char *detail, char *before, char *after, char *reason, const char *vm);
void action_list_release(struct action_list *list);
/* Takes out the actions whose wanted state the machine has already; the others get a ->before to show. */
void action_list_drop_done(const struct action_context *context, struct action_list *list);
/* Frees the strings of one action, not the struct. */
void action_release(struct action *action);
void action_copy(struct action *to, const struct action *from);

/* One line for people: "set /sys/kernel/mm/ksm/run: 0 -> 1". The caller frees. */
char *action_describe(const struct action *action);
const char *action_kind_name(enum action_kind kind);
const char *action_state_name(enum action_state state);
json_t *action_to_json(const struct action *action);
int action_from_json(const json_t *json, struct action *action, struct error *err);

/* The value the machine has now, in the spelling of before/after; the caller frees. NULL: gone (errno). */
char *action_current(const struct action_context *context, const struct action *action);
/* Whether two spellings mean the same for this action ("[madvise]" and "madvise", "0-1" and "0,1"). */
bool action_same(const struct action *action, const char *a, const char *b);

/* Whether both are about one object and one value of it, so that the later change continues the earlier. */
bool action_same_object(const struct action *a, const struct action *b);

/*
 * Of two such changes, whether one that has the earlier's before and the later's after says all there is. Not where it
 * must be known who has set the value in between.
 */
bool action_continues(const struct action *earlier, const struct action *later);

/*
 * To be called just before the change is announced in the journal: resolves the target to an
 * identity and reads ->before as the machine has it, byte for byte.
 */
int action_prepare(const struct action_context *context, struct action *action, struct error *err);
/*
 * Whether the kernel may refuse such a change for reasons of its own (interrupts that it manages
 * itself): that is reported, and no reason to undo everything else.
 */
bool action_refusable(const struct action *action);
/* Brings about ->after. Returns 0, or negative with @err saying what was refused and why. */
int action_apply(const struct action_context *context, const struct action *action, struct error *err);
/* Looks and compares; *@now (may be NULL) gets the current value, the caller frees. */
enum action_state action_verify(const struct action_context *context, const struct action *action,
	char **now);
/*
 * Why ->before cannot be brought back at this moment ("512 of 512 pages are in use", "db runs"), or
 * NULL. The caller frees.
 */
char *action_busy(const struct action_context *context, const struct action *action);
/* Whether falling short of ->after is no failure (some pages will not move). */
bool action_partial(const struct action *action);
/* Whether it need not be carried out any more: a thread that ended since the plan, its guest has not. */
bool action_moot(const struct action_context *context, const struct action *action);
/* Whether ->before can be brought back at all (moved pages cannot). */
bool action_can_undo(const struct action *action);
/* Brings back ->before. -EBUSY: not now. -EOPNOTSUPP: never (CLASS_IRREVERSIBLE). */
int action_undo(const struct action_context *context, const struct action *action, struct error *err);

#endif
