/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The help screen: keys, and the columns out of the field table. */
#include "monitor/screen.h"

static const struct {
	const char *keys, *what;
} rows[] = {
	{"Up Down PgUp PgDn Home End", "select a VM (scroll in the other screens)"},
	{"Enter", "one VM: threads, memory by node, RAM mappings"},
	{"F6 > and <", "sort by the next, the previous column"},
	{"P M T N", "sort by CPU, memory, ready time, PID (as in top)"},
	{"I or R", "invert the order"},
	{"Space", "pause and go on"},
	{"+ and -", "longer and shorter interval"},
	{"Esc or F10 or q", "back; q on the list quits"},
};

int screen_draw_help(struct frame *frame, int y)
{
	frame_printf(frame, y++, 0, PAINT_STRONG, "vmtop: the KVM guests of this machine");
	y++;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++, y++) {
		frame_printf(frame, y, 0, PAINT_KEY, "%s", rows[i].keys);
		frame_printf(frame, y, 28, PAINT_PLAIN, "%s", rows[i].what);
	}
	y++;
	for (int i = 0; i < FIELD_COUNT; i++, y++) {
		frame_printf(frame, y, 0, PAINT_LABEL, "%s", fields[i].title);
		frame_printf(frame, y, 8, PAINT_PLAIN, "%s", fields[i].help);
	}
	y++;
	frame_printf(frame, y++, 0, PAINT_PLAIN,
		"n/a: not known (no permission, or this kernel has no such file). PSI: some/full, 10 s.");
	return y;
}
