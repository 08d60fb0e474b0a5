/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fits header, table and key bar into a window. */
#include "monitor/layout.h"

#include <string.h>

#define NODE_WIDTH      4  /* " 100" */
#define NODES_TEXT_MAX  24
#define RANK_NODE_COLUMNS 8 /* node columns become one text before columns of this rank go */

static int at_least(unsigned int minimum, unsigned int wanted)
{
	return (int)(wanted > minimum ? wanted : minimum);
}

static int at_most(int limit, int wanted)
{
	return wanted < limit ? wanted : limit;
}

/* ---- columns ---------------------------------------------------------------------------------- */

struct choice {
	bool shown[FIELD_COUNT];
	bool node_columns;
};

static int width_of(const struct layout_input *input, const struct choice *choice, enum field_id field)
{
	if (field == FIELD_PID)
		return at_least(fields[field].width, input->pid_length);
	if (field == FIELD_VMM)
		return at_least(fields[field].width, input->vmm_length);
	if (field == FIELD_NODES && choice->node_columns)
		return (int)input->nodes * (NODE_WIDTH + 1) - 1;
	if (field == FIELD_NODES)
		return at_most(NODES_TEXT_MAX, at_least(5, input->nodes_length));
	return (int)fields[field].width;
}

static int total_width(const struct layout_input *input, const struct choice *choice)
{
	int total = -1;

	for (int i = 0; i < FIELD_COUNT; i++)
		if (choice->shown[i])
			total += width_of(input, choice, (enum field_id)i) + 1;
	return total;
}

/* Whether one "0:75 1:25" column instead of one a node would save room. */
static bool text_is_narrower(const struct layout_input *input)
{
	const struct choice columns = { .node_columns = true }, text = { .node_columns = false };

	return width_of(input, &text, FIELD_NODES) < width_of(input, &columns, FIELD_NODES);
}

/* Makes the table narrower by one step. False when nothing more can be left out. */
static bool drop_one(const struct layout_input *input, struct choice *choice)
{
	int worst = -1;

	for (int i = 0; i < FIELD_COUNT; i++)
		if (choice->shown[i] && fields[i].rank &&
			(worst < 0 || fields[i].rank > fields[worst].rank))
			worst = i;
	if (choice->node_columns && text_is_narrower(input) &&
		(worst < 0 || fields[worst].rank <= RANK_NODE_COLUMNS))
		choice->node_columns = false;
	else if (worst >= 0)
		choice->shown[worst] = false;
	else
		return false;
	return true;
}

static void add_column(struct layout *layout, enum field_id field, int node, int *x, int width)
{
	layout->columns[layout->column_count++] = (struct layout_column){ field, node, *x, width };
	*x += width + 1;
}

static void make_columns(const struct layout_input *input, struct layout *layout)
{
	struct choice choice = { .node_columns = input->nodes <= LAYOUT_NODE_COLUMNS };
	int spare, name, x = 0;

	for (int i = 0; i < FIELD_COUNT; i++)
		choice.shown[i] = true;
	while (total_width(input, &choice) > input->width && drop_one(input, &choice))
		;
	spare = input->width - total_width(input, &choice);
	name = at_most((int)fields[FIELD_NAME].width + (spare > 0 ? spare : 0),
		at_least(fields[FIELD_NAME].width, input->name_length));
	for (int i = 0; i < FIELD_COUNT; i++) {
		enum field_id field = (enum field_id)i;

		if (!choice.shown[i])
			continue;
		if (field == FIELD_NODES && choice.node_columns)
			for (unsigned int n = 0; n < input->nodes; n++)
				add_column(layout, field, (int)n, &x, NODE_WIDTH);
		else
			add_column(layout, field, -1, &x,
				field == FIELD_NAME ? name : width_of(input, &choice, field));
	}
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* Nodes get at most a third of what header and bar leave, but always one line. */
static int node_lines(const struct layout_input *input)
{
	int room = (input->height - LAYOUT_HOST_LINES - 2) / 3;

	if (!input->height || (int)input->nodes <= room)
		return (int)input->nodes;
	return room > 1 ? room - 1 : input->nodes > 1 ? 0 : 1;
}

void layout_make(const struct layout_input *input, struct layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	layout->width = input->width;
	layout->node_top = LAYOUT_HOST_LINES;
	layout->node_lines = node_lines(input);
	layout->more_nodes = (unsigned int)layout->node_lines < input->nodes;
	layout->head = layout->node_top + layout->node_lines + layout->more_nodes;
	layout->first_row = layout->head + 1;
	layout->height = input->height ? input->height : layout->first_row + (int)input->vms;
	layout->bar = input->height ? input->height - 1 : -1;
	layout->rows = (input->height ? layout->bar : layout->height) - layout->first_row;
	layout->too_small = input->width < LAYOUT_WIDTH_MIN ||
		(input->height && input->height < LAYOUT_HEIGHT_MIN);
	make_columns(input, layout);
}
