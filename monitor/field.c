/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of fields, how each is written, and sorting by any of them. */
#include "monitor/field.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- getters ---------------------------------------------------------------------------------- */

#define TEXT_GETTER(name_, expression_)                          \
	static const char *name_(const struct vm_row *vm)        \
	{                                                        \
		return expression_;                              \
	}
#define VALUE_GETTER(name_, expression_)                         \
	static double name_(const struct vm_row *vm)             \
	{                                                        \
		return expression_;                              \
	}

TEXT_GETTER(get_name, vm->name)
TEXT_GETTER(get_vmm, vm->vmm)
VALUE_GETTER(get_pid, vm->pid)
VALUE_GETTER(get_vcpus, vm->vcpus)
VALUE_GETTER(get_cpu, vm->cpu_percent)
VALUE_GETTER(get_ready, vm->ready_percent)
VALUE_GETTER(get_memory, vm->configured)
VALUE_GETTER(get_resident, vm->resident)
VALUE_GETTER(get_huge, vm->huge)
VALUE_GETTER(get_ksm, vm->ksm)
VALUE_GETTER(get_balloon, vm->balloon)
VALUE_GETTER(get_exits, vm->exits)

/* Sorted by nodes: the best placed (most on one node) first. */
static double get_best_node(const struct vm_row *vm)
{
	double best = NAN;

	for (unsigned int i = 0; i < vm->node_count; i++)
		if (isnan(best) || vm->node_percent[i] > best)
			best = vm->node_percent[i];
	return best;
}

const struct field fields[FIELD_COUNT] = {
	[FIELD_NAME] = { "name", "NAME", "name of the VM", FORMAT_TEXT, 8, 0, 0, get_name, NULL },
	[FIELD_VMM] = { "vmm", "VMM", "program that runs it", FORMAT_TEXT, 4, 9, 0, get_vmm, NULL },
	[FIELD_PID] = { "pid", "PID", "its process", FORMAT_COUNT, 5, 2, 'N', NULL, get_pid },
	[FIELD_VCPUS] = { "vcpus", "VC", "number of vCPUs", FORMAT_COUNT, 2, 1, 0, NULL, get_vcpus },
	[FIELD_CPU] = { "cpu_percent", "%CPU", "CPU time of all its threads, 100 is one CPU busy",
		FORMAT_PERCENT, 5, 0, 'P', NULL, get_cpu },
	[FIELD_READY] = { "ready_percent", "%RDY",
		"wall time its vCPUs were runnable and waited for a CPU, mean over them",
		FORMAT_PERCENT, 4, 0, 'T', NULL, get_ready },
	[FIELD_MEMORY] = { "memory_bytes", "MEM", "RAM it was given", FORMAT_BYTES, 5, 4, 0, NULL,
		get_memory },
	[FIELD_RESIDENT] = { "resident_bytes", "RES", "memory of the process, huge pages included",
		FORMAT_BYTES, 5, 3, 'M', NULL, get_resident },
	[FIELD_NODES] = { "nodes", "NODES", "share of its resident RAM on each NUMA node, percent",
		FORMAT_NODES, 4, 0, 0, NULL, get_best_node },
	[FIELD_HUGE] = { "huge_bytes", "HUGE", "of it in hugetlb and transparent huge pages", FORMAT_BYTES,
		5, 5, 0, NULL, get_huge },
	[FIELD_KSM] = { "ksm_bytes", "KSM", "its pages that KSM has merged", FORMAT_BYTES, 5, 6, 0, NULL,
		get_ksm },
	[FIELD_BALLOON] = { "balloon_bytes", "BALN", "RAM the balloon leaves to it", FORMAT_BYTES, 5, 7, 0,
		NULL, get_balloon },
	[FIELD_EXITS] = { "exits_per_second", "EXIT/s", "times a second its vCPUs left the guest",
		FORMAT_RATE, 6, 8, 0, NULL, get_exits },
};

