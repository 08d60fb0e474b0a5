// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtop's layout, a pure function: whatever the window, nothing overlaps and what matters is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/layout.h"

static struct layout make(int width, int height, unsigned int nodes, unsigned int vms)
{
	struct layout_input input = {
		.width = width, .height = height, .nodes = nodes, .vms = vms,
		.name_length = 15, .vmm_length = 4, .pid_length = 7, .nodes_length = 9,
	};
	struct layout layout;

	layout_make(&input, &layout);
	return layout;
}

static bool shows(const struct layout *layout, enum field_id field)
{
	for (int i = 0; i < layout->column_count; i++)
		if (layout->columns[i].field == field)
			return true;
	return false;
}

static void check_columns(const struct layout *layout)
{
	int end = -1;

	for (int i = 0; i < layout->column_count; i++) {
		assert_true(layout->columns[i].x > end);
		assert_true(layout->columns[i].width > 0);
		end = layout->columns[i].x + layout->columns[i].width;
	}
	assert_true(end <= layout->width);
}

static void columns_never_overlap_nor_leave_the_window(void **state)
{
	(void)state;
	for (int width = LAYOUT_WIDTH_MIN; width < 260; width++)
		for (unsigned int nodes = 1; nodes < 20; nodes += 3)
			for (int height = LAYOUT_HEIGHT_MIN; height < 60; height += 7) {
				struct layout layout = make(width, height, nodes, 5);

				assert_false(layout.too_small);
				check_columns(&layout);
				assert_true(shows(&layout, FIELD_NAME));
				assert_true(shows(&layout, FIELD_CPU));
				assert_true(shows(&layout, FIELD_NODES));
			}
}

static void lines_fit_the_window(void **state)
{
	(void)state;
	for (int height = LAYOUT_HEIGHT_MIN; height < 80; height++)
		for (unsigned int nodes = 1; nodes < 40; nodes++) {
			struct layout layout = make(80, height, nodes, 100);

			assert_true(layout.rows >= 1);
			assert_true(layout.head > layout.node_top);
			assert_int_equal(layout.first_row + layout.rows, layout.bar);
			assert_int_equal(layout.bar, height - 1);
			assert_true((unsigned int)layout.node_lines == nodes || layout.more_nodes);
		}
}

static void eighty_columns_show_all_figures_of_a_two_node_host(void **state)
{
	struct layout layout = make(80, 24, 2, 3);

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		if (i != FIELD_VMM)
			assert_true(shows(&layout, (enum field_id)i));
	assert_int_equal(layout.node_lines, 2);
}

static void few_nodes_have_a_column_each_and_many_share_one(void **state)
{
	struct layout few = make(120, 24, 4, 3), many = make(120, 24, 12, 3), most = make(1000, 0, 64, 3);
	int few_nodes = 0, many_nodes = 0, most_nodes = 0;

	(void)state;
	for (int i = 0; i < few.column_count; i++)
		few_nodes += few.columns[i].field == FIELD_NODES;
	for (int i = 0; i < many.column_count; i++)
		many_nodes += many.columns[i].field == FIELD_NODES;
	for (int i = 0; i < most.column_count; i++)
		most_nodes += most.columns[i].field == FIELD_NODES;
	assert_int_equal(few_nodes, 4);
	assert_int_equal(many_nodes, 1);
	assert_int_equal(most_nodes, 1);
}

static void text_output_is_as_high_as_needed(void **state)
{
	struct layout layout = make(1000, 0, 2, 7);

	(void)state;
	assert_int_equal(layout.bar, -1);
	assert_int_equal(layout.node_lines, 2);
	assert_int_equal(layout.rows, 7);
	assert_int_equal(layout.height, layout.first_row + 7);
}

static void a_tiny_window_is_called_too_small(void **state)
{
	(void)state;
	assert_true(make(39, 24, 1, 1).too_small);
	assert_true(make(80, 9, 1, 1).too_small);
	assert_false(make(40, 10, 1, 1).too_small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_never_overlap_nor_leave_the_window),
		cmocka_unit_test(lines_fit_the_window),
		cmocka_unit_test(eighty_columns_show_all_figures_of_a_two_node_host),
		cmocka_unit_test(few_nodes_have_a_column_each_and_many_share_one),
		cmocka_unit_test(text_output_is_as_high_as_needed),
		cmocka_unit_test(a_tiny_window_is_called_too_small),
	};

	return cmocka_run_group_tests_name("monitor layout", tests, NULL, NULL);
}
