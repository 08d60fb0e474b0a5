/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rectangle of characters with colours. */
#include "tuner/picture/canvas.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/picture/internal.h"

void canvas_init(struct canvas *canvas, int width)
{
	*canvas = (struct canvas){ .width = width };
}

void canvas_release(struct canvas *canvas)
{
	free(canvas->cells);
}

static struct canvas_cell *cell_at(const struct canvas *canvas, int x, int y)
{
	return &canvas->cells[(size_t)y * (size_t)canvas->width + (size_t)x];
}

static void grow(struct canvas *canvas, int height)
{
	size_t before = (size_t)canvas->height * (size_t)canvas->width;
	size_t after = (size_t)height * (size_t)canvas->width;

	if (height <= canvas->height)
		return;
	canvas->cells = xreallocarray(canvas->cells, after, sizeof(*canvas->cells));
	for (size_t i = before; i < after; i++)
		canvas->cells[i] = (struct canvas_cell){ .vm = PICTURE_NONE };
	canvas->height = height;
}

void canvas_put(struct canvas *canvas, int x, int y, const char *text, int vm)
{
	struct canvas_cell *cell;

	if (x < 0 || x >= canvas->width)
		return;
	grow(canvas, y + 1);
	cell = cell_at(canvas, x, y);
	snprintf(cell->text, sizeof(cell->text), "%s", text);
	cell->vm = vm;
}

int canvas_text(struct canvas *canvas, int x, int y, const char *text)
{
	for (; *text; text++)
		canvas_put(canvas, x++, y, (const char[]){ *text, '\0' }, PICTURE_NONE);
	return x;
}

int canvas_wrap(struct canvas *canvas, int x, int y, int right, const char *text)
{
	int column = x;

	while (*text) {
		int length = (int)strcspn(text, " ");

		if (column > x && column + 1 + length > right) {
			y++;
			column = x;
		}
		column += column > x;
		for (int i = 0; i < length; i++)
			canvas_put(canvas, column++, y, (const char[]){ text[i], '\0' }, PICTURE_NONE);
		text += length;
		text += strspn(text, " ");
	}
	return y + 1;
}

void canvas_frame(struct canvas *canvas, int x, int y, int width, int height, const char *title,
	bool unicode)
{
	static const char *const sets[2][6] = {
		{ "+", "+", "+", "+", "-", "|" }, { "┌", "┐", "└", "┘", "─", "│" },
	};
	const char *const *lines = sets[unicode];
	int bottom = y + height - 1, right = x + width - 1;

	for (int i = x + 1; i < right; i++) {
		canvas_put(canvas, i, y, lines[4], PICTURE_NONE);
		canvas_put(canvas, i, bottom, lines[4], PICTURE_NONE);
	}
	for (int i = y + 1; i < bottom; i++) {
		canvas_put(canvas, x, i, lines[5], PICTURE_NONE);
		canvas_put(canvas, right, i, lines[5], PICTURE_NONE);
	}
	canvas_text(canvas, canvas_text(canvas, canvas_text(canvas, x + 2, y, " "), y, title), y, " ");
	canvas_put(canvas, x, y, lines[0], PICTURE_NONE);
	canvas_put(canvas, right, y, lines[1], PICTURE_NONE);
	canvas_put(canvas, x, bottom, lines[2], PICTURE_NONE);
	canvas_put(canvas, right, bottom, lines[3], PICTURE_NONE);
}

void canvas_paste(struct canvas *canvas, int x, int y, const struct canvas *other)
{
	grow(canvas, y + other->height);
	for (int row = 0; row < other->height; row++)
		for (int column = 0; column < other->width; column++) {
			const struct canvas_cell *cell = cell_at(other, column, row);

			if (cell->text[0])
				canvas_put(canvas, x + column, y + row, cell->text, cell->vm);
		}
}

int canvas_flow(struct canvas *canvas, int x, int y, int width, const struct canvas *parts,
	unsigned int count, int *right)
{
	int column = x, row = y, next = y;

	*right = x;
	for (unsigned int i = 0; i < count; i++) {
		if (column > x && column + parts[i].width > x + width) {
			column = x;
			row = next;
		}
		canvas_paste(canvas, column, row, &parts[i]);
		column += parts[i].width + 1;
		*right = column - 1 > *right ? column - 1 : *right;
		next = row + parts[i].height > next ? row + parts[i].height : next;
	}
	return next;
}

static void print_colour(int from, int to, FILE *out)
{
	const struct picture_colour *colour = to < 0 ? NULL : picture_colour((unsigned int)to);

	if (from == to)
		return;
	if (colour)
		fprintf(out, "\033[48;5;%d;38;5;%dm", colour->ansi, colour->dark ? 231 : 16);
	else
		fputs("\033[0m", out);
}

void canvas_print(const struct canvas *canvas, bool colour, FILE *out)
{
	for (int row = 0; row < canvas->height; row++) {
		int last = canvas->width - 1, now = PICTURE_NONE;

		while (last >= 0 && !cell_at(canvas, last, row)->text[0])
			last--;
		for (int column = 0; column <= last; column++) {
			const struct canvas_cell *cell = cell_at(canvas, column, row);

			if (colour)
				print_colour(now, cell->vm, out);
			now = cell->vm;
			fputs(cell->text[0] ? cell->text : " ", out);
		}
		if (colour)
			print_colour(now, PICTURE_NONE, out);
		putc('\n', out);
	}
}
