/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that knows ncurses. Colour repeats what bold, reverse and underline say already. */
#include "monitor/terminal.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <curses.h>

static const struct {
	attr_t attributes;
	short foreground; /* -1: the terminal's own */
} paints[] = {
	[PAINT_PLAIN] = {A_NORMAL, -1},
	[PAINT_LABEL] = {A_BOLD, COLOR_CYAN},
	[PAINT_STRONG] = {A_BOLD, -1},
	[PAINT_HEAD] = {A_REVERSE, COLOR_GREEN},
	[PAINT_HEAD_SORTED] = {A_REVERSE | A_BOLD | A_UNDERLINE, COLOR_GREEN},
	[PAINT_SELECTED] = {A_REVERSE, COLOR_CYAN},
	[PAINT_WARN] = {A_BOLD, COLOR_RED},
	[PAINT_BAR] = {A_REVERSE, COLOR_CYAN},
	[PAINT_KEY] = {A_BOLD, -1},
};
_Static_assert(sizeof(paints) / sizeof(paints[0]) == PAINT_COUNT, "every paint has a look");

static const struct {
	int curses, key;
} keys[] = {
	{KEY_UP, KEY_UP_}, {KEY_DOWN, KEY_DOWN_}, {KEY_PPAGE, KEY_PAGE_UP_}, {KEY_NPAGE, KEY_PAGE_DOWN_},
	{KEY_HOME, KEY_HOME_}, {KEY_END, KEY_END_}, {KEY_ENTER, KEY_ENTER_}, {'\n', KEY_ENTER_},
	{'\r', KEY_ENTER_}, {27, KEY_ESCAPE_}, {KEY_F(1), KEY_F1_}, {KEY_F(6), KEY_F6_},
	{KEY_F(10), KEY_F10_}, {KEY_RESIZE, KEY_RESIZE_},
};

static SCREEN *screen;

static void open_colours(void)
{
	const char *refused = getenv("NO_COLOR"); /* https://no-color.org: any value but the empty one */

	if ((refused && *refused) || !has_colors() || start_color() == ERR || use_default_colors() == ERR)
		return;
	for (int i = 0; i < PAINT_COUNT; i++)
		init_pair((short)(i + 1), paints[i].foreground, -1);
}

int terminal_open(struct error *err)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(err, ENOTTY, "no terminal here; use --once, -b or --json");
	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return error_set(err, EINVAL, "terminal type '%s' is unknown; set TERM or use --once",
			getenv("TERM") ? getenv("TERM") : "");
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	open_colours();
	return 0;
}

void terminal_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

void terminal_size(int *width, int *height)
{
	getmaxyx(stdscr, *height, *width);
}

void terminal_paint(const struct frame *frame)
{
	erase();
	for (int y = 0; y < frame->height; y++)
		for (int x = 0; x < frame->width; x++) {
			size_t at = (size_t)y * (size_t)frame->width + (size_t)x;
			int paint = frame->paint[at];

			if (frame->text[at] == ' ' && paint == PAINT_PLAIN)
				continue;
			/* Pair numbers of a terminal without colours are simply ignored. */
			mvaddch(y, x, (chtype)(unsigned char)frame->text[at] | paints[paint].attributes |
				COLOR_PAIR(paint + 1));
		}
	refresh();
}

int terminal_key(void)
{
	int key = getch();

	if (key == ERR)
		return KEY_NONE_;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].curses == key)
			return keys[i].key;
	return key >= ' ' && key <= '~' ? key : KEY_NONE_;
}
