// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtop's figures: rates of counters, unknown stays unknown, order of rows, JSON, frames. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/size.h"
#include "monitor/export.h"
#include "monitor/keys.h"
#include "monitor/screen.h"
#include "monitor/terminal.h"

#define SECOND_NS UINT64_C(1000000000)
#define VMS 3

/* A host with two nodes and three guests: one busy, one idle, one nobody may look into. */
struct fixture {
	struct sample sample;
	struct node_sample nodes[2];
	struct guest_sample guests[VMS];
	struct guest_thread threads[VMS][2];
	uint64_t bytes[VMS][2];
};

static void fill_threads(struct fixture *fixture, int index, uint64_t cpu_ns, uint64_t wait_ns)
{
	for (int i = 0; i < 2; i++)
		fixture->threads[index][i] = (struct guest_thread){
			.tid = 100 * (index + 1) + i, .start = 5, .kind = THREAD_VCPU, .vcpu = i, .cpu = i,
			.cpu_ns = cpu_ns, .wait_ns = wait_ns, .comm = "vcpu",
		};
}

static void fill(struct fixture *fixture, uint64_t second)
{
	static char names[VMS][8] = {"busy", "idle", "hidden"}, vmm[] = "qemu";
	struct sample *sample = &fixture->sample;

	memset(fixture, 0, sizeof(*fixture));
	sample->taken_ns = second * SECOND_NS;
	sample->epoch = 1000.5 + (double)second;
	sample->cpus = 4;
	sample->cpu_known = true;
	sample->cpu = (struct cpustat){ .total = 400 * second, .busy = 100 * second, .guest = 40 * second };
	sample->load1 = 1.5;
	memset(&sample->memory, 0xff, sizeof(sample->memory));
	memset(&sample->ksm, 0xff, sizeof(sample->ksm));
	sample->ksmd_ns = GUEST_UNKNOWN;
	sample->psi_cpu = sample->psi_memory = sample->psi_io = (struct psi){ NAN, NAN, 0, 0 };
	sample->nodes = fixture->nodes;
	sample->node_count = 2;
	for (unsigned int i = 0; i < 2; i++)
		fixture->nodes[i] = (struct node_sample){ .os = i, .total = 4 * GIB, .free = GIB };
	sample->guests = fixture->guests;
	sample->guest_count = VMS;
	for (int i = 0; i < VMS; i++) {
		struct guest_sample *guest = &fixture->guests[i];

		guest->taken_ns = sample->taken_ns;
		guest->guest = (struct guest){
			.pid = 10 + i, .start = 7, .name = names[i], .vmm = vmm, .vcpu_count = 2,
			.threads = fixture->threads[i], .thread_count = 2, .configured = GIB,
			.rss = 100 * MIB, .hugetlb = 50 * MIB, .anon_huge = 10 * MIB, .ksm_pages = 256,
			.balloon = GUEST_UNKNOWN, .exits = 5000 * second,
		};
		guest->node_bytes = fixture->bytes[i];
		guest->node_count = 2;
	}
	fill_threads(fixture, 0, second * SECOND_NS / 2, second * SECOND_NS / 10);
	fill_threads(fixture, 1, 77, 0);
	fill_threads(fixture, 2, GUEST_UNKNOWN, GUEST_UNKNOWN);
	fixture->bytes[0][0] = 3 * MIB;
	fixture->bytes[0][1] = MIB;
	fixture->bytes[1][1] = MIB;
	fixture->guests[2].node_bytes = NULL;
	fixture->guests[2].map_error = -1;
	fixture->guests[2].guest.rss = fixture->guests[2].guest.exits = GUEST_UNKNOWN;
}

static const struct vm_row *row(const struct model *model, const char *name)
{
	for (unsigned int i = 0; i < model->vm_count; i++)
		if (!strcmp(model->vms[i].name, name))
			return &model->vms[i];
	fail_msg("no row %s", name);
	return &model->vms[0];
}

static void assert_near(double got, double wanted)
{
	if (!(fabs(got - wanted) < 1e-6))
		fail_msg("got %f, wanted %f", got, wanted);
}

