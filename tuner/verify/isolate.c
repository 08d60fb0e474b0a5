// SPDX-License-Identifier: GPL-2.0-or-later
/* Verify: whether the host's other work is kept off the CPUs that are dedicated to guests. */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/plan/isolate.h"
#include "tuner/verify/verify.h"

#define LIST_TEXT (IDSET_MAX * 6)

static bool verify_group(struct verify *verify, const struct host_group *group, const struct idset *wanted)
{
	char want[LIST_TEXT], found[LIST_TEXT], *what;

	if (idset_equal(wanted, &group->cpus))
		return true;
	what = xasprintf("CPUs of %s", group->name);
	verify_difference(verify, "host", what, idset_format(wanted, want, sizeof(want)),
		idset_empty(&group->cpus) ? "any" : idset_format(&group->cpus, found, sizeof(found)));
	free(what);
	return false;
}

void verify_isolate(struct verify *verify, const struct placed_vm *placed, unsigned int count)
{
	const struct host_group_list *groups = &verify->snapshot->groups;
	unsigned int good = 0, confined = 0;
	char list[LIST_TEXT];
	struct isolate isolate;

	if (!isolate_begin(&isolate, verify->profile, verify->snapshot, placed, count))
		return;
	for (unsigned int i = 0; i < groups->count; i++) {
		const struct host_group *group = &groups->groups[i];
		struct idset wanted = isolate_wanted(&isolate, group);

		if (!isolate_confines(&isolate, group))
			continue;
		confined++;
		good += verify_group(verify, group, &wanted);
	}
	verify_summary(verify, "host: %u of %u groups of other work off the dedicated CPUs %s", good, confined,
		idset_format(&isolate.dedicated, list, sizeof(list)));
}
