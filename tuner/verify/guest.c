// SPDX-License-Identifier: GPL-2.0-or-later
/* Verify one running guest: threads, pages, page sizes, KSM mark, balloon, control group. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/qmp.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/cgroup.h"
#include "tuner/plan/plan.h"
#include "tuner/scope.h"
#include "tuner/smaps.h"
#include "tuner/verify/verify.h"

#define QMP_MS    5000
#define LIST_TEXT 256

/* ---- threads -------------------------------------------------------------------------------- */

static bool verify_thread(struct verify *verify, const struct guest *guest,
	const struct guest_thread *thread, const struct idset *wanted)
{
	char what[64], want[LIST_TEXT], found[LIST_TEXT];

	if (idset_equal(&thread->allowed, wanted))
		return true;
	snprintf(what, sizeof(what), "CPUs of thread %s (%d)", thread->comm, (int)thread->tid);
	verify_difference(verify, guest->name, what, idset_format(wanted, want, sizeof(want)),
		idset_format(&thread->allowed, found, sizeof(found)));
	return false;
}

static void verify_vcpus(struct verify *verify, const struct guest *guest, const struct placed_vm *placed)
{
	unsigned int good = 0, count = 0;

	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];

		if (thread->kind != THREAD_VCPU || thread->vcpu < 0 ||
		    (unsigned int)thread->vcpu >= placed->vm->vcpus)
			continue;
		count++;
		good += idset_empty(&placed->pins[thread->vcpu]) ||
			verify_thread(verify, guest, thread, &placed->pins[thread->vcpu]);
	}
	if (count != placed->vm->vcpus) {
		char want[16], found[16];

		snprintf(want, sizeof(want), "%u", placed->vm->vcpus);
		snprintf(found, sizeof(found), "%u", count);
		verify_difference(verify, guest->name, "vCPU threads", want, found);
	}
	verify_summary(verify, "%s: %u of %u vCPU threads on their PUs", guest->name, good,
		placed->vm->vcpus);
}

/* The threads that are neither a vCPU nor the kernel's: the VMM's main thread, and I/O threads. */
static void verify_io(struct verify *verify, const struct guest *guest, const struct placed_vm *placed)
{
	unsigned int good = 0, count = 0;

	if (idset_empty(&placed->io_cpus))
		return;
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];

		if (thread->kind == THREAD_VCPU || !placed_cpus_of(placed, thread))
			continue;
		count++;
		good += verify_thread(verify, guest, thread, &placed->io_cpus);
	}
	verify_summary(verify, "%s: %u of %u I/O threads on their PUs", guest->name, good, count);
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* The host node of a guest node; MACHINE_NO_NODE when it has none. */
static int home_of(const struct placed_vm *placed, int guest_node)
{
	if (guest_node >= 0 && (unsigned int)guest_node < placed->node_count)
		return placed->nodes[guest_node].host_node;
	return MACHINE_NO_NODE;
}

static bool planned(const struct placed_vm *placed, int guest_node, int host_node)
{
	int home = home_of(placed, guest_node);

	if (home != MACHINE_NO_NODE)
		return home == host_node;
	/* RAM of which we do not know whose node it is may lie on any of the guest's */
	return placed_on(placed, (unsigned int)host_node);
}

struct pages {
	uint64_t resident, right;
};

/* One mapping of RAM, every page of it. Wrong ones are a difference for each host node. */
static int verify_ram(struct verify *verify, const struct guest *guest, unsigned int index,
	const struct placed_vm *placed, struct pages *pages)
{
	const struct machine *machine = verify->snapshot->machine;
	const struct guest_ram *ram = &guest->ram[index];
	struct guest part = *guest;
	struct guest_memory_map map;
	int status;

	part.ram = (struct guest_ram *)(uintptr_t)ram;
	part.ram_count = 1;
	status = guest_map_read(&part, machine, 0, &map);
	if (status < 0)
		return status;
	pages->resident += map.resident;
	for (unsigned int i = 0; i < map.node_count; i++) {
		char what[96], want[32], found[64], size[SIZE_TEXT_MAX];

		if (!map.node_bytes[i])
			continue;
		if (planned(placed, ram->guest_node, (int)machine->nodes[i].os)) {
			pages->right += map.node_bytes[i];
			continue;
		}
		snprintf(what, sizeof(what), "pages of guest node %d", ram->guest_node);
		snprintf(want, sizeof(want), "node %d", home_of(placed, ram->guest_node));
		snprintf(found, sizeof(found), "%s on node %u", size_format(size, map.node_bytes[i]),
			machine->nodes[i].os);
		verify_difference(verify, guest->name, what, want, found);
	}
	guest_map_release(&map);
	return 0;
}

static int verify_pages(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct error *err)
{
	struct pages pages = {0};
	int status = 0;

	if (!root_is_live(&verify->context->root))
		return 0;
	for (unsigned int i = 0; i < guest->ram_count && status >= 0; i++)
		status = verify_ram(verify, guest, i, placed, &pages);
	if (status < 0)
		return error_errno(err, -status, "asking where the pages of guest %s are", guest->name);
	verify_share(verify, guest->name, pages.right, pages.resident);
	return 0;
}

/* ---- page sizes and marks ------------------------------------------------------------------- */

