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

#define MANAGER   "org.freedesktop.systemd1"
#define OBJECT    "/org/freedesktop/systemd1"
#define INTERFACE MANAGER ".Manager"
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

/* ---- the bus -------------------------------------------------------------------------------- */

static int failed(int status, const sd_bus_error *bus_error, const char *what, struct error *err)
{
	const char *text = bus_error && bus_error->message ? bus_error->message : strerror(-status);

	return error_set(err, status < 0 ? -status : EIO, "systemd: %s: %s", what, text);
}

static int connect_bus(sd_bus **bus, struct error *err)
{
	int status = sd_bus_open_system(bus);

	return status < 0 ? failed(status, NULL, "connecting to the system bus", err) : 0;
}

int scope_get(const char *unit, const char *property, uint64_t *value, struct error *err)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	char *path = NULL;
	int status = connect_bus(&bus, err);

	if (status < 0)
		return status;
	status = sd_bus_path_encode(OBJECT "/unit", unit, &path);
	if (status >= 0)
		status = sd_bus_get_property_trivial(bus, MANAGER, path, MANAGER ".Scope", property, &bus_error, 't',
			value);
	if (status < 0)
		status = failed(status, &bus_error, property, err);
	free(path);
	sd_bus_error_free(&bus_error);
	sd_bus_flush_close_unref(bus);
	return status < 0 ? status : 0;
}

static int set_property(const char *unit, const char *property, uint64_t value, struct error *err)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int status = connect_bus(&bus, err);

	if (status < 0)
		return status;
	status = sd_bus_call_method(bus, MANAGER, OBJECT, INTERFACE, "SetUnitProperties", &bus_error, NULL, "sba(sv)",
		unit, 1 /* until the next boot */, 1, property, "t", value);
	if (status < 0)
		status = failed(status, &bus_error, property, err);
	sd_bus_error_free(&bus_error);
	sd_bus_flush_close_unref(bus);
	return status < 0 ? status : 0;
}

/* systemd answers before it has written to the control group, but not a second time. */
int scope_set(const char *unit, const char *property, uint64_t value, struct error *err)
{
	uint64_t now = 0;
	int status = set_property(unit, property, value, err);

	if (status >= 0)
		status = scope_get(unit, property, &now, err);
	if (status < 0 || now == value)
		return status;
	return error_set(err, EIO, "%s of %s is %" PRIu64 " after it was set to %" PRIu64, property, unit, now, value);
}

/* ---- CPUs ----------------------------------------------------------------------------------- */

#define CPUS "AllowedCPUs"
#define MASK_BYTES (IDSET_MAX / 8)

/* On the bus a set is bytes, the first CPU in the lowest bit of the first; no more of them than it takes. */
static size_t to_mask(const struct idset *cpus, uint8_t mask[MASK_BYTES])
{
	size_t length = 0;

	memset(mask, 0, MASK_BYTES);
	idset_for_each(cpu, cpus) {
		mask[cpu / 8] |= (uint8_t)(1 << cpu % 8);
		length = (size_t)cpu / 8 + 1;
	}
	return length;
}

static void from_mask(const uint8_t *mask, size_t length, struct idset *cpus)
{
	*cpus = (struct idset){0};
	for (size_t cpu = 0; cpu < length * 8 && cpu < IDSET_MAX; cpu++)
		if (mask[cpu / 8] & (1 << cpu % 8))
			idset_add(cpus, (unsigned int)cpu);
}

static const char *interface_of(const char *unit)
{
	const char *tail = strrchr(unit, '.');

	return tail && !strcmp(tail, SCOPE) ? MANAGER ".Scope" : MANAGER ".Slice";
}

static int ask_cpus(sd_bus *bus, const char *unit, struct idset *cpus, struct error *err)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const void *mask = NULL;
	char *path = NULL;
	size_t length = 0;
	int status = sd_bus_path_encode(OBJECT "/unit", unit, &path);

	if (status >= 0)
		status = sd_bus_get_property(bus, MANAGER, path, interface_of(unit), CPUS, &bus_error, &reply, "ay");
	if (status >= 0)
		status = sd_bus_message_read_array(reply, 'y', &mask, &length);
	if (status >= 0)
		from_mask(mask, length, cpus);
	else
		status = failed(status, &bus_error, unit, err);
	sd_bus_message_unref(reply);
	sd_bus_error_free(&bus_error);
	free(path);
	return status < 0 ? status : 0;
}

