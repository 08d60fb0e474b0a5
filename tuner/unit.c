// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define ALLOWED_CPUS "AllowedCPUs"
#define MASK_BYTES   (IDSET_MAX / 8)

/* ---- the bus -------------------------------------------------------------------------------- */

int unit_failed(int status, const sd_bus_error *bus_error, const char *what, struct error *err)
{
	const char *text = bus_error && bus_error->message ? bus_error->message : strerror(-status);

	return error_set(err, status < 0 ? -status : EIO, "systemd: %s: %s", what, text);
}

int unit_bus(sd_bus **bus, struct error *err)
{
	int status = sd_bus_open_system(bus);

	return status < 0 ? unit_failed(status, NULL, "connecting to the system bus", err) : 0;
}

/* Properties of control groups belong to the type of unit: "system.slice" has those of ".Slice". The caller frees. */
static char *interface_of(const char *unit)
{
	const char *dot = strrchr(unit, '.');
	char *name = xasprintf(UNIT_MANAGER ".%s", dot ? dot + 1 : unit);
	char *type = name + strlen(UNIT_MANAGER ".");

	if (*type >= 'a' && *type <= 'z')
		*type = (char)(*type - 'a' + 'A');
	return name;
}

/*
 * What @read makes of a property of @unit, or @write of a call that sets it; one of both. Every question has a
 * connection of its own: they are few, and a kept one would have to be watched.
 */
struct request {
	const char *unit, *property;
	int (*read)(sd_bus *bus, const char *path, const char *interface, const struct request *request,
		sd_bus_error *bus_error);
	int (*write)(sd_bus_message *call, const struct request *request);
	uint64_t *number;
	struct idset *cpus;
};

static int ask(sd_bus *bus, const struct request *request, sd_bus_error *bus_error)
{
	char *path = NULL, *interface = interface_of(request->unit);
	int status = sd_bus_path_encode(UNIT_OBJECT "/unit", request->unit, &path);

	if (status >= 0)
		status = request->read(bus, path, interface, request, bus_error);
	free(path);
	free(interface);
	return status;
}

static int tell(sd_bus *bus, const struct request *request, sd_bus_error *bus_error)
{
	sd_bus_message *call = NULL;
	int status = sd_bus_message_new_method_call(bus, &call, UNIT_MANAGER, UNIT_OBJECT, UNIT_INTERFACE,
		"SetUnitProperties");

	if (status >= 0)
		status = sd_bus_message_append(call, "sb", request->unit, 1 /* until the next boot */);
	if (status >= 0)
		status = sd_bus_message_open_container(call, 'a', "(sv)");
	if (status >= 0)
		status = sd_bus_message_open_container(call, 'r', "sv");
	if (status >= 0)
		status = sd_bus_message_append(call, "s", request->property);
	if (status >= 0)
		status = request->write(call, request);
	for (int open = 2; status >= 0 && open > 0; open--)
		status = sd_bus_message_close_container(call);
	if (status >= 0)
		status = sd_bus_call(bus, call, 0, bus_error, NULL);
	sd_bus_message_unref(call);
	return status;
}

static int carry_out(const struct request *request, struct error *err)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	char *what = xasprintf("%s of %s", request->property, request->unit);
	sd_bus *bus = NULL;
	int status = unit_bus(&bus, err);

	if (status >= 0) {
		status = request->read ? ask(bus, request, &bus_error) : tell(bus, request, &bus_error);
		if (status < 0)
			status = unit_failed(status, &bus_error, what, err);
	}
	sd_bus_error_free(&bus_error);
	sd_bus_flush_close_unref(bus);
	free(what);
	return status < 0 ? status : 0;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static int read_number(sd_bus *bus, const char *path, const char *interface, const struct request *request,
	sd_bus_error *bus_error)
{
	return sd_bus_get_property_trivial(bus, UNIT_MANAGER, path, interface, request->property, bus_error, 't',
		request->number);
}

static int write_number(sd_bus_message *call, const struct request *request)
{
	return sd_bus_message_append(call, "v", "t", *request->number);
}

int unit_get_number(const char *unit, const char *property, uint64_t *value, struct error *err)
{
	return carry_out(&(struct request){ unit, property, .read = read_number, .number = value }, err);
}

/* systemd answers before it has written to the control group, but not a second time. */
int unit_set_number(const char *unit, const char *property, uint64_t value, struct error *err)
{
	uint64_t now = value;
	int status = carry_out(&(struct request){ unit, property, .write = write_number, .number = &now }, err);

	if (status >= 0)
		status = unit_get_number(unit, property, &now, err);
	if (status < 0 || now == value)
		return status;
	return error_set(err, EIO, "%s of %s is %" PRIu64 " after it was set to %" PRIu64, property, unit, now, value);
}

/* ---- CPUs: a bit for each, in bytes, the lowest first; as many bytes as are needed ----------- */

static int read_cpus(sd_bus *bus, const char *path, const char *interface, const struct request *request,
	sd_bus_error *bus_error)
{
	sd_bus_message *reply = NULL;
	const uint8_t *mask = NULL;
	size_t size = 0;
	int status = sd_bus_get_property(bus, UNIT_MANAGER, path, interface, request->property, bus_error, &reply, "ay");

	if (status >= 0)
		status = sd_bus_message_read_array(reply, 'y', (const void **)&mask, &size);
	*request->cpus = (struct idset){0};
	for (size_t i = 0; status >= 0 && i < size * 8 && i < IDSET_MAX; i++)
		if (mask[i / 8] >> i % 8 & 1)
			idset_add(request->cpus, (unsigned int)i);
	sd_bus_message_unref(reply);
	return status;
}

static int write_cpus(sd_bus_message *call, const struct request *request)
{
	uint8_t mask[MASK_BYTES] = {0};
	size_t size = 0;
	int status = sd_bus_message_open_container(call, 'v', "ay");

	idset_for_each(cpu, request->cpus) {
		mask[cpu / 8] |= (uint8_t)(1 << cpu % 8);
		size = (size_t)cpu / 8 + 1;
	}
	if (status >= 0)
		status = sd_bus_message_append_array(call, 'y', mask, size);
	return status >= 0 ? sd_bus_message_close_container(call) : status;
}

int unit_get_cpus(const char *unit, struct idset *cpus, struct error *err)
{
	return carry_out(&(struct request){ unit, ALLOWED_CPUS, .read = read_cpus, .cpus = cpus }, err);
}

int unit_set_cpus(const char *unit, const struct idset *cpus, struct error *err)
{
	struct idset now = *cpus;
	int status = carry_out(&(struct request){ unit, ALLOWED_CPUS, .write = write_cpus, .cpus = &now }, err);

	if (status >= 0)
		status = unit_get_cpus(unit, &now, err);
	if (status < 0 || idset_equal(&now, cpus))
		return status;
	return error_set(err, EIO, ALLOWED_CPUS " of %s is not what it was set to", unit);
}