static void verify_sizes(struct verify *verify, const struct guest *guest, const struct profile_vm *vm,
	const struct smaps_ram *sum)
{
	uint64_t wanted = page_choice_bytes(vm->pages);
	char want[SIZE_TEXT_MAX], found[SIZE_TEXT_MAX], size[SIZE_TEXT_MAX];

	if (sum->page_min != wanted || sum->page_max != wanted)
		verify_difference(verify, guest->name, "page size", size_format(want, wanted),
			size_format(found, sum->page_min == wanted ? sum->page_max : sum->page_min));
	if (vm->pages == PAGES_THP && sum->thp != sum->mapped)
		verify_difference(verify, guest->name, "transparent huge pages", "asked for",
			size_format(found, sum->thp));
	if (vm->pages == PAGES_4K && sum->huge)
		verify_difference(verify, guest->name, "page size", "4K", "2M in part (THP)");
	if (vm->pages == PAGES_THP)
		verify_summary(verify, "%s: %s of %s in 2M pages (THP)", guest->name,
			size_format(found, sum->huge), size_format(size, sum->mapped));
	else
		verify_summary(verify, "%s: page size %s", guest->name, size_format(found, sum->page_min));
}

static void verify_mark(struct verify *verify, const struct guest *guest, const struct profile_vm *vm,
	const struct smaps_ram *sum)
{
	uint64_t wanted = vm->ksm ? sum->mapped : 0;

	if (sum->mergeable != wanted)
		verify_difference(verify, guest->name, "KSM mark", vm->ksm ? "on" : "off",
			!sum->mergeable ? "off" : sum->mergeable == sum->mapped ? "on" : "in part");
	else if (vm->ksm)
		verify_summary(verify, "%s: KSM may merge its pages", guest->name);
}

/* ---- balloon -------------------------------------------------------------------------------- */

static uint64_t balloon_actual(const struct guest *guest)
{
	struct qmp *qmp = guest->qmp ? qmp_connect(guest->qmp, QMP_MS, NULL) : NULL;
	json_t *answer = qmp ? qmp_call(qmp, "query-balloon", NULL, NULL) : NULL;
	uint64_t actual = answer
		? (uint64_t)json_integer_value(json_object_get(answer, "actual")) : GUEST_UNKNOWN;

	json_decref(answer);
	if (qmp)
		qmp_close(qmp);
	return actual;
}

static void verify_balloon(struct verify *verify, const struct guest *guest, const struct profile_vm *vm)
{
	char want[SIZE_TEXT_MAX], found[SIZE_TEXT_MAX];
	uint64_t actual;

	if (!vm->balloon_target)
		return;
	actual = balloon_actual(guest);
	if (actual != vm->balloon_target)
		verify_difference(verify, guest->name, "balloon (what the guest keeps)",
			size_format(want, vm->balloon_target),
			actual == GUEST_UNKNOWN ? NULL : size_format(found, actual));
	else
		verify_summary(verify, "%s: balloon at its target, the guest keeps %s", guest->name,
			size_format(found, actual));
}

/* ---- control group -------------------------------------------------------------------------- */

/* Whether /proc/PID/cgroup has a line that ends in the group's name. */
static bool in_group(const struct root *root, const struct guest *guest, const char *group)
{
	char *text = root_read_all(root, NULL, "/proc/%d/cgroup", (int)guest->pid), *rest = NULL;
	size_t length = strlen(group);
	bool found = false;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		size_t line_length = strlen(line);

		found = found || (line_length > length && !strcmp(line + line_length - length, group));
	}
	free(text);
	return found;
}

static void verify_group(struct verify *verify, const struct guest *guest, const struct profile_vm *vm)
{
	bool systemd = verify->snapshot->systemd;
	char *group = systemd ? scope_name(vm->name) : cgroup_name(vm->name);
	struct action_list wanted = {0};

	if (systemd)
		scope_plan_values(&wanted, vm, group, vm->name);
	else
		cgroup_plan(&wanted, vm, verify->snapshot);
	if ((systemd || wanted.count) && !in_group(&verify->context->root, guest, group))
		verify_difference(verify, guest->name, "control group", group, "another one");
	verify_values(verify, guest->name, &wanted);
	action_list_release(&wanted);
	free(group);
}

int verify_guest(struct verify *verify, const struct guest *guest, const struct placed_vm *placed,
	struct error *err)
{
	struct guest named = *guest; /* as the profile calls it: an attached one may have another name */
	struct smaps_ram sum;
	int status;

	named.name = placed->vm->name;
	guest = &named;
	verify_vcpus(verify, guest, placed);
	verify_io(verify, guest, placed);
	if (placed->vm->attach) {
		verify_balloon(verify, guest, placed->vm);
		return verify_attached(verify, guest, placed, err);
	}
	status = verify_pages(verify, guest, placed, err);
	if (status >= 0)
		status = smaps_read(&verify->context->root, guest, &sum, err);
	if (status < 0)
		return status;
	verify_sizes(verify, guest, placed->vm, &sum);
	verify_mark(verify, guest, placed->vm, &sum);
	verify_balloon(verify, guest, placed->vm);
	verify_group(verify, guest, placed->vm);
	return 0;
}
