// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The few objects of QEMU's object model that a client needs to find the balloon and to read the
 * guest's statistics. One table of objects, each with its properties; an object is a child of the
 * one whose path is its own without the last component.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vmm/options.h"
#include "vmm/qmp/command.h"
#include "vmm/virtio/balloon.h"

#define PROPERTIES_MAX 8

struct qom_property {
	const char *name, *type;
	json_t *(*get)(struct vm *vm);
	int (*set)(struct vm *vm, const char *name, const json_t *value, struct error *err);
};

struct qom_object {
	const char *path, *type;
	bool (*exists)(const struct vm *vm); /* NULL: always */
	struct qom_property properties[PROPERTIES_MAX];
};

static bool has_balloon(const struct vm *vm)
{
	return vm->balloon != NULL;
}

/* What the guest did not report is left out; QEMU writes 2^64-1, which few JSON parsers can read. */
static json_t *get_stats(struct vm *vm)
{
	struct balloon_stats stats;
	json_t *values = json_object();

	balloon_get_stats(vm->balloon, &stats);
	for (unsigned int tag = 0; tag < BALLOON_STATS; tag++)
		if (stats.valid >> tag & 1)
			json_object_set_new(values, balloon_stat_name(tag),
				json_integer((json_int_t)stats.value[tag]));
	return json_pack("{s:o, s:I}", "stats", values, "last-update", (json_int_t)stats.last_update);
}

static json_t *get_polling(struct vm *vm)
{
	return json_integer(balloon_get_polling(vm->balloon));
}

static int set_polling(struct vm *vm, const char *name, const json_t *value, struct error *err)
{
	json_int_t seconds = json_integer_value(value);

	if (qmp_check_type(name, value, QMP_INTEGER, err) < 0)
		return -EINVAL;
	if (seconds < 0)
		return error_set(err, EINVAL, "timer value must not be negative; 0 stops polling");
	if (seconds > UINT32_MAX)
		return error_set(err, EINVAL, "timer value is too big; at most %u seconds", UINT32_MAX);
	balloon_set_polling(vm->balloon, (unsigned int)seconds);
	return 0;
}

/* What the device offers; x-query-balloon says what the driver made of it. */
#define SWITCH_GETTER(field)                                                \
	static json_t *get_##field(struct vm *vm)                           \
	{                                                                   \
		return json_boolean(vm->config->balloon_config.field);      \
	}

SWITCH_GETTER(deflate_on_oom)
SWITCH_GETTER(free_page_hint)
SWITCH_GETTER(free_page_reporting)
SWITCH_GETTER(page_poison)

static const struct qom_object objects[] = {
	{"/machine", "vmm-machine", NULL, {}},
	{"/machine/peripheral", "container", NULL, {}},
	{"/machine/peripheral-anon", "container", NULL, {}},
	{"/machine/peripheral/balloon0", "virtio-balloon-pci", has_balloon,
		{{"guest-stats", "guest statistics", get_stats, NULL},
			{"guest-stats-polling-interval", "int", get_polling, set_polling},
			{"deflate-on-oom", "bool", get_deflate_on_oom, NULL},
			{"free-page-hint", "bool", get_free_page_hint, NULL},
			{"free-page-reporting", "bool", get_free_page_reporting, NULL},
			{"page-poison", "bool", get_page_poison, NULL}}},
};

#define OBJECTS (sizeof(objects) / sizeof(objects[0]))

static bool exists(const struct qom_object *object, const struct vm *vm)
{
	return !object->exists || object->exists(vm);
}

/* The object that the argument "path" names. */
static const struct qom_object *find_object(struct qmp_call *call, struct error *err)
{
	const char *path = json_string_value(json_object_get(call->arguments, "path"));

	for (size_t i = 0; i < OBJECTS; i++)
		if (!strcmp(objects[i].path, path) && exists(&objects[i], call->vm))
			return &objects[i];
	call->error_class = QMP_DEVICE_NOT_FOUND;
	error_set(err, ENODEV, "Device '%s' not found", path);
	return NULL;
}

static const struct qom_property *find_property(const struct qom_object *object, const char *name,
	struct error *err)
{
	for (int i = 0; i < PROPERTIES_MAX && object->properties[i].name; i++)
		if (!strcmp(object->properties[i].name, name))
			return &object->properties[i];
	error_set(err, ENOENT, "Property '%s.%s' not found", object->type, name);
	return NULL;
}

/* The last component of @path when it is a direct child of @parent, else NULL. */
static const char *child_name(const char *parent, const char *path)
{
	size_t length = strlen(parent);

	if (strncmp(path, parent, length) || path[length] != '/' || strchr(path + length + 1, '/'))
		return NULL;
	return path + length + 1;
}

static void add_entry(json_t *list, const char *name, const char *type)
{
	json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "type", type));
}

int qmp_qom_list(struct qmp_call *call, struct error *err)
{
	const struct qom_object *object = find_object(call, err);

	if (!object)
		return -ENODEV;
	call->result = json_array();
	add_entry(call->result, "type", "string");
	for (int i = 0; i < PROPERTIES_MAX && object->properties[i].name; i++)
		add_entry(call->result, object->properties[i].name, object->properties[i].type);
	for (size_t i = 0; i < OBJECTS; i++) {
		const char *name = child_name(object->path, objects[i].path);
		char type[64];

		if (!name || !exists(&objects[i], call->vm))
			continue;
		snprintf(type, sizeof(type), "child<%s>", objects[i].type);
		add_entry(call->result, name, type);
	}
	return 0;
}

int qmp_qom_get(struct qmp_call *call, struct error *err)
{
	const char *name = json_string_value(json_object_get(call->arguments, "property"));
	const struct qom_object *object = find_object(call, err);
	const struct qom_property *property;

	if (!object)
		return -ENODEV;
	if (!strcmp(name, "type")) {
		call->result = json_string(object->type);
		return 0;
	}
	property = find_property(object, name, err);
	if (!property)
		return -ENOENT;
	call->result = property->get(call->vm);
	return 0;
}

int qmp_qom_set(struct qmp_call *call, struct error *err)
{
	const char *name = json_string_value(json_object_get(call->arguments, "property"));
	const struct qom_object *object = find_object(call, err);
	const struct qom_property *property;

	if (!object)
		return -ENODEV;
	property = find_property(object, name, err);
	if (!property)
		return -ENOENT;
	if (!property->set)
		return error_set(err, EPERM, "Property '%s.%s' is not writable", object->type, name);
	return property->set(call->vm, name, json_object_get(call->arguments, "value"), err);
}