static void rates_are_differences_over_time(void **state)
{
	struct fixture before, now;
	struct model *model;
	const struct vm_row *busy;

	(void)state;
	fill(&before, 10);
	fill(&now, 12);
	model = model_make(&before.sample, &now.sample);
	busy = row(model, "busy");
	assert_near(model->interval, 2);
	assert_near(model->cpu_busy, 25);
	assert_near(model->cpu_guest, 10);
	assert_near(busy->cpu_percent, 100);   /* two threads, each half busy */
	assert_near(busy->ready_percent, 10);  /* mean over the vCPUs, not their sum */
	assert_near(busy->exits, 5000);
	assert_near(busy->node_percent[0], 75);
	assert_near(busy->resident, 150 * (double)MIB);
	assert_near(busy->huge, 60 * (double)MIB);
	assert_near(busy->ksm, (double)MIB);
	assert_near(row(model, "idle")->cpu_percent, 0);
	model_free(model);
}

static void unknown_is_never_zero(void **state)
{
	struct fixture before, now;
	struct model *model;
	const struct vm_row *hidden;
	char text[64];

	(void)state;
	fill(&before, 10);
	fill(&now, 11);
	model = model_make(&before.sample, &now.sample);
	hidden = row(model, "hidden");
	for (int i = FIELD_CPU; i < FIELD_COUNT; i++) {
		if (i == FIELD_MEMORY || i == FIELD_HUGE || i == FIELD_KSM)
			continue;
		assert_string_equal(field_format(&fields[i], model, hidden, text, sizeof(text)), "n/a");
		if (fields[i].value && i != FIELD_NODES) {
			json_t *value = field_to_json(&fields[i], model, hidden);

			assert_true(json_is_null(value));
			json_decref(value);
		}
	}
	model_free(model);
}

static void a_first_sample_and_a_reset_counter_give_no_rates(void **state)
{
	struct fixture before, now;
	struct model *model;

	(void)state;
	fill(&before, 10);
	fill(&now, 11);
	model = model_make(NULL, &now.sample);
	assert_true(isnan(row(model, "busy")->cpu_percent));
	assert_true(isnan(model->cpu_busy));
	assert_near(row(model, "busy")->configured, (double)GIB);
	model_free(model);
	now.guests[0].guest.exits = 1;
	now.threads[0][0].cpu_ns = 1;
	now.threads[0][1].cpu_ns = 1;
	model = model_make(&before.sample, &now.sample);
	assert_true(isnan(row(model, "busy")->exits));
	assert_true(isnan(row(model, "busy")->cpu_percent));
	model_free(model);
}

static void a_reused_pid_is_another_guest(void **state)
{
	struct fixture before, now;
	struct model *model;

	(void)state;
	fill(&before, 10);
	fill(&now, 11);
	now.guests[0].guest.start = 8;
	model = model_make(&before.sample, &now.sample);
	assert_true(isnan(row(model, "busy")->exits));
	model_free(model);
}

static void rows_sort_by_any_field_with_unknown_last(void **state)
{
	struct fixture before, now;
	struct model *model;

	(void)state;
	fill(&before, 10);
	fill(&now, 11);
	model = model_make(&before.sample, &now.sample);
	for (int reverse = 0; reverse < 2; reverse++) {
		model_sort(model, FIELD_CPU, reverse);
		assert_string_equal(model->vms[0].name, reverse ? "idle" : "busy");
		assert_string_equal(model->vms[2].name, "hidden");
	}
	model_sort(model, FIELD_PID, false);
	assert_string_equal(model->vms[0].name, "busy");
	model_sort(model, FIELD_NAME, true);
	assert_string_equal(model->vms[0].name, "idle");
	model_sort(model, FIELD_NODES, false);
	assert_string_equal(model->vms[0].name, "idle"); /* all of it on one node */
	model_sort(model, FIELD_MEMORY, false);          /* all the same: by name */
	assert_string_equal(model->vms[1].name, "hidden");
	model_free(model);
}

static void json_has_version_and_every_field(void **state)
{
	struct fixture before, now;
	struct model *model;
	json_t *json, *vm;

	(void)state;
	fill(&before, 10);
	fill(&now, 11);
	model = model_make(&before.sample, &now.sample);
	model_sort(model, FIELD_PID, false);
	json = model_to_json(model);
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(json, "vmtop")), EXPORT_VERSION);
	vm = json_array_get(json_object_get(json, "vms"), 0);
	for (int i = 0; i < FIELD_COUNT; i++)
		assert_non_null(json_object_get(vm, fields[i].key));
	assert_int_equal(json_integer_value(json_object_get(vm, "vcpus")), 2);
	assert_int_equal(json_array_size(json_object_get(vm, "threads")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(vm, "nodes"), 0),
		"percent")), 75);
	assert_true(json_is_null(json_object_get(json_object_get(json_object_get(json, "host"), "ksm"),
		"saved_bytes")));
	json_decref(json);
	model_free(model);
}

