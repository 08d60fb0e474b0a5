/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that run, as a profile that changes nothing. That is not argued but tried: each section is
 * planned for, and one that would change something says placement = keep instead.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/attach.h"
#include "tuner/import/import.h"
#include "tuner/plan/plan.h"

#define LIST_TEXT 512
#define FILE_NAME "import" /* in messages of plans that are only tried */

/* ---- trying --------------------------------------------------------------------------------- */

/* Plans for @text. Returns the number of changes, or negative with @err; fills @vm (may be NULL). */
static int try_plan(const char *text, struct snapshot *snapshot, const struct action_context *context,
	struct imported *vm, struct error *err)
{
	struct profile *profile = profile_parse(text, strlen(text), FILE_NAME, err);
	struct plan *plan = NULL;
	int changes = -EINVAL;

	if (profile && attach_guests(profile, snapshot, ATTACH_ALL, err) == 0)
		plan = plan_make(profile, snapshot, context, err);
	if (plan) {
		changes = (int)plan->actions.count;
		if (vm) {
			vm->vcpus = plan->vms[0].vm->vcpus;
			vm->memory = plan->vms[0].vm->memory;
			vm->pages = plan->vms[0].vm->pages;
			vm->has_pages = true;
		}
	}
	plan_free(plan);
	profile_free(profile);
	return changes;
}

/* ---- what is there -------------------------------------------------------------------------- */

/* The name outlives the process; where it is not this guest's alone, or unfit, another way is. */
static char *attach_text(const struct guest_list *guests, const struct guest *guest)
{
	char *ways[] = {
		xasprintf("name:%s", guest->name),
		xasprintf("qmp:%s", guest->qmp ? guest->qmp : ""),
		xasprintf("pid:%d", (int)guest->pid),
	};
	const size_t count = sizeof(ways) / sizeof(ways[0]);
	const struct guest *found;
	char *chosen = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!chosen && imported_plain(ways[i]) && strchr(ways[i], ':')[1] && attach_find(guests, ways[i], &found) == 1)
			chosen = ways[i];
		else
			free(ways[i]);
	}
	return chosen ? chosen : xasprintf("pid:%d", (int)guest->pid);
}

/* Whether CPUs say something: fewer than all, and of one node. */
static bool is_a_place(const struct machine *machine, const struct idset *cpus)
{
	if (idset_empty(cpus) || idset_within(&machine->online, cpus))
		return false;
	for (unsigned int i = 0; i < machine->node_count; i++)
		if (idset_within(cpus, &machine->nodes[i].cpus))
			return true;
	return false;
}

static void read_pins(struct imported *vm, const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];

		if (thread->kind == THREAD_VCPU && thread->vcpu >= 0 && thread->vcpu < PROFILE_VCPUS_MAX)
			vm->pins[thread->vcpu] = thread->allowed;
		else if (thread->kind == THREAD_EMULATOR)
			vm->io_cpus = thread->allowed;
	}
}

static void note_state(struct imported *vm, const struct machine *machine, const struct guest *guest)
{
	char list[LIST_TEXT], size[SIZE_TEXT_MAX];

	imported_note(vm, "%s, PID %d, %s", guest->vmm, (int)guest->pid, guest->name);
	for (unsigned int i = 0; i < guest->node_count && i < machine->node_count; i++)
		if (guest->node_bytes[i])
			imported_note(vm, "  %s of its memory on node %u",
				size_format(size, guest->node_bytes[i] & ~(4 * KIB - 1)), machine->nodes[i].os);
	for (unsigned int i = 0; i < vm->vcpus && i < PROFILE_VCPUS_MAX; i++)
		imported_note(vm, "  vCPU %u may use CPUs %s", i,
			idset_format(&vm->pins[i], list, sizeof(list)));
}

static bool all_places(const struct imported *vm, const struct machine *machine)
{
	for (unsigned int i = 0; i < vm->vcpus && i < PROFILE_VCPUS_MAX; i++)
		if (!is_a_place(machine, &vm->pins[i]))
			return false;
	return imported_pinned(vm);
}

/* ---- one guest, all guests ------------------------------------------------------------------ */

static char *import_guest(struct snapshot *snapshot, const struct guest *guest, const char *before,
	const struct action_context *context, struct error *err)
{
	struct profile *named = profile_parse(before, strlen(before), FILE_NAME, err);
	struct imported *vm = imported_new();
	char *text;

	vm->name = profile_fit_name(named, guest->name);
	vm->attach = attach_text(&snapshot->guests, guest);
	profile_free(named);
	vm->keep = true;
	text = imported_text(vm);
	if (try_plan(text, snapshot, context, vm, err) < 0) {
		imported_free(vm);
		free(text);
		return NULL;
	}
	read_pins(vm, guest);
	note_state(vm, snapshot->machine, guest);
	if (all_places(vm, snapshot->machine)) {
		free(text);
		vm->keep = false;
		text = imported_text(vm);
		vm->keep = try_plan(text, snapshot, context, NULL, NULL) != 0;
	}
	if (vm->keep)
		imported_note(vm, "keep: left as it is; nodes = \"0\" or pins = \"0=2,1=3\" instead would move it");
	free(text);
	text = imported_text(vm);
	imported_free(vm);
	return text;
}

static bool wanted(const struct guest *guest, char *const *names, unsigned int count)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)guest->pid);
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(names[i], guest->name) || !strcmp(names[i], pid))
			return true;
	return !count;
}

static int check_names(const struct guest_list *guests, char *const *names, unsigned int count,
	struct error *err)
{
	for (unsigned int i = 0; i < count; i++)
		if (!guest_find(guests, names[i]))
			return error_set(err, ENOENT, "no guest '%s' runs here; vmtune status lists them",
				names[i]);
	return 0;
}

char *import_running(struct snapshot *snapshot, char *const *names, unsigned int count,
	const struct action_context *context, struct error *err)
{
	char *all = xstrdup("");

	if (check_names(&snapshot->guests, names, count, err) < 0)
		goto fail;
	for (unsigned int i = 0; i < snapshot->guests.count; i++) {
		const struct guest *guest = &snapshot->guests.guests[i];
		char *text, *longer;

		if (!wanted(guest, names, count))
			continue;
		text = import_guest(snapshot, guest, all, context, err);
		if (!text)
			goto fail;
		longer = xasprintf("%s%s%s", all, *all ? "\n" : "", text);
		free(text);
		free(all);
		all = longer;
	}
	if (*all)
		return all;
	error_set(err, ENOENT, "no guest runs here; --qemu and --libvirt import from files");
fail:
	free(all);
	return NULL;
}
