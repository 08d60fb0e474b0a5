/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Talking to irqbalance: a command in one message over /run/irqbalance/irqbalancePID.sock, root's only,
 * the answer until the end of the stream.
 *
 * A ban does not count at once. irqbalance takes it up when it next looks at the machine, sleeps once
 * more in doing so, and answers nobody meanwhile: each of these may take as long as its interval (10 s).
 */
#ifndef VMTUNE_HOST_IRQBALANCE_H
#define VMTUNE_HOST_IRQBALANCE_H

#include <stdint.h>
#include <sys/types.h>

#include "host/root.h"
#include "lib/error.h"
#include "lib/idset.h"

/* The one that runs and answers; pid 0: none. */
struct irqbalance {
	pid_t pid;
	uint64_t start;       /* clock ticks since boot: identity */
	struct idset banned;  /* CPUs to which it moves no interrupt */
};

/* Asks process @pid. ->pid stays 0 when it does not answer. */
void irqbalance_read(const struct root *root, pid_t pid, struct irqbalance *irqbalance);
/* Which CPUs it keeps interrupts off. Returns 0, or negative with @err. */
int irqbalance_banned(const struct root *root, pid_t pid, struct idset *banned, struct error *err);
/* Tells it which; waits until it says so itself. None at all: what its configuration says. */
int irqbalance_ban(const struct root *root, pid_t pid, const struct idset *banned, struct error *err);

#endif