static void figures_stay_short(void **state)
{
	static const struct {
		enum field_format format;
		double value;
		const char *text;
	} cases[] = {
		{FORMAT_BYTES, 0, "0"}, {FORMAT_BYTES, 999, "999"}, {FORMAT_BYTES, 1024, "1.0K"},
		{FORMAT_BYTES, 1023.0 * MIB, "1.0G"}, {FORMAT_BYTES, 512.0 * MIB, "512M"},
		{FORMAT_BYTES, 2.5 * GIB, "2.5G"}, {FORMAT_BYTES, 1e20, "88818P"},
		{FORMAT_PERCENT, 0.04, "0.0"}, {FORMAT_PERCENT, 99.94, "99.9"}, {FORMAT_PERCENT, 100, "100"},
		{FORMAT_RATE, 950, "950"}, {FORMAT_RATE, 1500, "1.5k"}, {FORMAT_RATE, 2.5e6, "2.5M"},
		{FORMAT_COUNT, 7, "7"}, {FORMAT_COUNT, NAN, "n/a"},
	};
	char text[FIGURE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(figure_format(cases[i].format, cases[i].value, text), cases[i].text);
}

static void every_screen_draws_in_every_window(void **state)
{
	struct fixture before, now;
	struct model *model;

	(void)state;
	fill(&before, 10);
	fill(&now, 11);
	model = model_make(&before.sample, &now.sample);
	for (int width = 1; width < 130; width += 3)
		for (int height = 1; height < 40; height += 2)
			for (int screen = SCREEN_LIST; screen <= SCREEN_HELP; screen++) {
				struct view view = { .screen = (enum screen)screen, .interactive = true,
					.selected = 10, .selected_start = 7, .first = 1000 };
				struct frame *frame = screen_draw(&view, model, width, height);

				assert_int_equal(frame->width, width);
				assert_int_equal(frame->height, height);
				assert_true(view.first >= 0);
				frame_free(frame);
			}
	model_free(model);
}

static void control_characters_in_names_never_reach_the_terminal(void **state)
{
	struct frame *frame = frame_new(20, 1);

	(void)state;
	frame_put(frame, 0, 0, 20, PAINT_PLAIN, "a\033[2J\n\xc3\xa9z");
	assert_memory_equal(frame->text, "a?[2J???z ", 10);
	frame_free(frame);
}

static void keys_select_sort_and_open(void **state)
{
	struct view view = { .sort = FIELD_CPU, .interactive = true };
	struct fixture now;
	struct model *model;

	(void)state;
	fill(&now, 11);
	model = model_make(NULL, &now.sample);
	model_sort(model, FIELD_PID, false);
	key_press(KEY_HOME_, &view, model, 10);
	assert_int_equal(view_selected(&view, model), 0);
	key_press(KEY_DOWN_, &view, model, 10);
	assert_int_equal(view_selected(&view, model), 1);
	key_press(KEY_PAGE_DOWN_, &view, model, 10);
	assert_int_equal(view_selected(&view, model), 2);
	key_press(KEY_UP_, &view, model, 10);
	model_sort(model, FIELD_NAME, true); /* the selection follows the VM, not the line */
	assert_string_equal(model->vms[view_selected(&view, model)].name, "idle");
	key_press(KEY_ENTER_, &view, model, 10);
	assert_int_equal(view.screen, SCREEN_DETAIL);
	assert_int_equal(key_press('q', &view, model, 10), REACTION_DRAW);
	assert_int_equal(view.screen, SCREEN_LIST);
	key_press('M', &view, model, 10);
	assert_int_equal(view.sort, FIELD_RESIDENT);
	key_press('<', &view, model, 10);
	assert_int_equal(view.sort, FIELD_MEMORY);
	key_press('I', &view, model, 10);
	assert_true(view.reverse);
	assert_int_equal(key_press('q', &view, model, 10), REACTION_QUIT);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_differences_over_time),
		cmocka_unit_test(unknown_is_never_zero),
		cmocka_unit_test(a_first_sample_and_a_reset_counter_give_no_rates),
		cmocka_unit_test(a_reused_pid_is_another_guest),
		cmocka_unit_test(rows_sort_by_any_field_with_unknown_last),
		cmocka_unit_test(json_has_version_and_every_field),
		cmocka_unit_test(figures_stay_short),
		cmocka_unit_test(every_screen_draws_in_every_window),
		cmocka_unit_test(control_characters_in_names_never_reach_the_terminal),
		cmocka_unit_test(keys_select_sort_and_open),
	};

	return cmocka_run_group_tests_name("monitor model", tests, NULL, NULL);
}
