/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests of libvirt are changed through libvirt: threads by its pins, weights and limits by its parameters.
 * It keeps a group for each vCPU and IOThread and one for the emulator; what is changed there behind its
 * back it does not show, and sets again when something is plugged in.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/cgroup.h"
#include "tuner/plan/internal.h"

#define LIST_TEXT 4096
#define WORD_TEXT 32

const struct guest_domain *plan_domain(const struct guest *guest)
{
	return guest->domain && guest->domain->uri ? guest->domain : NULL;
}

void plan_libvirt_value(struct action_list *list, const char *vm, const struct guest *guest, const char *word,
	const char *before, const char *after, char *reason)
{
	action_add(list, ACTION_LIBVIRT, CLASS_REVERSIBLE,
		xasprintf("%d:%" PRIu64 " %s", (int)guest->pid, guest->start, word),
		xasprintf("%s %s", guest->domain->uri, guest->domain->uuid), xstrdup(before), xstrdup(after),
		reason, vm);
}

/* ---- threads -------------------------------------------------------------------------------- */

/*
 * The property that holds a thread's CPUs; "" when libvirt has none for it. QEMU names the thread of
 * libvirt's IOThread 1 "IO iothread1". A vhost thread that is a process of its own is nobody's.
 */
static void word_of(const struct guest_thread *thread, char word[WORD_TEXT])
{
	unsigned int id;

	*word = '\0';
	if (thread->process)
		return;
	if (thread->kind == THREAD_VCPU)
		snprintf(word, WORD_TEXT, "vcpupin %d", thread->vcpu);
	else if (sscanf(thread->comm, "IO iothread%u", &id) == 1)
		snprintf(word, WORD_TEXT, "iothreadpin %u", id);
	else
		snprintf(word, WORD_TEXT, "emulatorpin");
}

/*
 * The emulator's pin sets the main thread's CPUs, and by the group that libvirt made those of the others
 * in it. Without that group (libvirt of a user) the others are on their own.
 */
static bool reaches(const struct guest *guest, const struct guest_thread *thread)
{
	static const char group[] = "/emulator";
	size_t length = guest->cgroup ? strlen(guest->cgroup) : 0;

	return thread->tid == guest->pid || (length >= sizeof(group) - 1 &&
		!strcmp(guest->cgroup + length - (sizeof(group) - 1), group));
}

bool plan_libvirt_pin(struct action_list *list, const char *vm, const struct guest *guest,
	const struct guest_thread *thread, const struct idset *wanted)
{
	const struct guest_domain *domain = plan_domain(guest);
	char word[WORD_TEXT], after[LIST_TEXT];
	const char *before;
	struct idset now;
	bool emulator;

	word_of(thread, word);
	before = domain ? libvirt_value_of(&domain->values, word) : NULL;
	emulator = !strcmp(word, "emulatorpin");
	if (!before || (emulator && !reaches(guest, thread)))
		return false;
	if (emulator && thread->tid != guest->pid)
		return true;
	if (idset_parse(before, &now, NULL) < 0 || !idset_equal(&now, wanted))
		plan_libvirt_value(list, vm, guest, word, before, idset_format(wanted, after, sizeof(after)),
			xasprintf("%s: through libvirt, whose guest it is", vm));
	return true;
}

void plan_libvirt_note(struct plan_notes *notes, const struct profile_vm *vm, const struct guest *guest)
{
	if (!guest->domain || !guest->domain->why)
		return;
	plan_note_add(notes, NOTE_CONFLICT,
		xasprintf("%s (PID %d) is libvirt's, but is pinned past it: %s", vm->name, (int)guest->pid,
			guest->domain->why),
		xstrdup("start libvirtd or virtqemud, or name the right one by libvirt_uri; otherwise libvirt goes "
			"on showing other pins, and sets them when something is plugged in"),
		xasprintf("%s:%d", vm->at.file, vm->at.line));
}

/* ---- weights and limits --------------------------------------------------------------------- */

static uint64_t quota(const struct profile_vm *vm, const struct snapshot *snapshot,
	const struct guest_domain *domain)
{
	const char *period = libvirt_value_of(&domain->values, "global_period");

	(void)snapshot;
	return vm->cpu_quota * (period ? strtoull(period, NULL, 10) : 100000) / 100;
}

static uint64_t shares(const struct profile_vm *vm, const struct snapshot *snapshot,
	const struct guest_domain *domain)
{
	(void)domain;
	return cgroup_cpu_shares(vm, snapshot->cgroup);
}

static uint64_t soft_limit(const struct profile_vm *vm, const struct snapshot *snapshot,
	const struct guest_domain *domain)
{
	(void)snapshot;
	(void)domain;
	return vm->memory_high / KIB;
}

static uint64_t hard_limit(const struct profile_vm *vm, const struct snapshot *snapshot,
	const struct guest_domain *domain)
{
	(void)snapshot;
	(void)domain;
	return vm->memory_max / KIB;
}

static const struct {
	const char *key, *word;
	uint64_t (*value)(const struct profile_vm *vm, const struct snapshot *snapshot,
		const struct guest_domain *domain); /* 0: the profile leaves it alone */
} limits[] = {
	{ "cpu_weight", "cpu_shares", shares },
	{ "cpu_quota", "global_quota", quota },
	{ "memory_high", "soft_limit", soft_limit },
	{ "memory_max", "hard_limit", hard_limit },
};

int plan_libvirt_limits(struct action_list *list, const struct profile_vm *vm, const struct snapshot *snapshot,
	const struct guest *guest, struct error *err)
{
	const struct guest_domain *domain = plan_domain(guest);

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t value = limits[i].value(vm, snapshot, domain);
		const char *before = libvirt_value_of(&domain->values, limits[i].word);
		char after[32];

		snprintf(after, sizeof(after), "%" PRIu64, value);
		if (!value || (before && !strcmp(before, after)))
			continue;
		if (!before)
			return profile_fault(&vm->at_attach, &vm->at, err, "libvirt offers no %s for %s (PID %d): its "
				"group lacks the controller; leave %s out", limits[i].word, vm->name,
				(int)guest->pid, limits[i].key);
		plan_libvirt_value(list, vm->name, guest, limits[i].word, before, after,
			xasprintf("%s: %s, through libvirt", vm->name, limits[i].key));
	}
	return 0;
}
