// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The CPUs that a unit of systemd's, and all below it, may use: its AllowedCPUs, until the next boot. The empty
 * list is "not set". Written to the control group alone the value would be lost when systemd next touches the unit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/group.h"
#include "lib/xalloc.h"
#include "tuner/actions/keep_pins.h"
#include "tuner/actions/kinds.h"
#include "tuner/unit.h"

#define LIST_TEXT   (IDSET_MAX * 6)
#define SYSTEM_TREE "/sys/fs/cgroup" /* systemd.resource-control(5): nowhere else */

static char *group_file(const char *unit)
{
	return xasprintf(SYSTEM_TREE "/%s/cpuset.cpus", unit);
}

/*
 * What the control group of a unit at the top of the tree has; where someone has written there behind systemd's
 * back, that holds, and what systemd believes does not.
 */
static void look_at_group(const struct action_context *context, const char *unit, struct idset *cpus)
{
	char *file = group_file(unit);
	struct idset found;

	if (host_group_read_cpus(&context->root, file, &found) == 0)
		*cpus = found;
	free(file);
}

static char *read_cpus(const struct action_context *context, const struct action *action)
{
	char text[LIST_TEXT];
	struct idset cpus;

	if (!root_is_live(&context->root)) {
		errno = ENOTSUP;
		return NULL;
	}
	if (unit_get_cpus(action->target, &cpus, NULL) < 0) {
		errno = EAGAIN;
		return NULL;
	}
	look_at_group(context, action->target, &cpus);
	return xstrdup(idset_format(&cpus, text, sizeof(text)));
}

/*
 * systemd 252 leaves the list of a unit that has none any more in its group, as long as another unit keeps the
 * controller there.
 */
static int clear_group(const struct action_context *context, const char *unit, struct error *err)
{
	const struct idset none = { 0 };
	struct idset left;
	char *file = group_file(unit);
	int status = 0;

	if (host_group_read_cpus(&context->root, file, &left) == 0 && !idset_empty(&left))
		status = group_write_cpus(&context->root, file, &none, err);
	free(file);
	return status;
}

static int set(const struct action_context *context, const struct action *action, const char *text, struct error *err)
{
	struct pins *pins;
	struct idset cpus;
	int status = idset_parse(text, &cpus, err);

	if (status < 0)
		return status;
	if (!root_is_live(&context->root))
		return error_set(err, ENOTSUP, "a captured machine has no systemd to be told");
	pins = pins_remember(&context->root, SYSTEM_TREE); /* the controller may come or go, for all units */
	status = unit_set_cpus(action->target, &cpus, err);
	if (status >= 0 && idset_empty(&cpus))
		status = clear_group(context, action->target, err);
	pins_put_back(&context->root, pins);
	return status;
}

const struct action_verbs action_unit_cpus = {
	.name = "unit-cpus",
	.verb = "allow CPUs of",
	.read = read_cpus,
	.set = set,
	.same = action_same_set,
	.others_matter = true,
};
