/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the machine look the way the profile wants it? Reads the machine, not the journal: threads,
 * pages, marks, settings, group values, each compared with what is wanted. The one thing that only the
 * journal knows is which interrupts the kernel has refused to move.
 */
#ifndef VMTUNE_TUNER_VERIFY_H
#define VMTUNE_TUNER_VERIFY_H

#include <jansson.h>

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/action.h"
#include "tuner/profile/profile.h"

struct verify {
	const struct action_context *context;
	struct profile *profile; /* gets its attached guests */
	struct snapshot *snapshot;
	json_t *summary;     /* texts: "db: 4 of 4 vCPU threads on their PUs" */
	json_t *differences; /* {"where", "what", "wanted", "found", "state"} */
};

/*
 * Looks; fills summary and differences (new references, the caller's). Negative with @err only when
 * the machine could not be read.
 */
int verify_run(struct verify *verify, struct error *err);

/* verify/host.c: settings and words of the kernel command line. */
void verify_host(struct verify *verify);
/* verify/irq.c: whether interrupts are off the CPUs that @placed dedicates, and near their devices. */
struct placed_vm;
void verify_irqs(struct verify *verify, const struct placed_vm *placed, unsigned int count);
/* verify/isolate.c: whether the host's other work is off the CPUs that @placed dedicates. */
void verify_isolate(struct verify *verify, const struct placed_vm *placed, unsigned int count);
/* For verify/guest.c, which looks at one guest. */
int verify_guest(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct error *err);
/* verify/attach.c: pages and group of a guest that vmtune did not start. */
int verify_attached(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct error *err);
/*
 * @found NULL: it is not there. @state says what kind of difference: "drifted", "unsupported" (this
 * kernel has no such thing), "pending reboot", "pending module reload", "conflict" (another daemon
 * writes it again and again).
 */
void verify_state(struct verify *verify, const char *where, const char *what, const char *wanted,
	const char *found, const char *state);
/* The same with "drifted". */
void verify_difference(struct verify *verify, const char *where, const char *what, const char *wanted,
	const char *found);
/* What of a guest's pages is where it shall be, bytes: one line of the summary. */
void verify_share(struct verify *verify, const char *name, uint64_t right, uint64_t resident);
/* The values of control groups among @wanted, each of them looked at. */
void verify_values(struct verify *verify, const char *name, const struct action_list *wanted);
void verify_summary(struct verify *verify, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
