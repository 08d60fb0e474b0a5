/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: placement of every virtual machine, then the ordered list of changes that leads there. A
 * pure function of profile and snapshot. The order: host settings, hugepage pools; for guests that run,
 * what differs; then for each new VM its control group, the guest itself, its balloon.
 */
#include "tuner/plan/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/cgroup.h"
#include "tuner/placement/placement.h"
#include "tuner/plan/internal.h"
#include "tuner/plan/irq.h"
#include "tuner/plan/isolate.h"
#include "tuner/scope.h"

#define LIST_TEXT (IDSET_MAX * 2)

/* ---- the command line of a guest ---- */

struct argv {
	char **list;
	size_t count;
};

static void add(struct argv *argv, char *text)
{
	argv->list = xreallocarray(argv->list, argv->count + 2, sizeof(*argv->list));
	argv->list[argv->count++] = text;
	argv->list[argv->count] = NULL;
}

static void add_option(struct argv *argv, const char *option, char *value)
{
	add(argv, xstrdup(option));
	add(argv, value);
}

/* A list inside of an option with parts is joined with '+': "0-1+4". Returns @buf. */
static const char *plus_list(const struct idset *set, char buf[LIST_TEXT])
{
	idset_format(set, buf, LIST_TEXT);
	for (char *at = buf; *at; at++)
		if (*at == ',')
			*at = '+';
	return buf;
}

static void add_numa(struct argv *argv, const struct placed_vm *placed, unsigned int index)
{
	const struct placed_node *node = &placed->nodes[index];
	char list[LIST_TEXT], size[SIZE_TEXT_MAX];
	char *text = xasprintf("cpus=%s,memory=%s,host-node=%d,pages=%s%s", plus_list(&node->vcpus, list),
		size_format(size, node->memory), node->host_node, page_choice_name(placed->vm->pages),
		placed->vm->ksm ? ",mergeable" : "");

	for (unsigned int i = 0; placed->node_count > 1 && i < placed->node_count; i++) {
		char *longer = xasprintf("%s%s%u", text, i ? "+" : ",distance=", node->distance[i]);

		free(text);
		text = longer;
	}
	add_option(argv, "--numa", text);
}

/* "0-1=4,2=5+7": vCPUs with the same CPUs together. */
static void add_pins(struct argv *argv, const struct placed_vm *placed)
{
	char vcpus[LIST_TEXT], cpus[LIST_TEXT], *text = NULL;
	struct idset done = { 0 };

	for (unsigned int i = 0; i < placed->vm->vcpus; i++) {
		struct idset same = { 0 };
		char *longer;

		if (idset_has(&done, i) || idset_empty(&placed->pins[i]))
			continue;
		for (unsigned int j = i; j < placed->vm->vcpus; j++)
			if (idset_equal(&placed->pins[i], &placed->pins[j]))
				idset_add(&same, j);
		idset_union(&done, &same);
		longer = xasprintf("%s%s%s=%s", text ? text : "", text ? "," : "",
			plus_list(&same, vcpus), plus_list(&placed->pins[i], cpus));
		free(text);
		text = longer;
	}
	if (text)
		add_option(argv, "--pin", text);
	if (!idset_empty(&placed->io_cpus))
		add_option(argv, "--io-cpus",
			xstrdup(idset_format(&placed->io_cpus, cpus, sizeof(cpus))));
}

static void add_devices(struct argv *argv, const struct profile_vm *vm)
{
	/* A balloon of 4K pages gives no huge page back; vmm refuses the pair. */
	if (page_choice_bytes(vm->pages) > 4 * KIB)
		add(argv, xstrdup("--no-balloon"));
	for (unsigned int i = 0; i < vm->disk_count; i++)
		add_option(argv, "--disk", xasprintf("%s%s", vm->disks[i].path,
			vm->disks[i].readonly ? ",readonly" : ""));
	for (unsigned int i = 0; i < vm->net_count; i++)
		add_option(argv, "--net", vm->nets[i].tap ? xasprintf("tap=%s", vm->nets[i].tap)
							  : xstrdup("user"));
}

char **plan_vmm_argv(const struct placed_vm *placed, const struct action_context *context)
{
	const struct profile_vm *vm = placed->vm;
	struct argv argv = { 0 };

	add(&argv, xstrdup(context->vmm));
	add_option(&argv, "--name", xstrdup(vm->name));
	add_option(&argv, "--kernel", xstrdup(vm->kernel));
	if (vm->initrd)
		add_option(&argv, "--initrd", xstrdup(vm->initrd));
	if (vm->append)
		add_option(&argv, "--append", xstrdup(vm->append));
	add_option(&argv, "--cpus", xasprintf("%u", vm->vcpus));
	for (unsigned int i = 0; i < placed->node_count; i++)
		add_numa(&argv, placed, i);
	add_pins(&argv, placed);
	add_devices(&argv, vm);
	add_option(&argv, "--serial", xasprintf("unix:%s/%s/console.sock", context->run_dir, vm->name));
	add_option(&argv, "--qmp", xasprintf("%s/%s/qmp.sock", context->run_dir, vm->name));
	return argv.list;
}

