/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the guests of others that a profile speaks of. */
#include "tuner/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/capacity.h"
#include "tuner/plan/internal.h"
#include "tuner/profile/internal.h"

#define QMP_MS   500
#define LIST_MAX 512

/* ---- which guest ---------------------------------------------------------------------------- */

static bool by_name(const struct guest *guest, const char *value)
{
	return guest->name && !strcmp(guest->name, value);
}

static bool by_pid(const struct guest *guest, const char *value)
{
	return (long)guest->pid == strtol(value, NULL, 10);
}

/* The group itself or one below it; a path below the mount point is understood as well. */
static bool by_cgroup(const struct guest *guest, const char *value)
{
	static const char mount[] = "/sys/fs/cgroup/";
	size_t length;

	if (!strncmp(value, mount, sizeof(mount) - 1))
		value += sizeof(mount) - 2;
	while (*value == '/')
		value++;
	length = strlen(value);
	while (length && value[length - 1] == '/')
		length--;
	return length && guest->cgroup && !strncmp(guest->cgroup + 1, value, length) &&
		(!guest->cgroup[1 + length] || guest->cgroup[1 + length] == '/');
}

static bool by_qmp(const struct guest *guest, const char *value)
{
	return guest->qmp && !strcmp(guest->qmp, value);
}

static const struct {
	const char *way;
	bool (*is)(const struct guest *guest, const char *value);
} ways[] = {
	{ "name:", by_name },
	{ "pid:", by_pid },
	{ "cgroup:", by_cgroup },
	{ "qmp:", by_qmp },
};

unsigned int attach_find(const struct guest_list *guests, const char *attach, const struct guest **found)
{
	unsigned int count = 0;

	*found = NULL;
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		size_t length = strlen(ways[way].way);

		if (strncmp(attach, ways[way].way, length) != 0)
			continue;
		for (unsigned int i = 0; i < guests->count; i++) {
			if (!ways[way].is(&guests->guests[i], attach + length))
				continue;
			if (!count++)
				*found = &guests->guests[i];
		}
	}
	return count;
}

/* "db (PID 12), web (PID 40)"; returns @buf. */
static const char *list_guests(const struct guest_list *guests, char buf[LIST_MAX])
{
	size_t used = 0;

	for (unsigned int i = 0; i < guests->count && used + 1 < LIST_MAX; i++)
		used += (size_t)snprintf(buf + used, LIST_MAX - used, "%s%s (PID %d)", i ? ", " : "",
			guests->guests[i].name, (int)guests->guests[i].pid);
	return buf;
}

static int find(struct profile_vm *vm, const struct snapshot *snapshot, enum attach_missing missing,
	struct error *err)
{
	const struct guest_list *guests = &snapshot->guests;
	const struct guest *guest;
	unsigned int count = attach_find(guests, vm->attach, &guest);
	char list[LIST_MAX];

	vm->guest_pid = 0;
	if (count == 1) {
		vm->guest_pid = guest->pid;
		vm->guest_start = guest->start;
		return 0;
	}
	if (!count && missing == ATTACH_PRESENT)
		return 0;
	if (!guests->count)
		return profile_fault(&vm->at_attach, &vm->at, err, "no guest is %s; none runs here", vm->attach);
	if (!count)
		return profile_fault(&vm->at_attach, &vm->at, err, "no guest is %s; those that run are %s",
			vm->attach, list_guests(guests, list));
	return profile_fault(&vm->at_attach, &vm->at, err, "%u guests are %s; name one by \"pid:N\": %s", count,
		vm->attach, list_guests(guests, list));
}

/* ---- what it has ---------------------------------------------------------------------------- */

static enum page_choice pages_of(const struct guest *guest)
{
	uint64_t size = guest->ram_count ? guest->ram[0].page_size : 4 * KIB;

	if (size > 4 * KIB)
		return size >= GIB ? PAGES_1G : PAGES_2M;
	return guest->ram_count && guest->ram[0].thp ? PAGES_THP : PAGES_4K;
}

/* Small pages are small pages: whether some are transparent huge ones is the kernel's affair. */
static int fill_pages(struct profile_vm *vm, const struct guest *guest, struct error *err)
{
	enum page_choice has = pages_of(guest);

	if (!vm->at_pages.line)
		vm->pages = has;
	if (page_choice_bytes(vm->pages) == page_choice_bytes(has))
		return 0;
	return profile_fault(&vm->at_pages, &vm->at, err, "%s runs (PID %d) with %s pages, the profile says "
		"%s; that cannot be changed from outside, leave pages out", vm->name, (int)guest->pid,
		page_choice_name(has), page_choice_name(vm->pages));
}

static int fill_memory(struct profile_vm *vm, const struct guest *guest, struct error *err)
{
	uint64_t step = page_choice_step(vm->pages);
	uint64_t has = guest->configured == GUEST_UNKNOWN ? 0 : guest->configured / step * step;

	if (has < step)
		has = step;
	if (!vm->at_memory.line)
		vm->memory = has;
	if (vm->memory == has || guest->configured == GUEST_UNKNOWN)
		return 0;
	return profile_fault(&vm->at_memory, &vm->at, err, "%s runs (PID %d) with %lluM, the profile says "
		"%lluM; correct it, or leave memory out", vm->name, (int)guest->pid,
		(unsigned long long)(has / MIB), (unsigned long long)(vm->memory / MIB));
}

