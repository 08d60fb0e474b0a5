// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/scope.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "lib/xalloc.h"
#include "tuner/unit.h"

#define SCOPE     ".scope"
#define SLICE     ".slice"
#define WAIT_US   UINT64_C(20000000) /* for one step of a job; a scope takes some ms */

char *scope_name(const char *guest)
{
	return xasprintf("vmtune-%s.scope", guest);
}

/*
 * The manager's scopes are in slices. One below a service (user@1000.service) is made by who runs that, who may
 * give it the name of any unit of the host's.
 */
bool scope_is(const struct snapshot *snapshot, const char *group)
{
	size_t length = strlen(group), tail = strlen(SCOPE);

	for (const char *at = group, *end; *at && (end = strchr(at + 1, '/')); at = end)
		if (end - at < (ptrdiff_t)strlen(SLICE) || strncmp(end - strlen(SLICE), SLICE, strlen(SLICE)) != 0)
			return false;
	return snapshot->systemd && length > tail && !strcmp(group + length - tail, SCOPE);
}

/* ---- planning ------------------------------------------------------------------------------- */

static uint64_t weight(const struct profile_vm *vm)
{
	return vm->cpu_weight;
}

/* Percent of one CPU, in microseconds a second. */
static uint64_t quota(const struct profile_vm *vm)
{
	return vm->cpu_quota * 10000;
}

static uint64_t memory_high(const struct profile_vm *vm)
{
	return vm->memory_high;
}

static uint64_t memory_max(const struct profile_vm *vm)
{
	return vm->memory_max;
}

/* systemd.resource-control(5), as D-Bus spells them. 0: the profile leaves it alone. */
static const struct {
	const char *property;
	uint64_t (*value)(const struct profile_vm *vm);
} properties[] = {
	{"CPUWeight", weight},
	{"CPUQuotaPerSecUSec", quota},
	{"MemoryHigh", memory_high},
	{"MemoryMax", memory_max},
};

void scope_plan_values(struct action_list *list, const struct profile_vm *vm, const char *unit, const char *target)
{
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		uint64_t value = properties[i].value(vm);

		if (value)
			action_add(list, ACTION_UNIT_PROPERTY, CLASS_REVERSIBLE, xstrdup(target),
				xasprintf("%s %s", unit, properties[i].property), NULL,
				xasprintf("%" PRIu64, value), xasprintf("%s: of its scope", vm->name), vm->name);
	}
}

/* ---- a new scope ---------------------------------------------------------------------------- */

struct job {
	const char *path;   /* of the job that is waited for; NULL: not known yet */
	char *ended, *how;  /* the last one that has ended */
};

static int on_removed(sd_bus_message *message, void *opaque, sd_bus_error *bus_error)
{
	struct job *job = opaque;
	const char *path, *unit, *result;
	uint32_t id;

	(void)bus_error;
	if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (job->path && strcmp(job->path, path) != 0)
		return 0;
	free(job->ended);
	free(job->how);
	job->ended = xstrdup(path);
	job->how = xstrdup(result);
	return 0;
}

static int call_start(sd_bus *bus, const char *name, sd_bus_message **reply, struct error *err)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	char *unit = scope_name(name), *description = xasprintf("virtual machine %s of vmtune", name);
	int status = sd_bus_call_method(bus, UNIT_MANAGER, UNIT_OBJECT, UNIT_INTERFACE, "StartTransientUnit", &bus_error, reply,
		"ssa(sv)a(sa(sv))", unit, "fail", 5,
		"Description", "s", description,
		"Slice", "s", SCOPE_SLICE,
		"Delegate", "b", 1,
		"CollectMode", "s", "inactive-or-failed",
		"PIDs", "au", 1, (uint32_t)getpid(),
		0);

	if (status < 0)
		status = unit_failed(status, &bus_error, unit, err);
	free(unit);
	free(description);
	sd_bus_error_free(&bus_error);
	return status;
}

static int wait_job(sd_bus *bus, struct job *job, struct error *err)
{
	int status = 0;

	while (!(job->ended && !strcmp(job->ended, job->path))) {
		status = sd_bus_process(bus, NULL);
		if (status == 0)
			status = sd_bus_wait(bus, WAIT_US) ?: -ETIMEDOUT;
		if (status < 0)
			return unit_failed(status, NULL, "waiting for the scope", err);
	}
	return strcmp(job->how, "done") ? error_set(err, EIO, "systemd: the scope was not made: %s", job->how) : 0;
}

static int make_scope(sd_bus *bus, const char *name, struct job *job, struct error *err)
{
	sd_bus_message *reply = NULL;
	int status = sd_bus_match_signal(bus, NULL, UNIT_MANAGER, UNIT_OBJECT, UNIT_INTERFACE, "JobRemoved", on_removed, job);

	/* before the call: the job may have ended when it returns */
	if (status < 0)
		return unit_failed(status, NULL, "listening", err);
	status = call_start(bus, name, &reply, err);
	if (status >= 0 && (status = sd_bus_message_read(reply, "o", &job->path)) < 0)
		unit_failed(status, NULL, "its answer", err);
	if (status >= 0)
		status = wait_job(bus, job, err);
	sd_bus_message_unref(reply);
	return status;
}

int scope_enter(const char *name, struct error *err)
{
	struct job job = {0};
	sd_bus *bus = NULL;
	int status = unit_bus(&bus, err);

	if (status < 0)
		return status;
	status = make_scope(bus, name, &job, err);
	free(job.ended);
	free(job.how);
	sd_bus_flush_close_unref(bus);
	return status < 0 ? status : 0;
}
