/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything the toolkit knows about a machine at one moment. Commands, verify and vmtop read the
 * machine through this; it can be saved to a file and loaded elsewhere, so that a plan can be made for
 * another machine and tested without one.
 */
#ifndef VMTUNE_HOST_SNAPSHOT_H
#define VMTUNE_HOST_SNAPSHOT_H

#include <jansson.h>

#include "host/group.h"
#include "host/guest.h"
#include "host/irq.h"
#include "host/irqbalance.h"
#include "host/knob.h"
#include "host/machine.h"
#include "host/root.h"
#include "host/service.h"
#include "lib/error.h"

struct knob_value {
	const struct knob *knob;
	char value[KNOB_VALUE_MAX]; /* profile spelling; "" when the kernel has no such file */
	struct knob_file *files;    /* of a row of several files: all; value is "mixed" where they differ */
	unsigned int file_count;
	bool built_in;              /* a module parameter whose module is part of the kernel image */
};

enum cgroup_version { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

struct snapshot {
	char boot_id[40];
	char kernel[128];            /* release */
	long long taken;             /* seconds since the epoch */
	struct machine *machine;
	struct knob_value *knobs;    /* knob_count rows, in table order */
	struct guest_list guests;
	enum cgroup_version cgroup;  /* where CPU and memory controllers are; hybrid counts as v1 */
	char cgroup_mount[256];      /* of the unified tree, or of v1's parent directory */
	struct host_group_list groups; /* of cgroup v2's top */
	bool systemd;                /* it runs this host, and the tree of control groups is its own */
	bool has_kvm;                /* /dev/kvm is there */
	struct irq_list irqs;
	struct service_list services; /* daemons that tune the host as well */
	struct irqbalance irqbalance; /* of them, one that was asked and has answered */
	char *cmdline;               /* the kernel's, or NULL when unknown */
};

/* Reads the machine under @root. NULL with @err. */
struct snapshot *snapshot_read(const struct root *root, struct error *err);
/*
 * Fills ->irqbalance when one runs. Apart, because the daemon answers when it wakes up, up to 12 s later:
 * only who is to move interrupts asks.
 */
void snapshot_ask_irqbalance(struct snapshot *snapshot, const struct root *root);
void snapshot_free(struct snapshot *snapshot);

/* Writes atomically (temporary file, rename). */
int snapshot_save(const struct snapshot *snapshot, const char *path, struct error *err);
/*
 * @text is a snapshot file, an hwloc XML file, or (when there is no such file) a synthetic
 * topology string. What the source does not say stays unknown (no guests, no knob values).
 */
struct snapshot *snapshot_load(const char *text, struct error *err);

json_t *snapshot_to_json(const struct snapshot *snapshot);
/* Everything known about a knob, or NULL when it has no row. */
const struct knob_value *snapshot_knob_row(const struct snapshot *snapshot, const struct knob *knob);
/* Fills in value from the files of a row of several. */
void snapshot_knob_join(struct knob_value *row);
/* Value of a knob, or NULL when unknown. */
const char *snapshot_knob(const struct snapshot *snapshot, const char *name);

#endif
