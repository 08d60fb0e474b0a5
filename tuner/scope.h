/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests on a host that systemd runs. There the tree of control groups is systemd's: a group made behind its
 * back loses its settings at the next daemon-reload, and a guest in its starter's group ends with that login
 * session or service. So a guest that vmtune starts is a transient scope of vmtune.slice, and weights and
 * limits, of ours and of others' scopes (libvirt's machine-*.scope), are properties of their units, set until
 * the next boot (org.freedesktop.systemd1(5): StartTransientUnit, SetUnitProperties).
 */
#ifndef VMTUNE_TUNER_SCOPE_H
#define VMTUNE_TUNER_SCOPE_H

#include <stdbool.h>

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/action.h"
#include "tuner/profile/profile.h"

#define SCOPE_SLICE "vmtune.slice"

/* The unit of a guest of ours, "vmtune-NAME.scope"; the caller frees. */
char *scope_name(const char *guest);
/* Whether @group ("/machine.slice/machine-qemu.scope") is that of a scope of the host's systemd. Pure. */
bool scope_is(const struct snapshot *snapshot, const char *group);

/*
 * Appends a property of the unit @unit (of the guest that @target names, as guest actions do) for each weight
 * and limit the profile names. Pure.
 */
void scope_plan_values(struct action_list *list, const struct profile_vm *vm, const char *unit, const char *target);

/*
 * Moves the calling process into a new scope of the guest @name. In a child, before it executes: the scope is
 * there when the program begins, and goes when its last process has ended. Returns 0, or negative with @err.
 */
int scope_enter(const char *name, struct error *err);

#endif
