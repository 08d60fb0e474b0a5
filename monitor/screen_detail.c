/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One VM: all of its fields, its memory by node, its threads, its RAM mappings. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/size.h"
#include "monitor/screen.h"

static int draw_identity(struct frame *frame, const struct vm_row *vm, int y)
{
	int x = frame_printf(frame, y, 0, PAINT_STRONG, "%s", vm->name);

	frame_printf(frame, y++, x, PAINT_PLAIN, "  %s, PID %d", vm->vmm, (int)vm->pid);
	x = frame_printf(frame, y, 0, PAINT_LABEL, "cgroup ");
	frame_printf(frame, y++, x, PAINT_PLAIN, "%s", vm->cgroup ? vm->cgroup : "n/a");
	x = frame_printf(frame, y, 0, PAINT_LABEL, "QMP    ");
	frame_printf(frame, y++, x, PAINT_PLAIN, "%s", vm->qmp ? vm->qmp : "n/a");
	return y;
}

/* Every figure of the table, two or more in a line: also those the list had no room for. */
static int draw_figures(struct frame *frame, const struct model *model, const struct vm_row *vm, int y)
{
	int x = 0;

	for (int i = 0; i < FIELD_COUNT; i++) {
		char text[64];

		if (fields[i].format == FORMAT_TEXT || fields[i].format == FORMAT_NODES)
			continue;
		if (x + 18 > frame->width) {
			x = 0;
			y++;
		}
		frame_printf(frame, y, x, PAINT_LABEL, "%s", fields[i].title);
		frame_printf(frame, y, x + 7, PAINT_PLAIN, "%s",
			field_format(&fields[i], model, vm, text, sizeof(text)));
		x += 16;
	}
	return y + 1;
}

static int draw_nodes(struct frame *frame, const struct model *model, const struct vm_row *vm, int y)
{
	frame_printf(frame, y++, 0, PAINT_HEAD, "%-8s %8s %6s   %s", "NODE", "BYTES", "%",
		vm->exact ? "every page asked" : "by sample");
	for (unsigned int i = 0; i < vm->node_count && i < model->sample->node_count; i++) {
		char size[FIGURE_MAX], share[FIGURE_MAX];

		frame_printf(frame, y++, 0, PAINT_PLAIN, "%-8u %8s %6s", model->sample->nodes[i].os,
			figure_format(FORMAT_BYTES, vm->node_bytes[i], size),
			figure_format(FORMAT_PERCENT, vm->node_percent[i], share));
	}
	return y;
}

static int draw_threads(struct frame *frame, const struct vm_row *vm, int y)
{
	frame_printf(frame, y++, 0, PAINT_HEAD, "%7s %-8s %4s %4s %5s %5s %-15s %s", "TID", "KIND", "VCPU",
		"PU", "%CPU", "%RDY", "COMM", "ALLOWED");
	for (unsigned int i = 0; i < vm->thread_count; i++) {
		const struct thread_row *thread = &vm->threads[i];
		char vcpu[16] = "-", cpu[16] = "n/a", busy[FIGURE_MAX], ready[FIGURE_MAX], allowed[128];

		if (thread->vcpu >= 0)
			snprintf(vcpu, sizeof(vcpu), "%d", thread->vcpu);
		if (thread->cpu >= 0)
			snprintf(cpu, sizeof(cpu), "%d", thread->cpu);
		frame_printf(frame, y++, 0, PAINT_PLAIN, "%7d %-8s %4s %4s %5s %5s %-15s %s",
			(int)thread->tid, thread_kind_name(thread->kind), vcpu, cpu,
			figure_format(FORMAT_PERCENT, thread->cpu_percent, busy),
			figure_format(FORMAT_PERCENT, thread->ready_percent, ready), thread->comm,
			idset_format(&thread->allowed, allowed, sizeof(allowed)));
	}
	return y;
}

static int draw_ram(struct frame *frame, const struct vm_row *vm, int y)
{
	frame_printf(frame, y++, 0, PAINT_HEAD, "%-16s %6s %5s %-9s %-4s %s", "RAM MAPPING", "SIZE", "PAGE",
		"MERGEABLE", "THP", "GUEST NODE");
	for (unsigned int i = 0; i < vm->ram_count; i++) {
		const struct guest_ram *ram = &vm->ram[i];
		char size[FIGURE_MAX], page[SIZE_TEXT_MAX], node[16] = "n/a";

		if (ram->guest_node >= 0)
			snprintf(node, sizeof(node), "%d", ram->guest_node);
		frame_printf(frame, y++, 0, PAINT_PLAIN, "%-16" PRIx64 " %6s %5s %-9s %-4s %s", ram->start,
			figure_format(FORMAT_BYTES, (double)ram->size, size),
			size_format(page, ram->page_size), ram->mergeable ? "yes" : "no",
			ram->thp ? "yes" : "no", node);
	}
	return y;
}

int screen_draw_detail(struct frame *frame, const struct view *view, const struct model *model,
	const struct vm_row *vm, int y)
{
	if (view->paused)
		frame_printf(frame, y, frame->width - 7, PAINT_WARN, "PAUSED");
	y = draw_identity(frame, vm, y);
	y = draw_figures(frame, model, vm, y) + 1;
	y = draw_nodes(frame, model, vm, y) + 1;
	y = draw_threads(frame, vm, y) + 1;
	return draw_ram(frame, vm, y);
}
