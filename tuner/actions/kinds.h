/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What action.c needs to know of each kind: one row of verbs, defined in the file of that kind. A verb
 * that is NULL has the plain meaning said beside it.
 */
#ifndef VMTUNE_TUNER_ACTIONS_KINDS_H
#define VMTUNE_TUNER_ACTIONS_KINDS_H

#include "tuner/action.h"

#define ACTION_TEXT_MAX 4096 /* one page: what a sysfs file can hold */

struct action_verbs {
	const char *name; /* in the journal and in JSON */
	const char *verb; /* for people: "set", "start guest" */
	/* NULL with errno: EAGAIN, it cannot be asked at this moment; else it is not there */
	char *(*read)(const struct action_context *context, const struct action *action);
	/* One verb where both ways are alike: apply is to set ->after, undo is to set ->before */
	int (*set)(const struct action_context *context, const struct action *action, const char *value,
		struct error *err);
	/* Without set: two verbs; undo NULL: cannot be undone */
	int (*apply)(const struct action_context *context, const struct action *action,
		struct error *err);
	int (*undo)(const struct action_context *context, const struct action *action,
		struct error *err);
	/* NULL: equal text, blanks at the ends aside */
	bool (*same)(const struct action *action, const char *a, const char *b);
	/* What apply could not bring about it has told: being short of ->after is no failure */
	bool partial;
	/* NULL: the target is an identity already */
	int (*resolve)(const struct action_context *context, struct action *action,
		struct error *err);
	/* Whether the object has gone and with it the need; NULL: never, a missing object is an error */
	bool (*moot)(const struct action_context *context, const struct action *action);
	/* NULL: never busy */
	char *(*busy)(const struct action_context *context, const struct action *action);
	bool refusable; /* the kernel may say no, and then nothing is wrong */
	bool others_matter; /* what somebody else has set between two of our changes stays known (own_limits.c) */
	bool many;      /* a target has several such values: which one is in ->detail */
};

extern const struct action_verbs action_setting, action_hugepages, action_cgroup_controllers,
	action_cgroup, action_cgroup_value, action_unit_property, action_group_cpus, action_unit_cpus,
	action_start_guest, action_affinity, action_balloon, action_guest_ksm, action_irq, action_irqbalance,
	action_move_pages, action_cpuset_mems, action_libvirt;

/* group_cpus.c: writes a group's cpuset.cpus (host path); the empty set takes its limit away. 0, or negative. */
int group_write_cpus(const struct root *root, const char *file, const struct idset *cpus, struct error *err);
/* Text equal but for blanks at both ends. */
bool action_text_same(const char *a, const char *b);
/* A verb same: both are lists of numbers ("0-3,8"), and the same ones. */
bool action_same_set(const struct action *action, const char *a, const char *b);
/* The raw text of a host file (target), or NULL with errno. */
char *action_read_file(const struct action_context *context, const struct action *action);
/* Writes @text to the host file (target) with a message that names the file and what was refused. */
int action_write_file(const struct action_context *context, const struct action *action,
	const char *text, struct error *err);

/*
 * Moves what of a guest's pages lies outside of @nodes there, before a group stops allowing the rest: the
 * kernel would do it at once, without pace or end. @guest "PID:START NAME"; one that has ended has none.
 */
int action_move_off(const struct action_context *context, const char *guest, const struct idset *nodes,
	struct error *err);

#endif
