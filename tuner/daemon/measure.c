// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/daemon/measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/placement.h"

#define LIST_TEXT (IDSET_MAX * 2)

/* ---- two looks at a thread ------------------------------------------------------------------ */

static const struct guest_thread *thread_before(const struct guest_list *before, const struct guest *guest,
	const struct guest_thread *thread)
{
	const struct guest *old = before ? guest_by_pid(before, guest->pid) : NULL;

	if (!old || old->start != guest->start)
		return NULL;
	for (unsigned int i = 0; i < old->thread_count; i++)
		if (old->threads[i].tid == thread->tid && old->threads[i].start == thread->start)
			return &old->threads[i];
	return NULL;
}

/* A counter that could not be read has not moved. */
static uint64_t passed_us(uint64_t now, uint64_t before)
{
	if (now == GUEST_UNKNOWN || before == GUEST_UNKNOWN || now < before)
		return 0;
	return (now - before) / 1000;
}

/* ---- how far pages are ---------------------------------------------------------------------- */

static int node_of(const struct machine *machine, int cpu)
{
	const struct machine_cpu *found = cpu < 0 ? NULL : machine_cpu_of(machine, (unsigned int)cpu);

	return found ? found->node : MACHINE_NO_NODE;
}

/* What an access costs more than a local one, in percent of it. */
static uint64_t extra(const struct machine *machine, int from, int to)
{
	return (uint64_t)((machine_access(machine, from, to) - 1) * 100 + 0.5);
}

/* From @from to the nearest of the guest's planned nodes: its kernel keeps a thread's own pages near it. */
static uint64_t extra_planned(const struct machine *machine, const struct placed_vm *placed, int from)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < placed->node_count; i++) {
		uint64_t here = extra(machine, from, placed->nodes[i].host_node);

		if (here < least)
			least = here;
	}
	return least == UINT64_MAX ? 0 : least;
}

/* Over all the guest's pages as they lie now, from where the thread runs. */
static uint64_t extra_now(const struct machine *machine, const struct placed_vm *placed,
	const struct guest *guest, int from)
{
	uint64_t kib = 0, sum = 0;

	for (unsigned int i = 0; guest->node_bytes && i < guest->node_count && i < machine->node_count; i++) {
		int node = (int)machine->nodes[i].os;
		uint64_t here = guest->node_bytes[i] / KIB;

		kib += here;
		sum += here * (placed_on(placed, machine->nodes[i].os) ? extra_planned(machine, placed, from)
								      : extra(machine, from, node));
	}
	return kib ? sum / kib : extra_planned(machine, placed, from);
}

/* ---- one guest ------------------------------------------------------------------------------ */

static uint64_t thread_loss(const struct snapshot *snapshot, const struct placed_vm *placed,
	const struct guest *guest, const struct guest_thread *thread, const struct guest_thread *old)
{
	const struct machine *machine = snapshot->machine;
	const struct idset *wanted = placed_cpus_of(placed, thread);
	int from = node_of(machine, thread->cpu), to = wanted ? node_of(machine, idset_next(wanted, -1)) : from;
	uint64_t busy = passed_us(thread->cpu_ns, old->cpu_ns), loss = 0;
	uint64_t now = extra_now(machine, placed, guest, from), planned = extra_planned(machine, placed, to);

	if (now > planned)
		loss = busy * MEASURE_STALL / 100 * (now - planned) / 100;
	if (wanted && !idset_within(&thread->allowed, wanted))
		loss += passed_us(thread->wait_ns, old->wait_ns);
	return loss;
}

static uint64_t guest_loss(const struct snapshot *snapshot, const struct placed_vm *placed,
	const struct guest *guest, const struct guest_list *before)
{
	uint64_t loss = 0;

	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];
		const struct guest_thread *old = thread_before(before, guest, thread);

		if (old && thread->kind == THREAD_VCPU)
			loss += thread_loss(snapshot, placed, guest, thread, old);
	}
	return loss;
}

/* A thread that has not run has nothing in its cache, and one that is where it shall be loses nothing of it. */
static uint64_t thread_cost(const struct placed_vm *placed, const struct guest *guest, const struct action *action,
	const struct guest_list *before)
{
	int tid = -1;

	sscanf(action->target, "%*d:%*u/%d", &tid);
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i], *old;
		const struct idset *wanted;

		if (thread->tid != tid)
			continue;
		old = thread_before(before, guest, thread);
		wanted = placed_cpus_of(placed, thread);
		if (wanted && thread->cpu >= 0 && idset_has(wanted, (unsigned int)thread->cpu))
			return 0;
		return old && !passed_us(thread->cpu_ns, old->cpu_ns) ? 0 : MEASURE_THREAD_US;
	}
	return MEASURE_THREAD_US;
}

