/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The endless part that hold and fill share. */
#ifndef VMTUNE_GUEST_HOLD_H
#define VMTUNE_GUEST_HOLD_H

#include "guest/guest.h"
#include "guest/json.h"

/* Says "ready" and touches the job's pages until the machine ends. */
void hold_forever(struct guest *guest);
/* True from "ready" on: the job's pages may be taken away. */
bool hold_is_running(void);
/*
 * After pool.job_pages was lowered, on the boot CPU: returns when no thread touches what lies above
 * any more.
 */
void hold_quiesce(struct guest *guest);
/* Adds the counters to a status line. */
void hold_status(struct json *line);

#endif
