/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON object of one sample (vmtop.1, JSON OUTPUT). */
#include "monitor/export.h"

#include <math.h>

#include "monitor/field.h"

#define PAGE_BYTES 4096.0

static json_t *counter(uint64_t value, double unit)
{
	return figure_to_json(value == UINT64_MAX ? NAN : (double)value * unit);
}

static json_t *pressure_to_json(const struct psi *psi)
{
	return json_pack("{s:o, s:o}", "some_avg10", figure_to_json(psi->some_avg10),
		"full_avg10", figure_to_json(psi->full_avg10));
}

static json_t *node_to_json(const struct node_sample *node)
{
	json_t *pools = json_array();

	for (unsigned int i = 0; i < node->pool_count; i++)
		json_array_append_new(pools, json_pack("{s:o, s:o, s:o, s:o}",
			"page_bytes", counter(node->pools[i].page_size, 1),
			"total", counter(node->pools[i].total, 1), "free", counter(node->pools[i].free, 1),
			"surplus", counter(node->pools[i].surplus, 1)));
	return json_pack("{s:i, s:o, s:o, s:o, s:o}", "node", (int)node->os,
		"total_bytes", counter(node->total, 1), "free_bytes", counter(node->free, 1),
		"available_bytes", counter(node->available, 1), "hugepages", pools);
}

static json_t *ksm_to_json(const struct model *model)
{
	const struct ksm *ksm = &model->sample->ksm;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "run", counter(ksm->run, 1),
		"saved_bytes", counter(ksm->pages_sharing, PAGE_BYTES),
		"shared_bytes", counter(ksm->pages_shared, PAGE_BYTES),
		"pages_scanned", counter(ksm->pages_scanned, 1), "full_scans", counter(ksm->full_scans, 1),
		"ksmd_percent", figure_to_json(model->ksmd_percent));
}

static json_t *host_to_json(const struct model *model)
{
	const struct sample *sample = model->sample;
	json_t *nodes = json_array();

	for (unsigned int i = 0; i < sample->node_count; i++)
		json_array_append_new(nodes, node_to_json(&sample->nodes[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o}",
		"cpus", figure_to_json(model->cpus), "busy_percent", figure_to_json(model->cpu_busy),
		"guest_percent", figure_to_json(model->cpu_guest),
		"steal_percent", figure_to_json(model->cpu_steal),
		"iowait_percent", figure_to_json(model->cpu_iowait), "load1", figure_to_json(model->load1),
		"memory_bytes", counter(sample->memory.total, 1), "free_bytes", counter(sample->memory.free, 1),
		"available_bytes", counter(sample->memory.available, 1),
		"anon_huge_bytes", counter(sample->memory.anon_huge, 1),
		"pressure", "cpu", pressure_to_json(&sample->psi_cpu),
		"memory", pressure_to_json(&sample->psi_memory), "io", pressure_to_json(&sample->psi_io),
		"ksm", ksm_to_json(model), "nodes", nodes);
}

static json_t *thread_to_json(const struct thread_row *thread)
{
	char allowed[IDSET_MAX * 6], comm[16];
	size_t i;

	for (i = 0; i < sizeof(comm) - 1 && thread->comm[i]; i++) /* a thread names itself as it likes */
		comm[i] = thread->comm[i] >= ' ' && thread->comm[i] <= '~' ? thread->comm[i] : '?';
	comm[i] = '\0';
	return json_pack("{s:i, s:s, s:o, s:s, s:o, s:s, s:o, s:o}", "tid", (int)thread->tid,
		"kind", thread_kind_name(thread->kind),
		"vcpu", figure_to_json(thread->vcpu < 0 ? NAN : thread->vcpu), "comm", comm,
		"cpu", figure_to_json(thread->cpu < 0 ? NAN : thread->cpu),
		"allowed", idset_format(&thread->allowed, allowed, sizeof(allowed)),
		"cpu_percent", figure_to_json(thread->cpu_percent),
		"ready_percent", figure_to_json(thread->ready_percent));
}

static json_t *vm_to_json(const struct model *model, const struct vm_row *vm)
{
	json_t *json = json_object(), *threads = json_array();

	for (int i = 0; i < FIELD_COUNT; i++)
		json_object_set_new(json, fields[i].key, field_to_json(&fields[i], model, vm));
	for (unsigned int i = 0; i < vm->thread_count; i++)
		json_array_append_new(threads, thread_to_json(&vm->threads[i]));
	json_object_set_new(json, "nodes_exact", vm->node_count ? json_boolean(vm->exact) : json_null());
	json_object_set_new(json, "threads", threads);
	return json;
}

json_t *model_to_json(const struct model *model)
{
	json_t *vms = json_array();

	for (unsigned int i = 0; i < model->vm_count; i++)
		json_array_append_new(vms, vm_to_json(model, &model->vms[i]));
	return json_pack("{s:i, s:o, s:o, s:i, s:o, s:o}", "vmtop", EXPORT_VERSION, "time", figure_to_json(model->epoch),
		"interval", figure_to_json(model->interval),
		"hidden_processes", (int)model->sample->hidden, "host", host_to_json(model), "vms", vms);
}
