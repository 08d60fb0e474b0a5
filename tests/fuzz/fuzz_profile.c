/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a profile: read or refused with a line, never more than that. What is read keeps the
 * promises of tuner/profile/profile.h on which the planner relies.
 *
 * sources: tuner/profile/profile.c tuner/profile/check.c tuner/profile/schema.c host/knob.c host/knob_table.c
 * sources: host/root.c lib/error.c lib/idset.c lib/size.c lib/xalloc.c
 * libraries: -lconfuse
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "tuner/profile/profile.h"

#define PROMISE(holds) do { if (!(holds)) { fprintf(stderr, "broken: %s\n", #holds); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_vm(const struct profile_vm *vm)
{
	PROMISE(*vm->name && strlen(vm->name) <= PROFILE_NAME_MAX && !strchr(vm->name, '/'));
	PROMISE(vm->at.line > 0);
	PROMISE(vm->vcpus >= 1 && vm->vcpus <= PROFILE_VCPUS_MAX);
	PROMISE(vm->memory && vm->memory % (2 * MIB) == 0);
	if (vm->attach) { /* what depends on the guest is checked once it is found */
		PROMISE(!vm->kernel && strchr(vm->attach, ':'));
		return;
	}
	PROMISE(vm->kernel && vm->kernel[0] == '/');
	PROMISE(vm->placement != PLACE_KEEP);
	PROMISE(vm->guest_nodes <= PROFILE_NODES_MAX);
	if (vm->placement == PLACE_PINS) {
		PROMISE(vm->pin_count == vm->vcpus);
		for (unsigned int i = 0; i < vm->vcpus; i++)
			PROMISE(!idset_empty(&vm->pins[i]));
	}
	if (vm->placement == PLACE_NODES) {
		PROMISE(!idset_empty(&vm->nodes));
		PROMISE(idset_count(&vm->nodes) <= vm->vcpus);
	}
	PROMISE(vm->pages == PAGES_4K || vm->pages == PAGES_THP || !vm->ksm);
	PROMISE(vm->balloon_target <= vm->memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { { 0 } };
	struct profile *profile = profile_parse((const char *)data, size, "x.conf", &err);

	if (!profile) {
		PROMISE(!strncmp(err.text, "x.conf:", 7) && atoi(err.text + 7) > 0);
		return 0;
	}
	for (unsigned int i = 0; i < profile->vm_count; i++)
		check_vm(&profile->vms[i]);
	for (unsigned int i = 0; i < profile->pool_count; i++)
		PROMISE(profile->pools[i].count != UINT64_MAX && profile->pools[i].page_size);
	for (unsigned int i = 0; i < profile->setting_count; i++)
		PROMISE(profile->settings[i].knob);
	profile_free(profile);
	return 0;
}
