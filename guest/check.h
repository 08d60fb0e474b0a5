/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the job check has found. */
#ifndef VMTUNE_GUEST_CHECK_H
#define VMTUNE_GUEST_CHECK_H

#include "guest/json.h"

/* Adds the counters to a status line, once it checks. */
void check_status(struct json *line);

#endif
