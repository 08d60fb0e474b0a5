/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of VMs: column heads, rows, the selected line. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "monitor/screen.h"

static bool left_aligned(const struct layout_column *column)
{
	return fields[column->field].format == FORMAT_TEXT ||
	       (fields[column->field].format == FORMAT_NODES && column->node < 0);
}

static void put_aligned(struct frame *frame, int y, const struct layout_column *column, enum paint paint,
	const char *text)
{
	int length = (int)strlen(text), x = column->x;

	if (!left_aligned(column) && length < column->width)
		x += column->width - length;
	frame_put(frame, y, x, column->x + column->width - x, paint, text);
}

static void draw_head(struct frame *frame, const struct view *view, const struct model *model,
	const struct layout *layout)
{
	for (int x = 0; x < layout->width; x++)
		frame_put(frame, layout->head, x, 1, PAINT_HEAD, " ");
	for (int i = 0; i < layout->column_count; i++) {
		const struct layout_column *column = &layout->columns[i];
		bool sorted = column->field == view->sort;
		char title[16];

		if (column->node >= 0)
			snprintf(title, sizeof(title), "N%u%%", model->sample->nodes[column->node].os);
		else
			snprintf(title, sizeof(title), "%s", fields[column->field].title);
		put_aligned(frame, layout->head, column, sorted ? PAINT_HEAD_SORTED : PAINT_HEAD, title);
	}
}

static void draw_row(struct frame *frame, int y, const struct model *model, const struct vm_row *vm,
	const struct layout *layout)
{
	for (int i = 0; i < layout->column_count; i++) {
		const struct layout_column *column = &layout->columns[i];
		char text[256];

		if (column->node >= 0)
			figure_format(FORMAT_COUNT, (unsigned int)column->node < vm->node_count
				? vm->node_percent[column->node] : NAN, text);
		else
			field_format(&fields[column->field], model, vm, text, sizeof(text));
		put_aligned(frame, y, column, PAINT_PLAIN, text);
	}
}

/* Scrolls as little as needed for the selection to be seen and the window to be filled. */
static void keep_in_sight(struct view *view, int selected, int count, int rows)
{
	if (selected >= 0 && selected < view->first)
		view->first = selected;
	if (selected >= view->first + rows)
		view->first = selected - rows + 1;
	if (view->first > count - rows)
		view->first = count - rows;
	if (view->first < 0)
		view->first = 0;
}

void screen_draw_list(struct frame *frame, struct view *view, const struct model *model,
	const struct layout *layout)
{
	int selected = view->interactive ? view_selected(view, model) : -1;

	keep_in_sight(view, selected, (int)model->vm_count, layout->rows);
	draw_head(frame, view, model, layout);
	for (int i = 0; i < layout->rows && view->first + i < (int)model->vm_count; i++) {
		int y = layout->first_row + i;

		draw_row(frame, y, model, &model->vms[view->first + i], layout);
		if (view->first + i == selected)
			frame_paint(frame, y, 0, layout->width, PAINT_SELECTED);
	}
	if (!model->vm_count && layout->rows > 0)
		frame_printf(frame, layout->first_row, 0, PAINT_PLAIN, "no KVM guest runs here%s",
			model->sample->hidden ? " that may be looked into" : "");
}
