// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much memory a guest keeps, through its balloon. The guest gives and takes back at its own pace;
 * the change counts as made when the guest says so, and as failed when it makes no progress.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"
#include "tuner/interrupt.h"

#define QMP_MS    5000
#define STEP_MS   100
#define STILL_MS  30000 /* without progress for so long: a guest that boots reaches its driver before */

static bool query(struct qmp *qmp, uint64_t *actual, struct error *err)
{
	json_t *answer = qmp_call(qmp, "query-balloon", NULL, err);

	if (!answer)
		return false;
	*actual = (uint64_t)json_integer_value(json_object_get(answer, "actual"));
	json_decref(answer);
	return true;
}

static struct qmp *connect_guest(const struct action_context *context, const struct action *action,
	struct error *err)
{
	struct guest_ref ref;

	if (guest_resolve(context, action->target, &ref, err) < 0)
		return NULL;
	return guest_connect(&ref, action->detail, QMP_MS, err);
}

static char *read_actual(const struct action_context *context, const struct action *action)
{
	struct qmp *qmp = connect_guest(context, action, NULL);
	uint64_t actual;
	bool known;

	errno = ESRCH;
	if (!qmp)
		return NULL;
	known = query(qmp, &actual, NULL);
	qmp_close(qmp);
	errno = ENODEV; /* no balloon in this guest */
	return known ? xasprintf("%" PRIu64, actual) : NULL;
}

static int resolve(const struct action_context *context, struct action *action, struct error *err)
{
	int status = guest_resolve_target(context, action, err);
	struct qmp *qmp = status < 0 ? NULL : connect_guest(context, action, err);
	uint64_t actual;

	if (!qmp)
		return status < 0 ? status : -ENOTSUP;
	if (!query(qmp, &actual, NULL))
		status = error_set(err, ENODEV, "guest %s has no balloon", strchr(action->target, ' ') + 1);
	qmp_close(qmp);
	return status;
}

static int wait_for(struct qmp *qmp, uint64_t target, struct error *err)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	char have[SIZE_TEXT_MAX], want[SIZE_TEXT_MAX];
	uint64_t actual = 0, last = UINT64_MAX;

	for (int still = 0; still < STILL_MS; still += STEP_MS) {
		if (!query(qmp, &actual, err))
			return -EIO;
		if (actual == target)
			return 0;
		if (interrupted())
			return error_set(err, EINTR, "interrupted");
		if (actual != last)
			still = 0;
		last = actual;
		nanosleep(&step, NULL);
	}
	return error_set(err, ETIMEDOUT, "its balloon stays at %s, %s were asked for (is a driver there?)",
		size_format(have, actual), size_format(want, target));
}

static int set(const struct action_context *context, const struct action *action, const char *value,
	struct error *err)
{
	uint64_t bytes = strtoull(value, NULL, 10);
	struct qmp *qmp = connect_guest(context, action, err);
	json_t *answer;
	int status = 0;

	if (!qmp)
		return -ESRCH;
	answer = qmp_call(qmp, "balloon", json_pack("{s:I}", "value", (json_int_t)bytes), err);
	if (!answer)
		status = -EIO;
	else
		status = wait_for(qmp, bytes, err);
	json_decref(answer);
	qmp_close(qmp);
	if (status < 0)
		error_prefix(err, "guest %s", action->target);
	return status;
}

const struct action_verbs action_balloon = {
	.name = "balloon",
	.verb = "balloon of guest",
	.read = read_actual,
	.set = set,
	.resolve = resolve,
};
