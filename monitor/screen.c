/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chooses the screen, gives it a frame of the right size, and draws the key bar. */
#include "monitor/screen.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *key, *label;
} list_keys[] = {
	{"F1", "Help"}, {"Enter", "Detail"}, {"F6 < >", "Sort"}, {"I", "Invert"}, {"Space", "Pause"},
	{"q", "Quit"}, {NULL, NULL},
}, detail_keys[] = {
	{"F1", "Help"}, {"Esc", "Back"}, {"Up Down", "Scroll"}, {"Space", "Pause"}, {"q", "Quit"},
	{NULL, NULL},
};

int view_selected(const struct view *view, const struct model *model)
{
	for (unsigned int i = 0; i < model->vm_count; i++)
		if (model->vms[i].pid == view->selected && model->vms[i].start == view->selected_start)
			return (int)i;
	return -1;
}

void view_select(struct view *view, const struct model *model, int index)
{
	int last = (int)model->vm_count - 1;

	index = index > last ? last : index < 0 ? 0 : index;
	view->selected = last < 0 ? 0 : model->vms[index].pid;
	view->selected_start = last < 0 ? 0 : model->vms[index].start;
}

static unsigned int longest(unsigned int so_far, size_t length)
{
	return length > so_far ? (unsigned int)length : so_far;
}

void screen_layout(const struct model *model, int width, int height, struct layout *layout)
{
	struct layout_input input = {
		.width = width, .height = height, .nodes = model->sample->node_count, .vms = model->vm_count,
	};
	char text[256];

	for (unsigned int i = 0; i < model->vm_count; i++) {
		const struct vm_row *vm = &model->vms[i];

		input.name_length = longest(input.name_length, strlen(vm->name));
		input.vmm_length = longest(input.vmm_length, strlen(vm->vmm));
		input.pid_length = longest(input.pid_length,
			strlen(field_format(&fields[FIELD_PID], model, vm, text, sizeof(text))));
		input.nodes_length = longest(input.nodes_length,
			strlen(field_format(&fields[FIELD_NODES], model, vm, text, sizeof(text))));
	}
	layout_make(&input, layout);
}

static void draw_bar(struct frame *frame, const struct view *view)
{
	int x = 0, y = frame->height - 1;

	for (int i = 0;; i++) {
		const char *key = view->screen == SCREEN_LIST ? list_keys[i].key : detail_keys[i].key;
		const char *label = view->screen == SCREEN_LIST ? list_keys[i].label : detail_keys[i].label;

		if (!key || x + (int)(strlen(key) + strlen(label)) + 2 > frame->width)
			return;
		x = frame_put(frame, y, x, frame->width - x, PAINT_KEY, key) + 1;
		x = frame_put(frame, y, x, frame->width - x, PAINT_BAR, label) + 1;
	}
}

static struct frame *draw_list(struct view *view, const struct model *model, int width, int height)
{
	struct layout layout;
	struct frame *frame;

	screen_layout(model, width, height, &layout);
	frame = frame_new(width, layout.height);
	screen_draw_host(frame, view, model, &layout);
	screen_draw_list(frame, view, model, &layout);
	return frame;
}

static struct frame *draw_too_small(int width, int height)
{
	struct frame *frame = frame_new(width, height);

	frame_printf(frame, 0, 0, PAINT_STRONG, "window too small");
	frame_printf(frame, 1, 0, PAINT_PLAIN, "%dx%d, needs %dx%d", width, height, LAYOUT_WIDTH_MIN,
		LAYOUT_HEIGHT_MIN);
	return frame;
}

/* Draws what is not the list, shifted up by what is scrolled away. Returns the line after it. */
static int draw_scrolled(struct frame *frame, struct view *view, const struct model *model)
{
	int selected = model ? view_selected(view, model) : -1;

	if (view->screen == SCREEN_HELP)
		return screen_draw_help(frame, -view->first);
	if (selected >= 0)
		return screen_draw_detail(frame, view, model, &model->vms[selected], -view->first);
	view->first = 0;
	frame_printf(frame, 0, 0, PAINT_STRONG, "This VM has ended. Esc goes back to the list.");
	return 1;
}

static struct frame *draw_other(struct view *view, const struct model *model, int width, int height)
{
	struct frame *frame = frame_new(width, height);
	int hidden = draw_scrolled(frame, view, model) + view->first - (height - 1);

	if (view->first > (hidden > 0 ? hidden : 0)) { /* scrolled past the end */
		view->first = hidden > 0 ? hidden : 0;
		frame_free(frame);
		frame = frame_new(width, height);
		draw_scrolled(frame, view, model);
	}
	return frame;
}

struct frame *screen_draw(struct view *view, const struct model *model, int width, int height)
{
	struct frame *frame;

	if (height && (width < LAYOUT_WIDTH_MIN || height < LAYOUT_HEIGHT_MIN))
		return draw_too_small(width, height);
	if (!model && view->screen != SCREEN_HELP) {
		frame = frame_new(width, height ? height : 1);
		frame_printf(frame, 0, 0, PAINT_PLAIN, "vmtop: reading the machine ...");
		return frame;
	}
	frame = view->screen == SCREEN_LIST ? draw_list(view, model, width, height)
					    : draw_other(view, model, width, height ? height : 100);
	if (view->interactive) {
		for (int x = 0; x < frame->width; x++)
			frame_put(frame, frame->height - 1, x, 1, PAINT_BAR, " ");
		draw_bar(frame, view);
	}
	return frame;
}
