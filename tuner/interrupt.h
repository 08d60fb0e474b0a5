/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ctrl-C while the host is being changed: noticed at the next safe point, where what was done is undone. */
#ifndef VMTUNE_TUNER_INTERRUPT_H
#define VMTUNE_TUNER_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP only set the flag; SIGPIPE is ignored. */
void interrupt_watch(void);
bool interrupted(void);
/* Forgets the signal, for the undoing that follows it. Returns whether there was one. */
bool interrupt_forget(void);
/* After the undoing: whoever goes on afterwards, as a daemon does, is still to end. */
void interrupt_again(void);

#endif
