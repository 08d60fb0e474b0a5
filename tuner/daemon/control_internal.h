/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by both sides of the daemon's socket. */
#ifndef VMTUNE_TUNER_DAEMON_CONTROL_INTERNAL_H
#define VMTUNE_TUNER_DAEMON_CONTROL_INTERNAL_H

#include <stdbool.h>

#define CONTROL_FDS 2 /* standard output and standard error */

/* Set in the process that carries a command out for the daemon: it hands nothing over. */
extern bool control_inside;

#endif