int scope_get_cpus(const char *unit, struct idset *cpus, struct error *err)
{
	sd_bus *bus = NULL;
	int status = connect_bus(&bus, err);

	if (status < 0)
		return status;
	status = ask_cpus(bus, unit, cpus, err);
	sd_bus_flush_close_unref(bus);
	return status;
}

static int fill_cpus(sd_bus_message *call, const char *unit, const struct idset *cpus)
{
	uint8_t mask[MASK_BYTES];
	int status = sd_bus_message_append(call, "sb", unit, 1 /* until the next boot */);

	if (status >= 0)
		status = sd_bus_message_open_container(call, 'a', "(sv)");
	if (status >= 0)
		status = sd_bus_message_open_container(call, 'r', "sv");
	if (status >= 0)
		status = sd_bus_message_append(call, "s", CPUS);
	if (status >= 0)
		status = sd_bus_message_open_container(call, 'v', "ay");
	if (status >= 0)
		status = sd_bus_message_append_array(call, 'y', mask, to_mask(cpus, mask));
	for (int i = 0; i < 3 && status >= 0; i++)
		status = sd_bus_message_close_container(call);
	return status;
}

static int tell_cpus(sd_bus *bus, const char *unit, const struct idset *cpus, struct error *err)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	int status = sd_bus_message_new_method_call(bus, &call, MANAGER, OBJECT, INTERFACE, "SetUnitProperties");

	if (status >= 0)
		status = fill_cpus(call, unit, cpus);
	if (status >= 0)
		status = sd_bus_call(bus, call, 0, &bus_error, NULL);
	if (status < 0)
		status = failed(status, &bus_error, unit, err);
	sd_bus_message_unref(call);
	sd_bus_error_free(&bus_error);
	return status < 0 ? status : 0;
}

int scope_set_cpus(const char *unit, const struct idset *cpus, struct error *err)
{
	struct idset now;
	sd_bus *bus = NULL;
	int status = connect_bus(&bus, err);

	if (status < 0)
		return status;
	status = tell_cpus(bus, unit, cpus, err);
	if (status >= 0)
		status = ask_cpus(bus, unit, &now, err);
	sd_bus_flush_close_unref(bus);
	if (status >= 0 && !idset_equal(&now, cpus))
		status = error_set(err, EIO, CPUS " of %s is another one after it was set", unit);
	return status;
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
	int status = sd_bus_call_method(bus, MANAGER, OBJECT, INTERFACE, "StartTransientUnit", &bus_error, reply,
		"ssa(sv)a(sa(sv))", unit, "fail", 5,
		"Description", "s", description,
		"Slice", "s", SCOPE_SLICE,
		"Delegate", "b", 1,
		"CollectMode", "s", "inactive-or-failed",
		"PIDs", "au", 1, (uint32_t)getpid(),
		0);

	if (status < 0)
		status = failed(status, &bus_error, unit, err);
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
			return failed(status, NULL, "waiting for the scope", err);
	}
	return strcmp(job->how, "done") ? error_set(err, EIO, "systemd: the scope was not made: %s", job->how) : 0;
}

static int make_scope(sd_bus *bus, const char *name, struct job *job, struct error *err)
{
	sd_bus_message *reply = NULL;
	int status = sd_bus_match_signal(bus, NULL, MANAGER, OBJECT, INTERFACE, "JobRemoved", on_removed, job);

	/* before the call: the job may have ended when it returns */
	if (status < 0)
		return failed(status, NULL, "listening", err);
	status = call_start(bus, name, &reply, err);
	if (status >= 0 && (status = sd_bus_message_read(reply, "o", &job->path)) < 0)
		failed(status, NULL, "its answer", err);
	if (status >= 0)
		status = wait_job(bus, job, err);
	sd_bus_message_unref(reply);
	return status;
}

int scope_enter(const char *name, struct error *err)
{
	struct job job = {0};
	sd_bus *bus = NULL;
	int status = connect_bus(&bus, err);

	if (status < 0)
		return status;
	status = make_scope(bus, name, &job, err);
	free(job.ended);
	free(job.how);
	sd_bus_flush_close_unref(bus);
	return status < 0 ? status : 0;
}
