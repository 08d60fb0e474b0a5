// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A resource property of the scope that a guest is in. The guest is the target, so that the scope of a later
 * guest of the same name is never mistaken for it; detail is "UNIT PROPERTY", values are decimal or "infinity"
 * (not set).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"
#include "tuner/unit.h"

#define UNSET "infinity"

struct property {
	char unit[256], name[64];
};

static bool parse(const struct action *action, struct property *property)
{
	return action->detail && sscanf(action->detail, "%255s %63s", property->unit, property->name) == 2;
}

static bool guest_runs(const struct action_context *context, const struct action *action, struct error *err)
{
	struct guest_ref ref;

	return root_is_live(&context->root) && guest_resolve(context, action->target, &ref, err) >= 0;
}

static char *read_value(const struct action_context *context, const struct action *action)
{
	struct property property;
	uint64_t value;

	if (!parse(action, &property) || !guest_runs(context, action, NULL)) {
		errno = ESRCH;
		return NULL;
	}
	if (unit_get_number(property.unit, property.name, &value, NULL) < 0) {
		errno = EIO;
		return NULL;
	}
	return value == UINT64_MAX ? xstrdup(UNSET) : xasprintf("%" PRIu64, value);
}

static int set(const struct action_context *context, const struct action *action, const char *text,
	struct error *err)
{
	struct property property;

	if (!parse(action, &property))
		return error_set(err, EINVAL, "'%s' is no property of a unit", action->detail ? action->detail : "");
	if (!guest_runs(context, action, err))
		return -ESRCH;
	return unit_set_number(property.unit, property.name,
		!strcmp(text, UNSET) ? UINT64_MAX : strtoull(text, NULL, 10), err);
}

const struct action_verbs action_unit_property = {
	.name = "unit-property",
	.verb = "set property of",
	.read = read_value,
	.set = set,
	.resolve = guest_resolve_target,
	.many = true,
};