static uint64_t bytes_elsewhere(const struct snapshot *snapshot, const struct placed_vm *placed,
	const struct guest *guest)
{
	const struct machine *machine = snapshot->machine;
	uint64_t bytes = 0;

	for (unsigned int i = 0; guest->node_bytes && i < guest->node_count && i < machine->node_count; i++)
		if (!placed_on(placed, machine->nodes[i].os))
			bytes += guest->node_bytes[i];
	return bytes;
}

/* The whole place, not only what differs: a part put right does not make the rest another matter. */
static char *place_text(const struct placed_vm *placed)
{
	struct idset nodes = placed_nodes(placed);
	char list[LIST_TEXT];
	char *text = xasprintf("nodes %s cpus", idset_format(&nodes, list, sizeof(list)));

	for (unsigned int i = 0; i < placed->vm->vcpus; i++) {
		char *longer = xasprintf("%s %s", text, idset_format(&placed->pins[i], list, sizeof(list)));

		free(text);
		text = longer;
	}
	return text;
}

/* ---- drifts --------------------------------------------------------------------------------- */

static bool weighed(const struct action *action)
{
	return action->kind == ACTION_AFFINITY || action->kind == ACTION_MOVE_PAGES;
}

static const struct placed_vm *placed_of(const struct plan *plan, const char *vm)
{
	for (unsigned int i = 0; vm && i < plan->vm_count; i++)
		if (!strcmp(plan->vms[i].vm->name, vm))
			return &plan->vms[i];
	return NULL;
}

/* The drift with this key (consumed), added when there is none yet (*@fresh). */
static unsigned int drift_of(struct measure *measure, char *key, bool *fresh)
{
	unsigned int i = 0;

	while (i < measure->count && strcmp(measure->drifts[i].key, key) != 0)
		i++;
	*fresh = i == measure->count;
	if (*fresh) {
		measure->drifts = xreallocarray(measure->drifts, measure->count + 1, sizeof(*measure->drifts));
		measure->drifts[measure->count++] = (struct drift){ .key = key };
	} else {
		free(key);
	}
	return i;
}

static unsigned int add_guest(struct measure *measure, const struct action *action, const struct placed_vm *placed,
	const struct snapshot *snapshot, const struct guest *guest, const struct guest_list *before, uint64_t mib_us)
{
	bool fresh;
	unsigned int index = drift_of(measure,
		xasprintf("guest %d:%" PRIu64 " %s", (int)guest->pid, guest->start, placed->vm->name), &fresh);
	struct drift *drift = &measure->drifts[index];

	if (fresh) {
		drift->weighed = true;
		drift->wanted = place_text(placed);
		drift->gain_us = guest_loss(snapshot, placed, guest, before);
	}
	if (action->kind == ACTION_AFFINITY) {
		drift->threads++;
		drift->cost_us += thread_cost(placed, guest, action, before);
	} else {
		drift->bytes = bytes_elsewhere(snapshot, placed, guest);
		drift->unit = guest->ram_count ? guest->ram[0].page_size : 0;
		drift->cost_us += drift->bytes / MIB * mib_us;
	}
	return index;
}

/* With the property, where the guest is the target and has several. */
static char *value_key(const struct action *action)
{
	return xasprintf("%s %s%s%s", action_kind_name(action->kind), action->target,
		action->kind == ACTION_UNIT_PROPERTY ? " " : "",
		action->kind == ACTION_UNIT_PROPERTY ? action->detail : "");
}

static unsigned int add_value(struct measure *measure, const struct action *action)
{
	bool fresh;
	unsigned int index = drift_of(measure, value_key(action), &fresh);

	if (fresh)
		measure->drifts[index].wanted = xstrdup(action->after);
	return index;
}

void measure_plan(struct measure *measure, const struct plan *plan, const struct snapshot *snapshot,
	const struct guest_list *before, uint64_t mib_us)
{
	*measure = (struct measure){ .drift_of = xcalloc(plan->actions.count + 1, sizeof(*measure->drift_of)) };
	for (unsigned int i = 0; i < plan->actions.count; i++) {
		const struct action *action = &plan->actions.actions[i];
		const struct placed_vm *placed = weighed(action) ? placed_of(plan, action->vm) : NULL;
		const struct guest *guest = placed ? placement_guest(&snapshot->guests, placed->vm) : NULL;

		measure->drift_of[i] = guest
			? add_guest(measure, action, placed, snapshot, guest, before, mib_us)
			: add_value(measure, action);
	}
}

void measure_release(struct measure *measure)
{
	for (unsigned int i = 0; i < measure->count; i++) {
		free((char *)(uintptr_t)measure->drifts[i].key);
		free((char *)(uintptr_t)measure->drifts[i].wanted);
	}
	free(measure->drifts);
	free(measure->drift_of);
	*measure = (struct measure){ 0 };
}