static int fill_vcpus(struct profile_vm *vm, const struct guest *guest, struct error *err)
{
	unsigned int has = guest->vcpu_count ? guest->vcpu_count : 1;

	if (has > PROFILE_VCPUS_MAX)
		return profile_fault(&vm->at_attach, &vm->at, err, "%s has %u vCPUs; at most %d can be placed",
			vm->name, has, PROFILE_VCPUS_MAX);
	if (!vm->at_vcpus.line)
		vm->vcpus = has;
	if (vm->vcpus == has)
		return 0;
	return profile_fault(&vm->at_vcpus, &vm->at, err, "%s runs (PID %d) with %u vCPU%s, the profile says "
		"%u; correct it, or leave vcpus out", vm->name, (int)guest->pid, has,
		has == 1 ? "" : "s", vm->vcpus);
}

/*
 * A vCPU's thread that has never run and has no name looks like any other: it would be pinned with the
 * emulator. Where the profile asks for it that is refused, with attach_all such a guest is left alone.
 */
static int check_threads(struct profile_vm *vm, const struct guest *guest, struct error *err)
{
	unsigned int known = 0;

	for (unsigned int i = 0; i < guest->thread_count; i++)
		known += guest->threads[i].kind == THREAD_VCPU;
	if (known >= guest->vcpu_count || vm->placement == PLACE_KEEP)
		return 0;
	if (!vm->at_attach.line) {
		vm->placement = PLACE_KEEP;
		return 0;
	}
	return profile_fault(&vm->at_attach, &vm->at, err, "only %u of the %u vCPU threads of %s (PID %d) can be "
		"told from its others: it has not run yet, and no QMP socket answers; let it run, or write "
		"placement = keep", known, guest->vcpu_count, vm->name, (int)guest->pid);
}

/* Whether this is the machine the snapshot was taken from, moments ago: one out of a file has no handles. */
static void ask(struct guest *guest, const struct machine *machine, const char *libvirt_uri)
{
	const struct root here = { "" };
	struct idset allowed;

	guest_ask_threads(guest, QMP_MS);
	guest_ask_nodes(guest, QMP_MS);
	guest_ask_libvirt(guest, libvirt_uri);
	if (guest->handles && plan_fenced(guest, machine, &allowed))
		guest_read_policies(&here, guest);
}

/* Where the profile leaves the place to us, a guest that is kept on one node is not moved off it. */
static void fill_place(struct profile_vm *vm, const struct guest *guest, const struct machine *machine)
{
	struct idset allowed;

	if (vm->placement != PLACE_AUTO || !plan_fenced(guest, machine, &allowed) || idset_count(&allowed) != 1)
		return;
	vm->placement = PLACE_NODES;
	vm->nodes = allowed;
}

static int fill(struct profile_vm *vm, struct snapshot *snapshot, const char *libvirt_uri, struct error *err)
{
	struct guest *guest = guest_by_pid(&snapshot->guests, vm->guest_pid);
	int rc = 0;

	if (!guest)
		return 0;
	if (!guest->node_bytes) { /* import plans more than once for a snapshot; a guest is asked once */
		ask(guest, snapshot->machine, libvirt_uri);
		rc = guest_locate(guest, snapshot->machine, 0);
	}
	if (rc == -ESRCH)
		return profile_fault(&vm->at_attach, &vm->at, err, "guest %s (PID %d) has just ended",
			guest->name, (int)guest->pid);
	fill_place(vm, guest, snapshot->machine);
	rc = check_threads(vm, guest, err);
	if (rc == 0)
		rc = fill_pages(vm, guest, err);
	if (rc == 0)
		rc = fill_memory(vm, guest, err);
	if (rc == 0)
		rc = fill_vcpus(vm, guest, err);
	return rc < 0 ? rc : profile_check_size(vm, err);
}

/* Two sections for one guest would pull at it from two sides. */
static int check_twice(const struct profile *profile, const struct profile_vm *vm, struct error *err)
{
	for (const struct profile_vm *other = profile->vms; other < vm; other++)
		if (vm->guest_pid && other->guest_pid == vm->guest_pid)
			return profile_fault(&vm->at_attach, &vm->at, err, "%s and %s (line %d) are attached to "
				"the same guest, PID %d; keep one", vm->name, other->name, other->at.line,
				(int)vm->guest_pid);
	return 0;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Has @guest a section: attached, or by name as one that vmtune starts? */
static bool has_section(const struct profile *profile, const struct guest *guest)
{
	for (unsigned int i = 0; i < profile->vm_count; i++) {
		const struct profile_vm *vm = &profile->vms[i];

		if (vm->attach ? vm->guest_pid == guest->pid : !strcmp(vm->name, guest->name))
			return true;
	}
	return false;
}

static void add_section(struct profile *profile, const struct guest *guest)
{
	struct profile_vm vm = { .name = profile_fit_name(profile, guest->name), .at = profile->at_attach_all };

	profile_defaults(profile_vm_keys, &vm);
	vm.attach = xasprintf("pid:%d", (int)guest->pid);
	profile->vms = xreallocarray(profile->vms, profile->vm_count + 1, sizeof(vm));
	profile->vms[profile->vm_count++] = vm;
}

int attach_guests(struct profile *profile, struct snapshot *snapshot, enum attach_missing missing,
	struct error *err)
{
	unsigned int written = profile->vm_count;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < written; i++)
		if (profile->vms[i].attach)
			rc = find(&profile->vms[i], snapshot, missing, err);
	for (unsigned int i = 0; rc == 0 && profile->attach_all && i < snapshot->guests.count; i++) {
		if (has_section(profile, &snapshot->guests.guests[i]))
			continue;
		add_section(profile, &snapshot->guests.guests[i]);
		rc = find(&profile->vms[profile->vm_count - 1], snapshot, missing, err);
	}
	for (unsigned int i = 0; rc == 0 && i < profile->vm_count; i++) {
		if (!profile->vms[i].attach)
			continue;
		rc = check_twice(profile, &profile->vms[i], err);
		if (rc == 0)
			rc = fill(&profile->vms[i], snapshot, profile->libvirt_uri, err);
	}
	return rc;
}
