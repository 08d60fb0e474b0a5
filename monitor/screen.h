/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The screens: each draws a model into a frame, given what the user has chosen. Nothing here knows of
 * terminals or of /proc.
 */
#ifndef VMTUNE_MONITOR_SCREEN_H
#define VMTUNE_MONITOR_SCREEN_H

#include "monitor/field.h"
#include "monitor/frame.h"
#include "monitor/layout.h"
#include "monitor/model.h"

enum screen { SCREEN_LIST, SCREEN_DETAIL, SCREEN_HELP };

/* What the user has chosen. A VM is remembered by PID and start time, not by its line. */
struct view {
	enum screen screen;
	enum field_id sort;
	bool reverse;
	pid_t selected;          /* 0 none */
	uint64_t selected_start;
	int first;               /* first row shown */
	bool paused;
	bool interactive;        /* false for text output: no key bar, no selection */
};

/* Index of the selected VM in the model, -1 when there is none (any more). */
int view_selected(const struct view *view, const struct model *model);
void view_select(struct view *view, const struct model *model, int index);

/* The layout of the main screen for this model and window (height 0: as high as needed). */
void screen_layout(const struct model *model, int width, int height, struct layout *layout);

/*
 * Draws the chosen screen; the caller frees the frame. @height 0 makes it as high as needed. May
 * correct view->first so that the selection is seen. @model NULL: no sample yet.
 */
struct frame *screen_draw(struct view *view, const struct model *model, int width, int height);

/* Parts, for screen.c: each draws from line @y and returns the line after it. */
int screen_draw_host(struct frame *frame, const struct view *view, const struct model *model,
	const struct layout *layout);
void screen_draw_list(struct frame *frame, struct view *view, const struct model *model,
	const struct layout *layout);
int screen_draw_detail(struct frame *frame, const struct view *view, const struct model *model,
	const struct vm_row *vm, int y);
int screen_draw_help(struct frame *frame, int y);

#endif
