// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune pin: vCPU threads of a running guest on CPUs, journaled like every other change. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/guest.h"
#include "lib/idset.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/command.h"
#include "tuner/plan/internal.h"

#define NOT_VCPU (-1) /* "io=": every thread that is not a vCPU */

static bool serves(const struct guest_thread *thread, int vcpu)
{
	return vcpu == NOT_VCPU ? thread->kind != THREAD_VCPU && !guest_thread_is_kernels(thread)
				: thread->kind == THREAD_VCPU && thread->vcpu == vcpu;
}

static void add_thread(struct action_list *list, const struct guest *guest,
	const struct guest_thread *thread, const struct idset *cpus)
{
	char text[4096];

	if (plan_libvirt_pin(list, guest->name, guest, thread, cpus))
		return;
	action_add(list, ACTION_AFFINITY, CLASS_REVERSIBLE,
		xasprintf("%d:%" PRIu64 "/%d:%" PRIu64, (int)guest->pid, guest->start,
			(int)thread->tid, thread->start),
		xstrdup(thread->comm), NULL, xstrdup(idset_format(cpus, text, sizeof(text))),
		xasprintf("%s: vmtune pin", guest->name), guest->name);
}

/* "VCPU=CPUS" or "io=CPUS". */
static int parse_pin(const char *text, int *vcpu, struct idset *cpus, struct error *err)
{
	const char *equals = strchr(text, '=');
	char *end;
	long number;

	if (!equals) {
		error_set(err, EINVAL, "'%s' is not VCPU=CPUS (as in 0=2 or 1=4-7)", text);
		return -EINVAL;
	}
	if (idset_parse(equals + 1, cpus, err) < 0 || idset_empty(cpus)) {
		error_set(err, EINVAL, "'%s': no list of CPUs after '='", text);
		return -EINVAL;
	}
	*vcpu = NOT_VCPU;
	if (equals - text == 2 && !strncmp(text, "io", 2))
		return 0;
	number = strtol(text, &end, 10);
	if (end != equals || number < 0 || number > IDSET_MAX) {
		error_set(err, EINVAL, "'%s': neither a vCPU number nor 'io' before '='", text);
		return -EINVAL;
	}
	*vcpu = (int)number;
	return 0;
}

static int add_pin(struct action_list *list, const struct guest *guest, const struct idset *online,
	const char *text, struct error *err)
{
	bool found = false;
	struct idset cpus;
	int vcpu, status = parse_pin(text, &vcpu, &cpus, err);

	if (status)
		return status;
	if (!idset_within(&cpus, online))
		return error_set(err, EINVAL, "'%s': not all of these CPUs are online", text);
	for (unsigned int i = 0; i < guest->thread_count; i++) {
		if (!serves(&guest->threads[i], vcpu))
			continue;
		found = true;
		add_thread(list, guest, &guest->threads[i], &cpus);
	}
	if (!found)
		return error_set(err, ENOENT, "guest %s has no vCPU %d; it has %u", guest->name, vcpu,
			guest->vcpu_count);
	return 0;
}

static void ask_libvirt(struct guest *guest)
{
	guest_ask_libvirt(guest, LIBVIRT_URI);
	if (guest->domain && guest->domain->why)
		warn("%s is libvirt's, but is pinned past it: %s", guest->name, guest->domain->why);
}

static int make_list(const struct root *root, int count, char **words, struct action_list *list,
	struct error *err)
{
	struct guest_list guests;
	struct guest *guest;
	struct idset online = {0};
	int status = root_read_idset(root, &online, "/sys/devices/system/cpu/online");

	if (status < 0)
		return error_errno(err, -status, "reading which CPUs are online");
	guests_read(root, &guests);
	guest = (struct guest *)(uintptr_t)guest_find(&guests, words[0]); /* one of our own list */
	if (guest)
		ask_libvirt(guest);
	else
		status = error_set(err, ENOENT, "no guest '%s' runs here; vmtune status lists them",
			words[0]);
	for (int i = 1; guest && i < count && status >= 0; i++)
		status = add_pin(list, guest, &online, words[i], err);
	guests_release(&guests);
	return status;
}

int pin_command(int argc, char **argv)
{
	struct command_common common = {0};
	struct action_list list = {0};
	struct error err;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	if (make_list(&common.root, argc - operands, argv + operands, &list, &err) < 0) {
		action_list_release(&list);
		return command_failed(argv[0], &err);
	}
	return apply_actions(&common.root, argv[0], &list, common.json);
}