void argv_free(char **argv)
{
	for (char **arg = argv; arg && *arg; arg++)
		free(*arg);
	free(argv);
}

/* ---- guests that will be started ---- */

static char *argv_json(char **argv)
{
	json_t *list = json_array();
	char *text;

	for (; *argv; argv++)
		json_array_append_new(list, json_string(*argv));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

static char *reason_of(const struct profile_at *at)
{
	return xasprintf("%s:%d", at->file, at->line);
}

static void plan_balloon(struct action_list *list, const struct profile_vm *vm, uint64_t now)
{
	if (!vm->balloon_target || now == vm->balloon_target)
		return;
	action_add(list, ACTION_BALLOON, CLASS_REVERSIBLE, plan_target(vm), NULL,
		now == GUEST_UNKNOWN ? NULL : xasprintf("%" PRIu64, now),
		xasprintf("%" PRIu64, vm->balloon_target), reason_of(&vm->at_balloon), vm->name);
}

static void plan_own_scope(struct action_list *list, const struct profile_vm *vm)
{
	char *unit = scope_name(vm->name);

	plan_scope_values(list, vm, unit);
	free(unit);
}

static void plan_start(struct action_list *list, const struct placed_vm *placed,
	const struct snapshot *snapshot, const struct action_context *context)
{
	const struct profile_vm *vm = placed->vm;
	char **argv = plan_vmm_argv(placed, context);

	if (!snapshot->systemd)
		cgroup_plan(list, vm, snapshot);
	action_add(list, ACTION_START_GUEST, CLASS_IRREVERSIBLE, xstrdup(vm->name), argv_json(argv),
		xstrdup("stopped"), xstrdup("running"), reason_of(&vm->at), vm->name);
	argv_free(argv);
	if (snapshot->systemd)
		plan_own_scope(list, vm);
	plan_balloon(list, vm, vm->memory);
}

/* ---- guests that run ---- */

/*
 * Of the threads without a name for us, those of other VMMs are pinned with the emulator. Not the
 * kernel's own among them: "iou-" ones cannot be, "kvm-" ones serve no device.
 */
static bool serves_devices(const struct placed_vm *placed, const struct guest_thread *thread)
{
	if (thread->kind == THREAD_IO || thread->kind == THREAD_EMULATOR)
		return true;
	return placed->vm->attach && !guest_thread_is_kernels(thread);
}

const struct idset *placed_cpus_of(const struct placed_vm *placed, const struct guest_thread *thread)
{
	const struct idset *cpus = &placed->io_cpus;

	if (thread->kind == THREAD_VCPU) {
		if (thread->vcpu < 0 || (unsigned int)thread->vcpu >= placed->vm->vcpus)
			return NULL;
		cpus = &placed->pins[thread->vcpu];
	} else if (!serves_devices(placed, thread)) {
		return NULL;
	}
	return idset_empty(cpus) ? NULL : cpus;
}

bool placed_on(const struct placed_vm *placed, unsigned int host_node)
{
	for (unsigned int i = 0; i < placed->node_count; i++)
		if (placed->nodes[i].host_node == (int)host_node)
			return true;
	return false;
}

struct idset placed_nodes(const struct placed_vm *placed)
{
	struct idset nodes = { 0 };

	for (unsigned int i = 0; i < placed->node_count; i++)
		idset_add(&nodes, (unsigned int)placed->nodes[i].host_node);
	return nodes;
}

struct idset placed_dedicated(const struct placed_vm *vms, unsigned int count)
{
	struct idset cpus = { 0 };

	for (unsigned int i = 0; i < count; i++)
		for (unsigned int vcpu = 0; vms[i].vm->dedicated && vcpu < vms[i].vm->vcpus; vcpu++)
			idset_union(&cpus, &vms[i].pins[vcpu]);
	return cpus;
}

/* A kernel thread of before Linux 6.4 that serves the guest is a process of its own. */
static char *thread_target(const struct guest *guest, const struct guest_thread *thread)
{
	return xasprintf("%d:%" PRIu64 "/%d:%" PRIu64, (int)(thread->process ? thread->tid : guest->pid),
		thread->process ? thread->start : guest->start, (int)thread->tid, thread->start);
}

static void plan_affinity(struct action_list *list, const struct placed_vm *placed,
	const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];
		const struct idset *wanted = placed_cpus_of(placed, thread);
		char before[LIST_TEXT], after[LIST_TEXT];

		if (!wanted || plan_libvirt_pin(list, placed->vm->name, guest, thread, wanted) ||
		    idset_equal(wanted, &thread->allowed))
			continue;
		action_add(list, ACTION_AFFINITY, CLASS_REVERSIBLE,
			thread_target(guest, thread), xstrdup(thread->comm), xstrdup(idset_format(&thread->allowed, before, sizeof(before))),
			xstrdup(idset_format(wanted, after, sizeof(after))),
			thread->kind == THREAD_VCPU
				? xasprintf("%s: vCPU %d", placed->vm->name, thread->vcpu)
				: xasprintf("%s: %s thread", placed->vm->name,
					thread_kind_name(thread->kind)),
			placed->vm->name);
	}
}

