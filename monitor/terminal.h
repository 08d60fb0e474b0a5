/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal: paints frames with ncurses and gives keys. */
#ifndef VMTUNE_MONITOR_TERMINAL_H
#define VMTUNE_MONITOR_TERMINAL_H

#include "lib/error.h"
#include "monitor/frame.h"

enum key { KEY_NONE_, KEY_UP_, KEY_DOWN_, KEY_PAGE_UP_, KEY_PAGE_DOWN_, KEY_HOME_, KEY_END_, KEY_ENTER_,
	KEY_ESCAPE_, KEY_F1_, KEY_F6_, KEY_F10_, KEY_RESIZE_ }; /* others are their ASCII code */

/* Takes the terminal over. -ENOTTY or -EINVAL with @err when it cannot. NO_COLOR is honoured. */
int terminal_open(struct error *err);
void terminal_close(void);
void terminal_size(int *width, int *height);
void terminal_paint(const struct frame *frame);
/* The next key without waiting; KEY_NONE_ when there is none. */
int terminal_key(void);

#endif
