/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rates and shares out of two samples. */
#include "monitor/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"

#define PAGE_BYTES 4096.0

static double known(uint64_t value)
{
	return value == UINT64_MAX ? NAN : (double)value;
}

/* (now - before) / span, NAN when one is unknown, the counter was reset or no time has passed. */
static double rate(uint64_t before, uint64_t now, double span)
{
	if (before == UINT64_MAX || now == UINT64_MAX || now < before || !(span > 0))
		return NAN;
	return (double)(now - before) / span;
}

static double add(double sum, double value)
{
	return isnan(value) ? sum : isnan(sum) ? value : sum + value;
}

/* ---- threads ---------------------------------------------------------------------------------- */

static const struct guest_thread *thread_before(const struct guest *before,
	const struct guest_thread *now)
{
	for (unsigned int i = 0; before && i < before->thread_count; i++)
		if (before->threads[i].tid == now->tid && before->threads[i].start == now->start)
			return &before->threads[i];
	return NULL;
}

static void make_thread(const struct guest_thread *before, const struct guest_thread *now, double span_ns,
	struct thread_row *row)
{
	row->tid = now->tid;
	row->kind = now->kind;
	row->vcpu = now->vcpu;
	row->cpu = now->cpu;
	row->allowed = now->allowed;
	memcpy(row->comm, now->comm, sizeof(row->comm));
	row->cpu_percent = before ? 100 * rate(before->cpu_ns, now->cpu_ns, span_ns) : NAN;
	row->ready_percent = before ? 100 * rate(before->wait_ns, now->wait_ns, span_ns) : NAN;
}

static void make_threads(const struct guest *before, const struct guest *now, double span_ns,
	struct vm_row *row)
{
	double ready = NAN, ready_count = 0;

	row->thread_count = now->thread_count;
	row->threads = xcalloc(now->thread_count ? now->thread_count : 1, sizeof(*row->threads));
	row->cpu_percent = NAN;
	for (unsigned int i = 0; i < now->thread_count; i++) {
		struct thread_row *thread = &row->threads[i];

		make_thread(thread_before(before, &now->threads[i]), &now->threads[i], span_ns, thread);
		row->cpu_percent = add(row->cpu_percent, thread->cpu_percent);
		if (thread->kind == THREAD_VCPU && !isnan(thread->ready_percent)) {
			ready = add(ready, thread->ready_percent);
			ready_count++;
		}
	}
	row->ready_percent = ready / ready_count;
}

/* ---- guests ----------------------------------------------------------------------------------- */

static void make_nodes(const struct guest_sample *now, struct vm_row *row)
{
	double sum = 0;

	row->node_count = now->node_count;
	row->node_bytes = xcalloc(now->node_count ? now->node_count : 1, sizeof(double));
	row->node_percent = xcalloc(now->node_count ? now->node_count : 1, sizeof(double));
	row->exact = now->map_exact;
	for (unsigned int i = 0; i < now->node_count; i++) {
		row->node_bytes[i] = now->node_bytes ? (double)now->node_bytes[i] : NAN;
		sum += row->node_bytes[i];
	}
	for (unsigned int i = 0; i < now->node_count; i++)
		row->node_percent[i] = sum > 0 ? 100 * row->node_bytes[i] / sum : NAN;
}

static const struct guest_sample *guest_before(const struct sample *before, const struct guest *now)
{
	for (unsigned int i = 0; before && i < before->guest_count; i++)
		if (before->guests[i].guest.pid == now->pid && before->guests[i].guest.start == now->start)
			return &before->guests[i];
	return NULL;
}

static void make_vm(const struct guest_sample *before, const struct guest_sample *now,
	struct vm_row *row)
{
	const struct guest *guest = &now->guest;
	double span_ns = before ? (double)(now->taken_ns - before->taken_ns) : 0;

	row->pid = guest->pid;
	row->start = guest->start;
	row->name = guest->name;
	row->vmm = guest->vmm;
	row->cgroup = guest->cgroup;
	row->qmp = guest->qmp;
	row->ram = guest->ram;
	row->ram_count = guest->ram_count;
	row->vcpus = guest->vcpu_count;
	row->configured = known(guest->configured);
	/* VmRSS leaves hugetlb out; a kernel without hugetlb has no such line. */
	row->resident = add(known(guest->rss), isnan(known(guest->rss)) ? NAN : known(guest->hugetlb));
	row->huge = known(guest->anon_huge) + known(guest->hugetlb);
	row->ksm = known(guest->ksm_pages) * PAGE_BYTES;
	row->balloon = known(guest->balloon);
	row->exits = before ? rate(before->guest.exits, guest->exits, span_ns / 1e9) : NAN;
	make_threads(before ? &before->guest : NULL, guest, span_ns, row);
	make_nodes(now, row);
}

/* ---- host ------------------------------------------------------------------------------------- */

static void make_host(const struct sample *before, const struct sample *now, struct model *model)
{
	double ticks = NAN;

	model->cpus = now->cpus;
	model->load1 = now->load1;
	if (before && before->cpu_known && now->cpu_known)
		ticks = (double)(now->cpu.total - before->cpu.total) / 100; /* 1/100: percent */
	if (!(ticks > 0))
		ticks = 0; /* rate() makes it NAN */
	model->cpu_busy = before ? rate(before->cpu.busy, now->cpu.busy, ticks) : NAN;
	model->cpu_guest = before ? rate(before->cpu.guest, now->cpu.guest, ticks) : NAN;
	model->cpu_steal = before ? rate(before->cpu.steal, now->cpu.steal, ticks) : NAN;
	model->cpu_iowait = before ? rate(before->cpu.iowait, now->cpu.iowait, ticks) : NAN;
	model->ksmd_percent = before ? 100 * rate(before->ksmd_ns, now->ksmd_ns, model->interval * 1e9) : NAN;
}

struct model *model_make(const struct sample *before, const struct sample *now)
{
	struct model *model = xcalloc(1, sizeof(*model));

	model->sample = now;
	model->epoch = now->epoch;
	model->interval = before ? (double)(now->taken_ns - before->taken_ns) / 1e9 : NAN;
	make_host(before, now, model);
	model->exits = NAN;
	model->vm_count = now->guest_count;
	model->vms = xcalloc(now->guest_count ? now->guest_count : 1, sizeof(*model->vms));
	for (unsigned int i = 0; i < now->guest_count; i++) {
		make_vm(guest_before(before, &now->guests[i].guest), &now->guests[i], &model->vms[i]);
		model->exits = add(model->exits, model->vms[i].exits);
		model->vcpus += model->vms[i].vcpus;
	}
	return model;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	for (unsigned int i = 0; i < model->vm_count; i++) {
		free(model->vms[i].threads);
		free(model->vms[i].node_bytes);
		free(model->vms[i].node_percent);
	}
	free(model->vms);
	free(model);
}
