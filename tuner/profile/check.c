/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a profile makes sense as a whole: rules between the keys of a VM, between VMs and between
 * pools. One function a rule; the tables at the end run them. What depends on the host (is there
 * such a node, is there room) is the planner's business.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/profile/internal.h"

int profile_fault(const struct profile_at *at, const struct profile_at *otherwise, struct error *err,
	const char *fmt, ...)
{
	const struct profile_at *place = at->line ? at : otherwise;
	struct error text;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text.text, sizeof(text.text), fmt, args);
	va_end(args);
	return error_set(err, EINVAL, "%s:%d: %s", place->file, place->line, text.text);
}

static int check_kernel(struct profile_vm *vm, struct error *err)
{
	if (vm->kernel || vm->attach)
		return 0;
	return profile_fault(&vm->at, &vm->at, err, "%s has no kernel; add kernel = FILE, or attach = "
		"\"name:%s\" for a guest that runs", vm->name, vm->name);
}

/* What is decided when a guest starts cannot be asked of one that runs. */
static int check_attach(struct profile_vm *vm, struct error *err)
{
	const struct {
		bool given;
		const char *key;
		const struct profile_at *at;
	} rows[] = {
		{ vm->kernel, "kernel", &vm->at_kernel },
		{ vm->initrd, "initrd", &vm->at_initrd },
		{ vm->append, "append", &vm->at_attach },
		{ vm->disk_count, "disks", vm->disk_count ? &vm->disks[0].at : &vm->at_attach },
		{ vm->net_count, "nets", &vm->at_attach },
		{ vm->guest_nodes, "guest_nodes", &vm->at_guest_nodes },
	};

	if (!vm->attach && vm->placement == PLACE_KEEP)
		return profile_fault(&vm->at_placement, &vm->at, err,
			"placement = keep is for attached guests; write auto, nodes or pins");
	for (size_t i = 0; vm->attach && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].given)
			return profile_fault(rows[i].at, &vm->at, err, "%s is attached to a guest that runs; "
				"%s cannot be given to it, leave it out", vm->name, rows[i].key);
	if (vm->placement == PLACE_KEEP && vm->dedicated)
		return profile_fault(&vm->at_dedicated, &vm->at, err, "%s is left where it is by placement = "
			"keep; drop that, or dedicated", vm->name);
	return 0;
}

/* Without the key, the placement follows from what is given. */
static int check_placement(struct profile_vm *vm, struct error *err)
{
	bool nodes = vm->at_nodes.line, pins = vm->at_pins.line;
	enum placement_mode implied = pins ? PLACE_PINS : nodes ? PLACE_NODES : PLACE_AUTO;

	if (nodes && pins)
		return profile_fault(&vm->at_pins, &vm->at, err,
			"%s has both nodes and pins; keep one, the memory follows the pins", vm->name);
	if (!vm->at_placement.line)
		vm->placement = implied;
	if (vm->placement == implied || (vm->placement == PLACE_KEEP && implied == PLACE_AUTO))
		return 0;
	if (implied == PLACE_AUTO)
		return profile_fault(&vm->at_placement, &vm->at, err, vm->placement == PLACE_NODES
			? "placement = nodes without nodes; add nodes = \"0\" or such"
			: "placement = pins without pins; add pins = \"2,3\" or such");
	return profile_fault(&vm->at_placement, &vm->at, err,
		"placement contradicts %s; drop one of the two", pins ? "pins" : "nodes");
}

static int check_overcommit(struct profile_vm *vm, struct error *err)
{
	if (vm->dedicated && vm->overcommit > 0)
		return profile_fault(&vm->at_overcommit, &vm->at, err, "overcommit is for VMs that share CPUs; with "
			"dedicated = true leave it out");
	return 0;
}

static int check_pins(struct profile_vm *vm, struct error *err)
{
	struct idset used = {0};

	if (vm->placement != PLACE_PINS)
		return 0;
	if (vm->pin_count != vm->vcpus)
		return profile_fault(&vm->at_pins, &vm->at, err, "pins has a place for %u vCPUs, %s has %u; "
			"give each vCPU one", vm->pin_count, vm->name, vm->vcpus);
	for (unsigned int i = 0; i < vm->pin_count; i++) {
		struct idset both = vm->pins[i];

		if (idset_empty(&vm->pins[i]))
			return profile_fault(&vm->at_pins, &vm->at, err, "vCPU %u has no pin; give each of "
				"the %u vCPUs one", i, vm->vcpus);
		idset_intersect(&both, &used);
		if (vm->dedicated && !idset_empty(&both))
			return profile_fault(&vm->at_pins, &vm->at, err, "host CPU %d is pinned twice; with "
				"dedicated = true each vCPU needs its own", idset_next(&both, -1));
		idset_union(&used, &vm->pins[i]);
	}
	return 0;
}

