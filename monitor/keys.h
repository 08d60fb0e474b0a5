/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keys do: changes of the view, from one table. */
#ifndef VMTUNE_MONITOR_KEYS_H
#define VMTUNE_MONITOR_KEYS_H

#include "monitor/screen.h"

enum reaction { REACTION_NONE, REACTION_DRAW, REACTION_SLOWER, REACTION_FASTER, REACTION_QUIT };

/* Carries a key out on the view. @page: rows of the table; @model may be NULL. */
enum reaction key_press(int key, struct view *view, struct model *model, int page);

#endif
