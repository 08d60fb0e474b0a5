/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A model as JSON: member names come from the field table, unknown figures are null. */
#ifndef VMTUNE_MONITOR_EXPORT_H
#define VMTUNE_MONITOR_EXPORT_H

#include <jansson.h>

#include "monitor/model.h"

#define EXPORT_VERSION 1 /* goes up when a member changes its meaning or goes away */

/* A new reference. */
json_t *model_to_json(const struct model *model);

#endif
