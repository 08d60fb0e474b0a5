/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host header: CPU, memory, KSM, pressure and a line a NUMA node. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/size.h"
#include "monitor/screen.h"

#define METER_WIDTH 20

static double known(uint64_t value)
{
	return value == UINT64_MAX ? NAN : (double)value;
}

static const char *bytes(double value, char out[FIGURE_MAX])
{
	return figure_format(FORMAT_BYTES, value, out);
}

static const char *percent(double value, char out[FIGURE_MAX])
{
	return figure_format(FORMAT_PERCENT, value, out);
}

/* With its sign, which "n/a" has not. */
static const char *signed_percent(double value, char out[FIGURE_MAX])
{
	percent(value, out);
	if (!isnan(value))
		strcat(out, "%");
	return out;
}

/* "some/full", each n/a when the kernel does not say. */
static const char *pressure(const struct psi *psi, char out[2 * FIGURE_MAX])
{
	char some[FIGURE_MAX], full[FIGURE_MAX];

	snprintf(out, 2 * FIGURE_MAX, "%s/%s", percent(psi->some_avg10, some),
		percent(psi->full_avg10, full));
	return out;
}

static void draw_title(struct frame *frame, const struct view *view, const struct model *model)
{
	time_t seconds = (time_t)model->epoch;
	char clock[16], interval[FIGURE_MAX], load[FIGURE_MAX];
	struct tm local;
	int x;

	localtime_r(&seconds, &local);
	strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	x = frame_printf(frame, 0, 0, PAINT_STRONG, "vmtop");
	x = frame_printf(frame, 0, x, PAINT_PLAIN, " %s  %u VM%s, %.0f vCPU%s on %.0f CPU%s, load %s", clock,
		model->vm_count, model->vm_count == 1 ? "" : "s", model->vcpus, model->vcpus == 1 ? "" : "s",
		model->cpus, model->cpus == 1 ? "" : "s", percent(model->load1, load));
	if (!isnan(model->interval))
		x = frame_printf(frame, 0, x, PAINT_PLAIN, "  every %ss",
			figure_format(FORMAT_PERCENT, model->interval, interval));
	if (view->paused)
		x = frame_printf(frame, 0, x, PAINT_WARN, "  PAUSED");
	if (model->sample->hidden)
		frame_printf(frame, 0, x, PAINT_WARN, "  %u processes hidden (no permission)",
			model->sample->hidden);
}

static void draw_cpu(struct frame *frame, const struct model *model)
{
	const struct sample *sample = model->sample;
	char busy[FIGURE_MAX], guest[FIGURE_MAX], steal[FIGURE_MAX];
	char cpu[2 * FIGURE_MAX], memory[2 * FIGURE_MAX], io[2 * FIGURE_MAX];
	int x = frame_printf(frame, 1, 0, PAINT_LABEL, "CPU ");

	x = frame_printf(frame, 1, x, PAINT_PLAIN, "%s busy %s guest %s steal",
		signed_percent(model->cpu_busy, busy), signed_percent(model->cpu_guest, guest),
		signed_percent(model->cpu_steal, steal));
	x = frame_printf(frame, 1, x, PAINT_LABEL, "  PSI ");
	frame_printf(frame, 1, x, PAINT_PLAIN, "cpu %s mem %s io %s", pressure(&sample->psi_cpu, cpu),
		pressure(&sample->psi_memory, memory), pressure(&sample->psi_io, io));
}

static void draw_memory(struct frame *frame, const struct model *model)
{
	const struct meminfo *memory = &model->sample->memory;
	char total[FIGURE_MAX], free[FIGURE_MAX], available[FIGURE_MAX], huge[FIGURE_MAX], swap[FIGURE_MAX];
	int x = frame_printf(frame, 2, 0, PAINT_LABEL, "Mem ");

	frame_printf(frame, 2, x, PAINT_PLAIN, "%s total %s free %s available %s THP %s swapped",
		bytes(known(memory->total), total), bytes(known(memory->free), free),
		bytes(known(memory->available), available), bytes(known(memory->anon_huge), huge),
		bytes(known(memory->swap_total) - known(memory->swap_free), swap));
}

static void draw_ksm(struct frame *frame, const struct model *model)
{
	static const char *const states[] = {"off", "on", "unmerging"};
	const struct ksm *ksm = &model->sample->ksm;
	char saved[FIGURE_MAX], shared[FIGURE_MAX], scans[FIGURE_MAX], cpu[FIGURE_MAX];
	int x = frame_printf(frame, 3, 0, PAINT_LABEL, "KSM ");

	frame_printf(frame, 3, x, PAINT_PLAIN, "%s  %s saved by %s shared  %s full scans  ksmd %s CPU",
		ksm->run < 3 ? states[ksm->run] : "n/a", bytes(known(ksm->pages_sharing) * 4096, saved),
		bytes(known(ksm->pages_shared) * 4096, shared),
		figure_format(FORMAT_COUNT, known(ksm->full_scans), scans),
		signed_percent(model->ksmd_percent, cpu));
}

/* "[#####     ]" of what is in use. */
static void format_meter(double used, double total, char meter[METER_WIDTH + 3])
{
	int filled = total > 0 ? (int)(METER_WIDTH * used / total + 0.5) : 0;

	filled = filled < 0 ? 0 : filled > METER_WIDTH ? METER_WIDTH : filled;
	meter[0] = '[';
	memset(meter + 1, ' ', METER_WIDTH);
	memset(meter + 1, '#', (size_t)filled);
	strcpy(meter + 1 + METER_WIDTH, "]");
}

static void draw_node(struct frame *frame, int y, const struct node_sample *node)
{
	char meter[METER_WIDTH + 3], free[FIGURE_MAX], total[FIGURE_MAX], size[SIZE_TEXT_MAX];
	int x = frame_printf(frame, y, 0, PAINT_LABEL, "Node %-3u", node->os);

	format_meter((double)node->total - (double)node->free, (double)node->total, meter);
	x = frame_printf(frame, y, x, PAINT_PLAIN, "%s %s free of %s", meter,
		bytes((double)node->free, free), bytes((double)node->total, total));
	for (unsigned int i = 0; i < node->pool_count; i++) {
		const struct machine_pool *pool = &node->pools[i];

		if (pool->total)
			x = frame_printf(frame, y, x, PAINT_PLAIN, "  %s pages %llu free of %llu",
				size_format(size, pool->page_size), (unsigned long long)pool->free,
				(unsigned long long)pool->total);
	}
}

int screen_draw_host(struct frame *frame, const struct view *view, const struct model *model,
	const struct layout *layout)
{
	draw_title(frame, view, model);
	draw_cpu(frame, model);
	draw_memory(frame, model);
	draw_ksm(frame, model);
	for (int i = 0; i < layout->node_lines; i++)
		draw_node(frame, layout->node_top + i, &model->sample->nodes[i]);
	if (layout->more_nodes)
		frame_printf(frame, layout->node_top + layout->node_lines, 0, PAINT_LABEL,
			"... %u more nodes", model->sample->node_count - (unsigned int)layout->node_lines);
	return layout->head;
}