enum field_id field_find(const char *name)
{
	for (int i = 0; i < FIELD_COUNT; i++)
		if (!strcasecmp(fields[i].key, name) || !strcasecmp(fields[i].title, name))
			return (enum field_id)i;
	return FIELD_COUNT;
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* At most 5 characters: three digits and a unit, with a decimal below 10. */
static void format_scaled(double value, double step, const char *units, char out[FIGURE_MAX])
{
	int unit = 0;

	while (value >= 999.5 && units[unit + 1]) {
		value /= step;
		unit++;
	}
	if (unit && value < 9.95)
		snprintf(out, FIGURE_MAX, "%.1f%c", value, units[unit]);
	else
		snprintf(out, FIGURE_MAX, unit ? "%.0f%c" : "%.0f", value, units[unit]);
}

const char *figure_format(enum field_format format, double value, char out[FIGURE_MAX])
{
	if (isnan(value)) {
		snprintf(out, FIGURE_MAX, "n/a");
		return out;
	}
	switch (format) {
	case FORMAT_PERCENT:
		snprintf(out, FIGURE_MAX, value < 99.95 ? "%.1f" : "%.0f", value);
		break;
	case FORMAT_BYTES:
		format_scaled(value, 1024, "BKMGTP", out);
		break;
	case FORMAT_RATE:
		format_scaled(value, 1000, " kMG", out);
		break;
	case FORMAT_COUNT:
	case FORMAT_NODES:
	case FORMAT_TEXT:
		snprintf(out, FIGURE_MAX, "%.0f", value);
		break;
	}
	return out;
}

/* Whole percents; nodes without any of its memory are left out. */
static void format_nodes(const struct model *model, const struct vm_row *vm, char *out, size_t size)
{
	size_t used = 0;

	snprintf(out, size, "n/a");
	for (unsigned int i = 0; i < vm->node_count && i < model->sample->node_count && used < size; i++)
		if (vm->node_percent[i] >= 0.5)
			used += (size_t)snprintf(out + used, size - used, "%s%u:%.0f", used ? " " : "",
				model->sample->nodes[i].os, vm->node_percent[i]);
}

const char *field_format(const struct field *field, const struct model *model, const struct vm_row *vm,
	char *out, size_t size)
{
	char figure[FIGURE_MAX];

	if (field->format == FORMAT_TEXT)
		snprintf(out, size, "%s", field->text(vm));
	else if (field->format == FORMAT_NODES)
		format_nodes(model, vm, out, size);
	else
		snprintf(out, size, "%s", figure_format(field->format, field->value(vm), figure));
	return out;
}

json_t *figure_to_json(double value)
{
	if (isnan(value) || isinf(value))
		return json_null();
	if (value == floor(value) && fabs(value) < 9e15)
		return json_integer((json_int_t)value);
	return json_real(round(value * 1000) / 1000); /* noise beyond */
}

/* Texts come from other people's command lines: what is not UTF-8 is replaced. */
static json_t *text_to_json(const char *text)
{
	json_t *value = json_string(text);
	char clean[256];

	if (value)
		return value;
	snprintf(clean, sizeof(clean), "%s", text);
	for (char *at = clean; *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	return json_string(clean);
}

static json_t *nodes_to_json(const struct model *model, const struct vm_row *vm)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < vm->node_count && i < model->sample->node_count; i++)
		json_array_append_new(list, json_pack("{s:i, s:o, s:o}",
			"node", (int)model->sample->nodes[i].os, "bytes", figure_to_json(vm->node_bytes[i]),
			"percent", figure_to_json(vm->node_percent[i])));
	return list;
}

json_t *field_to_json(const struct field *field, const struct model *model, const struct vm_row *vm)
{
	if (field->format == FORMAT_TEXT)
		return text_to_json(field->text(vm));
	if (field->format == FORMAT_NODES)
		return nodes_to_json(model, vm);
	return figure_to_json(field->value(vm));
}

/* ---- sorting ---------------------------------------------------------------------------------- */

struct order {
	const struct field *field;
	bool reverse;
};

static int compare_values(const struct order *order, double a, double b)
{
	bool ascending = (order->field->value == get_pid) != order->reverse;

	if (isnan(a) || isnan(b))
		return isnan(a) - isnan(b);
	if (a == b)
		return 0;
	return (a < b) == ascending ? -1 : 1;
}

static int compare(const void *left, const void *right, void *opaque)
{
	const struct vm_row *a = left, *b = right;
	const struct order *order = opaque;
	int result;

	if (order->field->text) {
		result = strcmp(order->field->text(a), order->field->text(b));
		result = order->reverse ? -result : result;
	} else {
		result = compare_values(order, order->field->value(a), order->field->value(b));
	}
	if (!result)
		result = strcmp(a->name, b->name);
	return result ? result : (a->pid > b->pid) - (a->pid < b->pid);
}

void model_sort(struct model *model, enum field_id field, bool reverse)
{
	struct order order = { .field = &fields[field], .reverse = reverse };

	qsort_r(model->vms, model->vm_count, sizeof(*model->vms), compare, &order);
}
