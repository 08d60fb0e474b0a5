/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes where on the main screen: a pure function of the window's size and of how long names and
 * numbers are. Columns that do not fit are left out by rank; they stay in the detail view.
 */
#ifndef VMTUNE_MONITOR_LAYOUT_H
#define VMTUNE_MONITOR_LAYOUT_H

#include <stdbool.h>

#include "monitor/field.h"

#define LAYOUT_WIDTH_MIN     40
#define LAYOUT_HEIGHT_MIN    10
#define LAYOUT_NODE_COLUMNS  16  /* a machine with more nodes gets the one-column form */
#define LAYOUT_COLUMNS_MAX   (FIELD_COUNT + LAYOUT_NODE_COLUMNS)

struct layout_input {
	int width, height;        /* height 0: as high as needed, without the key bar (text output) */
	unsigned int nodes, vms;
	unsigned int name_length, vmm_length, pid_length, nodes_length; /* longest texts in the rows */
};

struct layout_column {
	enum field_id field;
	int node;                 /* index for a column of one node's share, -1 */
	int x, width;
};

struct layout {
	bool too_small;
	int width, height;
	int node_top, node_lines; /* first node line; how many nodes have a line of their own */
	bool more_nodes;          /* the line after them says how many are not shown */
	int head, first_row, rows; /* line of the column heads; rows of the table */
	int bar;                  /* line of the keys, -1 none */
	struct layout_column columns[LAYOUT_COLUMNS_MAX];
	int column_count;
};

/* Lines of the host header above the nodes. */
#define LAYOUT_HOST_LINES 4

void layout_make(const struct layout_input *input, struct layout *layout);

#endif