static int check_guest_nodes(struct profile_vm *vm, struct error *err)
{
	uint64_t step = vm->pages == PAGES_1G ? GIB : 2 * MIB;
	unsigned int host = vm->placement == PLACE_NODES ? idset_count(&vm->nodes) : 1;
	char text[SIZE_TEXT_MAX];

	if (vm->guest_nodes && vm->guest_nodes < host)
		return profile_fault(&vm->at_guest_nodes, &vm->at, err, "%u guest nodes cannot lie on %u host "
			"nodes; leave guest_nodes out, or name at most %u host nodes", vm->guest_nodes, host,
			vm->guest_nodes);
	if (vm->guest_nodes > host)
		host = vm->guest_nodes;
	if (host > PROFILE_NODES_MAX)
		return profile_fault(&vm->at_nodes, &vm->at, err, "%s lies on %u nodes; a guest can have %d",
			vm->name, host, PROFILE_NODES_MAX);
	if (host > vm->vcpus)
		return profile_fault(&vm->at_guest_nodes, &vm->at_nodes, err, "%u guest nodes need at least as "
			"many vCPUs; %s has %u", host, vm->name, vm->vcpus);
	if (vm->memory / step < host)
		return profile_fault(&vm->at_memory, &vm->at, err, "%s of memory is too little for %u guest "
			"nodes; write at least %" PRIu64 "M", size_format(text, vm->memory), host,
			host * step / MIB);
	return 0;
}

static int check_pages(struct profile_vm *vm, struct error *err)
{
	bool pool = vm->pages == PAGES_2M || vm->pages == PAGES_1G;
	const char *name = page_choice_name(vm->pages);

	if (vm->pages == PAGES_1G && vm->memory % GIB)
		return profile_fault(&vm->at_memory, &vm->at, err, "memory must be a multiple of 1G with "
			"pages = 1G; write %" PRIu64 "G", vm->memory / GIB + 1);
	if (pool && vm->ksm)
		return profile_fault(&vm->at_ksm, &vm->at, err, "KSM cannot merge %s pages; write pages = 4K, or "
			"ksm = false", name);
	if (pool && vm->balloon_target)
		return profile_fault(&vm->at_balloon, &vm->at, err, "a balloon of 4K pages gives no %s page "
			"back; write pages = 4K or THP, or leave balloon out", name);
	return 0;
}

static int check_balloon(struct profile_vm *vm, struct error *err)
{
	char target[SIZE_TEXT_MAX], limit[SIZE_TEXT_MAX];

	if (vm->balloon_target > vm->memory)
		return profile_fault(&vm->at_balloon, &vm->at, err, "balloon = %s is more than the memory; write "
			"at most %s", size_format(target, vm->balloon_target),
			size_format(limit, vm->memory));
	if (vm->balloon_floor > vm->memory)
		return profile_fault(&vm->at_floor, &vm->at, err, "balloon_floor = %s is more than the memory; "
			"write at most %s", size_format(target, vm->balloon_floor),
			size_format(limit, vm->memory));
	if (vm->balloon_target && vm->balloon_target < vm->balloon_floor)
		return profile_fault(&vm->at_balloon, &vm->at, err, "balloon = %s is below balloon_floor = %s; "
			"write at least that", size_format(target, vm->balloon_target),
			size_format(limit, vm->balloon_floor));
	return 0;
}

/*
 * Guest memory is populated before the guest starts. A limit below it would make the host reclaim or
 * kill at once. Huge pages from the pool are not charged.
 */
static int check_limits(struct profile_vm *vm, struct error *err)
{
	bool charged = vm->pages == PAGES_4K || vm->pages == PAGES_THP;
	char limit[SIZE_TEXT_MAX], memory[SIZE_TEXT_MAX];

	size_format(memory, vm->memory);
	if (charged && vm->memory_max && vm->memory_max < vm->memory + 64 * MIB)
		return profile_fault(&vm->at_memory_max, &vm->at, err, "memory_max = %s would kill a VM of %s "
			"when it starts; write at least 64M more than the memory",
			size_format(limit, vm->memory_max), memory);
	if (charged && vm->memory_high && vm->memory_high < vm->memory)
		return profile_fault(&vm->at_memory_high, &vm->at, err, "memory_high = %s would make the host "
			"swap a VM of %s; write at least the memory", size_format(limit, vm->memory_high),
			memory);
	if (vm->memory_high && vm->memory_max && vm->memory_high > vm->memory_max)
		return profile_fault(&vm->at_memory_high, &vm->at, err,
			"memory_high is above memory_max; exchange them");
	return 0;
}