static void plan_ksm(struct action_list *list, const struct profile_vm *vm, const struct guest *guest)
{
	unsigned int marked = 0;

	for (unsigned int i = 0; i < guest->ram_count; i++)
		marked += guest->ram[i].mergeable;
	if (!guest->ram_count || (vm->ksm ? marked == guest->ram_count : marked == 0))
		return;
	action_add(list, ACTION_GUEST_KSM, CLASS_REVERSIBLE, plan_target(vm), NULL,
		xstrdup(vm->ksm ? "off" : "on"), xstrdup(vm->ksm ? "on" : "off"),
		reason_of(vm->at_ksm.line ? &vm->at_ksm : &vm->at), vm->name);
}

static bool in_its_group(const struct guest *guest, const char *name, bool systemd)
{
	char *group = systemd ? scope_name(name) : cgroup_name(name);
	size_t tail = strlen(group), length = guest->cgroup ? strlen(guest->cgroup) : 0;
	bool in = guest->cgroup && length >= tail && !strcmp(guest->cgroup + length - tail, group);

	free(group);
	return in;
}

/* Weights and limits of a guest that is in its group already; the group itself needs nothing. */
static void plan_limits(struct action_list *list, const struct profile_vm *vm,
	const struct snapshot *snapshot, const struct guest *guest)
{
	unsigned int kept = list->count;

	if (!in_its_group(guest, vm->name, snapshot->systemd))
		return;
	if (snapshot->systemd) {
		plan_own_scope(list, vm);
		return;
	}
	cgroup_plan(list, vm, snapshot);
	for (unsigned int i = kept; i < list->count; i++) {
		if (list->actions[i].kind == ACTION_CGROUP_VALUE)
			list->actions[kept++] = list->actions[i];
		else
			action_release(&list->actions[i]);
	}
	list->count = kept;
}

static int plan_running(struct action_list *list, const struct placed_vm *placed,
	const struct snapshot *snapshot, const struct guest *guest, struct error *err)
{
	const struct profile_vm *vm = placed->vm;
	int rc = 0;

	if (vm->attach)
		rc = plan_attached_limits(list, vm, snapshot, guest, err);
	else
		plan_limits(list, vm, snapshot, guest);
	plan_affinity(list, placed, guest);
	if (!vm->attach || vm->at_ksm.line)
		plan_ksm(list, vm, guest);
	plan_balloon(list, vm, guest->balloon);
	/* Threads first: what they touch from then on is where it belongs. */
	if (vm->attach && vm->placement != PLACE_KEEP) {
		if (rc == 0)
			rc = plan_widen(list, placed, snapshot, guest, err);
		plan_attached_memory(list, placed, snapshot, guest);
		plan_narrow(list, placed, guest);
	}
	return rc;
}

/* ---- all of it ---- */

static int plan_actions(struct plan *plan, const struct profile *profile, const struct snapshot *snapshot,
	const struct action_context *context, struct error *err)
{
	unsigned int *order = xcalloc(plan->vm_count + 1, sizeof(*order)), running;
	struct action_list *list = &plan->actions;
	int rc = plan_settings(list, &plan->notes, profile, snapshot, err);

	plan_note_words(&plan->notes, profile, snapshot);
	plan_note_conflicts(&plan->notes, profile, snapshot);
	if (rc == 0)
		plan_irqs(list, profile, snapshot, plan->vms);
	if (rc == 0)
		rc = plan_isolate(list, &plan->notes, profile, snapshot, plan->vms, err);
	if (rc == 0)
		rc = plan_pools(list, profile, snapshot, plan->vms, err);
	/* Guests that run first: the room they leave may be what a new one gets. */
	running = plan_order(plan, snapshot, order);
	for (unsigned int i = 0; rc == 0 && i < running; i++) {
		const struct placed_vm *placed = &plan->vms[order[i]];
		const struct guest *guest = placement_guest(&snapshot->guests, placed->vm);

		plan_libvirt_note(&plan->notes, placed->vm, guest);
		rc = plan_running(list, placed, snapshot, guest, err);
	}
	free(order);
	for (unsigned int i = 0; rc == 0 && i < plan->vm_count; i++)
		if (!plan->vms[i].running)
			plan_start(list, &plan->vms[i], snapshot, context);
	return rc;
}

struct plan *plan_make(const struct profile *profile, const struct snapshot *snapshot,
	const struct action_context *context, struct error *err)
{
	struct plan *plan = xcalloc(1, sizeof(*plan));
	int rc = plan_pools_check(profile, snapshot, err);

	plan->vm_count = profile->vm_count;
	plan->vms = xcalloc(profile->vm_count + 1, sizeof(*plan->vms));
	if (rc == 0)
		rc = placement_make(profile, snapshot, plan->vms, err);
	if (rc == 0)
		rc = plan_actions(plan, profile, snapshot, context, err);
	if (rc == 0)
		return plan;
	plan_free(plan);
	return NULL;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	placed_vms_free(plan->vms, plan->vm_count);
	action_list_release(&plan->actions);
	plan_notes_release(&plan->notes);
	free(plan);
}
