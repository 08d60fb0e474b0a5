/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canvas of all screens. */
#include "monitor/frame.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

struct frame *frame_new(int width, int height)
{
	struct frame *frame = xcalloc(1, sizeof(*frame));

	frame->width = width > 0 ? width : 1;
	frame->height = height > 0 ? height : 1;
	frame->text = xcalloc((size_t)frame->width, (size_t)frame->height);
	frame->paint = xcalloc((size_t)frame->width, (size_t)frame->height);
	memset(frame->text, ' ', (size_t)frame->width * (size_t)frame->height);
	return frame;
}

void frame_free(struct frame *frame)
{
	if (!frame)
		return;
	free(frame->text);
	free(frame->paint);
	free(frame);
}

int frame_put(struct frame *frame, int y, int x, int width, enum paint paint, const char *text)
{
	for (; *text && width > 0; text++, x++, width--) {
		size_t at = (size_t)y * (size_t)frame->width + (size_t)x;

		if (y < 0 || y >= frame->height || x < 0 || x >= frame->width)
			continue;
		frame->text[at] = *text >= ' ' && *text <= '~' ? *text : '?';
		frame->paint[at] = (uint8_t)paint;
	}
	return x;
}

int frame_printf(struct frame *frame, int y, int x, enum paint paint, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return frame_put(frame, y, x, frame->width - x, paint, text);
}

void frame_paint(struct frame *frame, int y, int x, int width, enum paint paint)
{
	for (; width > 0; x++, width--)
		if (y >= 0 && y < frame->height && x >= 0 && x < frame->width)
			frame->paint[(size_t)y * (size_t)frame->width + (size_t)x] = (uint8_t)paint;
}

void frame_print(const struct frame *frame, FILE *out)
{
	for (int y = 0; y < frame->height; y++) {
		const char *line = frame->text + (size_t)y * (size_t)frame->width;
		int length = frame->width;

		while (length > 0 && line[length - 1] == ' ')
			length--;
		fprintf(out, "%.*s\n", length, line);
	}
}
