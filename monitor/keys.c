/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key table and the actions behind it. Keys are those of top(1) and htop(1) where they agree. */
#include "monitor/keys.h"

#include <limits.h>

#include "monitor/terminal.h"

struct press {
	struct view *view;
	struct model *model;
	int page;
	int argument; /* of the table row */
};

/* Moves the selection by lines in the list, the text in the other screens. */
static enum reaction move(struct press *press)
{
	struct view *view = press->view;
	int by = press->argument;

	if (by == 2 || by == -2)
		by = by / 2 * (press->page > 1 ? press->page : 1);
	if (view->screen != SCREEN_LIST) {
		view->first = by == INT_MIN ? 0 : by == INT_MAX ? INT_MAX / 2 : view->first + by;
		view->first = view->first < 0 ? 0 : view->first;
	} else if (press->model) {
		int at = view_selected(view, press->model);

		if (by == INT_MIN || by == INT_MAX)
			at = by == INT_MIN ? 0 : INT_MAX;
		else
			at += by;
		view_select(view, press->model, at < 0 ? 0 : at);
	}
	return REACTION_DRAW;
}

static enum reaction sort_by(struct press *press)
{
	press->view->sort = (enum field_id)press->argument;
	press->view->reverse = false;
	return REACTION_DRAW;
}

static enum reaction sort_next(struct press *press)
{
	press->view->sort = (enum field_id)(((int)press->view->sort + press->argument + FIELD_COUNT) %
					    FIELD_COUNT);
	press->view->reverse = false;
	return REACTION_DRAW;
}

static enum reaction invert(struct press *press)
{
	press->view->reverse = !press->view->reverse;
	return REACTION_DRAW;
}

static enum reaction pause_or_go(struct press *press)
{
	press->view->paused = !press->view->paused;
	return REACTION_DRAW;
}

static enum reaction show(struct press *press)
{
	if (press->argument == SCREEN_DETAIL &&
		(press->view->screen != SCREEN_LIST || !press->model || !press->model->vm_count))
		return REACTION_NONE;
	press->view->screen = (enum screen)press->argument;
	press->view->first = 0;
	return REACTION_DRAW;
}

static enum reaction back(struct press *press)
{
	if (press->view->screen == SCREEN_LIST)
		return press->argument ? REACTION_QUIT : REACTION_NONE;
	press->view->screen = SCREEN_LIST;
	press->view->first = 0;
	return REACTION_DRAW;
}

static enum reaction react(struct press *press)
{
	return (enum reaction)press->argument;
}

static const struct {
	int key;
	enum reaction (*action)(struct press *press);
	int argument;
} table[] = {
	{KEY_UP_, move, -1}, {KEY_DOWN_, move, 1}, {KEY_PAGE_UP_, move, -2}, {KEY_PAGE_DOWN_, move, 2},
	{KEY_HOME_, move, INT_MIN}, {KEY_END_, move, INT_MAX}, {'k', move, -1}, {'j', move, 1},
	{'P', sort_by, FIELD_CPU}, {'M', sort_by, FIELD_RESIDENT}, {'T', sort_by, FIELD_READY},
	{'N', sort_by, FIELD_PID},
	{KEY_F6_, sort_next, 1}, {'>', sort_next, 1}, {'<', sort_next, -1},
	{'I', invert, 0}, {'R', invert, 0}, {' ', pause_or_go, 0},
	{KEY_ENTER_, show, SCREEN_DETAIL}, {KEY_F1_, show, SCREEN_HELP}, {'h', show, SCREEN_HELP},
	{'?', show, SCREEN_HELP},
	{KEY_ESCAPE_, back, 0}, {KEY_F10_, back, 1}, {'q', back, 1},
	{'+', react, REACTION_SLOWER}, {'-', react, REACTION_FASTER}, {KEY_RESIZE_, react, REACTION_DRAW},
};

enum reaction key_press(int key, struct view *view, struct model *model, int page)
{
	struct press press = { .view = view, .model = model, .page = page };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].key == key) {
			press.argument = table[i].argument;
			return table[i].action(&press);
		}
	return REACTION_NONE;
}
