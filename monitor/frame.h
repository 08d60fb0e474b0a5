/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A screenful of characters with attributes. Screens draw into a frame; what paints it (ncurses,
 * standard output, a test) is none of their business.
 */
#ifndef VMTUNE_MONITOR_FRAME_H
#define VMTUNE_MONITOR_FRAME_H

#include <stdint.h>
#include <stdio.h>

/* What a text means. No meaning is carried by the colour alone. */
enum paint { PAINT_PLAIN, PAINT_LABEL, PAINT_STRONG, PAINT_HEAD, PAINT_HEAD_SORTED, PAINT_SELECTED,
	PAINT_WARN, PAINT_BAR, PAINT_KEY, PAINT_COUNT };

struct frame {
	int width, height;
	char *text;     /* width * height, blanks where nothing is */
	uint8_t *paint;
};

struct frame *frame_new(int width, int height);
void frame_free(struct frame *frame);

/*
 * Writes a text at line @y, column @x, at most @width columns; what is outside is cut. Bytes that are
 * not printable ASCII become "?": names are made by strangers. Returns the column after the text.
 */
int frame_put(struct frame *frame, int y, int x, int width, enum paint paint, const char *text);
int frame_printf(struct frame *frame, int y, int x, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Gives @width columns another paint. */
void frame_paint(struct frame *frame, int y, int x, int width, enum paint paint);

/* Writes the lines without blanks at their ends. */
void frame_print(const struct frame *frame, FILE *out);

#endif