static int check_pool(const struct profile *profile, unsigned int index, struct error *err)
{
	const struct profile_pool *pool = &profile->pools[index];
	char size[SIZE_TEXT_MAX];

	size_format(size, pool->page_size);
	if (pool->count == UINT64_MAX)
		return profile_fault(&pool->at, &pool->at, err,
			"hugepages without a number; add count = PAGES or at_least = PAGES");
	for (unsigned int i = 0; i < index; i++) {
		const struct profile_pool *other = &profile->pools[i];
		bool overlap = other->node == pool->node || other->node == PROFILE_ALL_NODES ||
			pool->node == PROFILE_ALL_NODES;

		if (other->page_size == pool->page_size && overlap)
			return profile_fault(&pool->at, &pool->at, err, "a second pool of %s pages for the same "
				"node; line %d has the first, keep one", size, other->at.line);
	}
	return 0;
}

static int check_isolate(const struct profile *profile, struct error *err)
{
	bool dedicated = false;

	for (unsigned int i = 0; i < profile->vm_count; i++)
		dedicated = dedicated || profile->vms[i].dedicated;
	if (!profile->isolate || dedicated)
		return 0;
	return profile_fault(&profile->at_isolate, &profile->at_isolate, err, "isolate = true keeps the host's work "
		"off dedicated CPUs, and no VM has any; add dedicated = true to one, or leave isolate out");
}

typedef int (*rule_fn)(struct profile_vm *, struct error *);

static int run_rules(const rule_fn *rules, struct profile_vm *vm, struct error *err)
{
	int rc = 0;

	for (; rc == 0 && *rules; rules++)
		rc = (*rules)(vm, err);
	return rc;
}

int profile_check_size(struct profile_vm *vm, struct error *err)
{
	static const rule_fn rules[] = {
		check_pins, check_pages, check_guest_nodes, check_balloon, check_limits, NULL,
	};

	return run_rules(rules, vm, err);
}

int profile_check(struct profile *profile, struct error *err)
{
	static const rule_fn rules[] = { check_kernel, check_attach, check_placement, check_overcommit, NULL };
	int rc = check_isolate(profile, err);

	for (unsigned int i = 0; rc == 0 && i < profile->pool_count; i++)
		rc = check_pool(profile, i, err);
	for (unsigned int i = 0; rc == 0 && i < profile->vm_count; i++) {
		struct profile_vm *vm = &profile->vms[i];

		rc = run_rules(rules, vm, err);
		if (rc == 0 && !vm->attach)
			rc = profile_check_size(vm, err);
	}
	return rc;
}

static bool name_taken(const struct profile *profile, const char *name)
{
	for (unsigned int i = 0; profile && i < profile->vm_count; i++)
		if (!strcmp(profile->vms[i].name, name))
			return true;
	return false;
}

char *profile_fit_name(const struct profile *profile, const char *text)
{
	char clean[PROFILE_NAME_MAX + 1], *name;

	snprintf(clean, sizeof(clean), "%s", *text ? text : "guest");
	for (char *at = clean; *at; at++)
		if (!isascii((unsigned char)*at) || (!isalnum((unsigned char)*at) && !strchr("._-", *at)))
			*at = '_';
	if (*clean == '.' || *clean == '-')
		*clean = '_';
	name = xstrdup(clean);
	for (unsigned int number = 2; name_taken(profile, name); number++) {
		char tail[16];
		int length = snprintf(tail, sizeof(tail), "-%u", number);

		free(name);
		name = xasprintf("%.*s%s", PROFILE_NAME_MAX - length, clean, tail);
	}
	return name;
}

static int check_file(const char *path, int mode, const struct profile_at *at, const char *what,
	struct error *err)
{
	int errnum;

	if (!path || access(path, mode) == 0)
		return 0;
	errnum = errno;
	return error_errno(err, errnum, "%s:%d: cannot use the %s %s", at->file, at->line, what, path);
}

int profile_check_files(const struct profile_vm *vm, struct error *err)
{
	int rc = check_file(vm->kernel, R_OK, &vm->at_kernel, "kernel", err);

	if (rc == 0)
		rc = check_file(vm->initrd, R_OK, &vm->at_initrd, "initrd", err);
	for (unsigned int i = 0; rc == 0 && i < vm->disk_count; i++)
		rc = check_file(vm->disks[i].path, vm->disks[i].readonly ? R_OK : R_OK | W_OK,
			&vm->disks[i].at, "disk", err);
	return rc;
}
