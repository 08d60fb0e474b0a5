/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rectangle of characters with colours, for pictures on a terminal. Private to the pictures. */
#ifndef VMTUNE_TUNER_PICTURE_CANVAS_H
#define VMTUNE_TUNER_PICTURE_CANVAS_H

#include <stdio.h>

#include "tuner/picture/picture.h"

struct canvas_cell {
	char text[4]; /* one character in UTF-8, three bytes at most; "" is a blank */
	int vm;       /* whose colour, or negative: none */
};

struct canvas {
	struct canvas_cell *cells;
	int width, height; /* grows downwards as it is written to */
};

void canvas_init(struct canvas *canvas, int width);
void canvas_release(struct canvas *canvas);
/* One character; outside of the width nothing happens. */
void canvas_put(struct canvas *canvas, int x, int y, const char *text, int vm);
/* A text of ASCII characters. Returns the column after it. */
int canvas_text(struct canvas *canvas, int x, int y, const char *text);
/* Words from (@x, @y), broken before the edge at @right. Returns the line after the last. */
int canvas_wrap(struct canvas *canvas, int x, int y, int right, const char *text);
/* A frame around (@x, @y, @width, @height) with a title, which should be 5 shorter, in its upper edge. */
void canvas_frame(struct canvas *canvas, int x, int y, int width, int height, const char *title,
	bool unicode);
void canvas_paste(struct canvas *canvas, int x, int y, const struct canvas *other);
void canvas_print(const struct canvas *canvas, bool colour, FILE *out);

/*
 * Places @count canvases in rows of at most @width (wider ones get a row of their own), a blank between
 * them, on @canvas from (@x, @y) on. Returns the line after the last row; *@right the column after the
 * longest.
 */
int canvas_flow(struct canvas *canvas, int x, int y, int width, const struct canvas *parts,
	unsigned int count, int *right);

#endif
