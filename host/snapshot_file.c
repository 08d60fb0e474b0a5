/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshot files: JSON with a version, hwloc's XML of the machine inside. Also loads a bare hwloc XML
 * file or a synthetic topology string as a machine of which nothing else is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/snapshot.h"
#include "lib/writeall.h"
#include "lib/xalloc.h"

#define SNAPSHOT_VERSION 1
#define FILE_MAX         (64u << 20)

static const char *const cgroup_names[] = {
	[CGROUP_NONE] = "none", [CGROUP_V1] = "v1", [CGROUP_V2] = "v2",
};

/* ---- out -------------------------------------------------------------------------------------- */

/* A text, or for a row of several files an object of path and text. */
static json_t *knob_json(const struct knob_value *row)
{
	json_t *files;

	if (!knob_many(row->knob))
		return json_string(row->value);
	files = json_object();
	for (unsigned int i = 0; i < row->file_count; i++)
		json_object_set_new(files, row->files[i].path, json_string(row->files[i].value));
	return files;
}

json_t *snapshot_to_json(const struct snapshot *snapshot)
{
	json_t *settings = json_object(), *built_in = json_array();

	for (size_t i = 0; i < knob_count; i++) {
		const struct knob_value *row = &snapshot->knobs[i];

		if (row->value[0])
			json_object_set_new(settings, row->knob->name, knob_json(row));
		if (row->built_in)
			json_array_append_new(built_in, json_string(row->knob->name));
	}
	return json_pack("{s:i, s:s, s:s, s:I, s:s, s:s, s:o, s:b, s:b, s:s*, s:o, s:o, s:o, s:o, s:o, s:o}",
		"vmtune-snapshot", SNAPSHOT_VERSION, "boot-id", snapshot->boot_id,
		"kernel", snapshot->kernel, "taken", (json_int_t)snapshot->taken,
		"cgroup", cgroup_names[snapshot->cgroup], "cgroup-mount", snapshot->cgroup_mount,
		"groups", host_groups_to_json(&snapshot->groups),
		"systemd", snapshot->systemd, "has-kvm", snapshot->has_kvm, "cmdline", snapshot->cmdline, "machine", machine_to_json(snapshot->machine),
		"settings", settings, "built-in", built_in, "irqs", irqs_to_json(&snapshot->irqs),
		"services", services_to_json(&snapshot->services), "guests", guests_to_json(&snapshot->guests));
}

/* On what cannot be synced (a pipe, a read-only kernel file) nothing is lost by it. */
static int sync_file(int fd)
{
	return fsync(fd) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
}

int snapshot_save(const struct snapshot *snapshot, const char *path, struct error *err)
{
	json_t *json = snapshot_to_json(snapshot);
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	char *temporary = xasprintf("%s.XXXXXX", path);
	int fd, result;

	json_decref(json);
	if (!text) {
		free(temporary);
		return error_set(err, EINVAL, "%s: the machine holds a text that is not UTF-8", path);
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		result = error_errno(err, errno, "%s", path);
		goto out;
	}
	result = write_all(fd, text, strlen(text));
	if (!result)
		result = sync_file(fd);
	if (!result && fchmod(fd, 0644) < 0)
		result = -errno;
	if (close(fd) < 0 && !result)
		result = -errno;
	if (!result && rename(temporary, path) < 0)
		result = -errno;
	if (result < 0) {
		error_errno(err, -result, "%s", path);
		unlink(temporary);
	}
out:
	free(text);
	free(temporary);
	return result;
}

/* ---- in --------------------------------------------------------------------------------------- */

static void unknown_knobs(struct snapshot *snapshot)
{
	snapshot->knobs = xcalloc(knob_count, sizeof(*snapshot->knobs));
	for (size_t i = 0; i < knob_count; i++)
		snapshot->knobs[i].knob = &knobs[i];
}

static void copy_text(const json_t *json, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	snprintf(out, size, "%s", text ? text : "");
}

static void fill_files(struct knob_value *row, const json_t *files)
{
	const char *path;
	json_t *value;

	row->files = xcalloc(json_object_size(files) + 1, sizeof(*row->files));
	json_object_foreach ((json_t *)(uintptr_t)files, path, value) {
		struct knob_file *file = &row->files[row->file_count];

		if (knob_of_path(path) != row->knob || !json_is_string(value))
			continue;
		file->path = xstrdup(path);
		snprintf(file->value, sizeof(file->value), "%s", json_string_value(value));
		row->file_count++;
	}
	snapshot_knob_join(row);
}

/* A setting that this version does not know is of no use to it, and no error. */
static void fill_knobs(struct snapshot *snapshot, const json_t *settings, const json_t *built_in)
{
	const json_t *name;
	size_t i;

	for (i = 0; i < knob_count; i++) {
		const json_t *value = json_object_get(settings, knobs[i].name);

		if (json_is_object(value) && knob_many(&knobs[i]))
			fill_files(&snapshot->knobs[i], value);
		else if (!knob_many(&knobs[i]))
			copy_text(settings, knobs[i].name, snapshot->knobs[i].value, KNOB_VALUE_MAX);
	}
	json_array_foreach (built_in, i, name) {
		const struct knob *knob = json_is_string(name) ? knob_find(json_string_value(name)) : NULL;

		if (knob)
			snapshot->knobs[knob - knobs].built_in = true;
	}
}

static enum cgroup_version find_cgroup(const json_t *json)
{
	const char *text = json_string_value(json_object_get(json, "cgroup"));

	for (int i = CGROUP_NONE; i <= CGROUP_V2; i++)
		if (text && !strcmp(text, cgroup_names[i]))
			return (enum cgroup_version)i;
	return CGROUP_NONE;
}

static struct snapshot *from_json(const json_t *json, const char *path, struct error *err)
{
	const json_t *version = json_object_get(json, "vmtune-snapshot");
	struct snapshot *snapshot;

	if (!json_is_integer(version) || json_integer_value(version) != SNAPSHOT_VERSION) {
		error_set(err, EINVAL, "%s: not a vmtune snapshot of version %d", path, SNAPSHOT_VERSION);
		return NULL;
	}
	snapshot = xcalloc(1, sizeof(*snapshot));
	unknown_knobs(snapshot);
	snapshot->machine = machine_from_json(json_object_get(json, "machine"), path, err);
	if (!snapshot->machine)
		goto bad;
	if (guests_from_json(json_object_get(json, "guests"), &snapshot->guests, err) < 0) {
		error_prefix(err, "%s", path);
		goto bad;
	}
	copy_text(json, "boot-id", snapshot->boot_id, sizeof(snapshot->boot_id));
	copy_text(json, "kernel", snapshot->kernel, sizeof(snapshot->kernel));
	copy_text(json, "cgroup-mount", snapshot->cgroup_mount, sizeof(snapshot->cgroup_mount));
	snapshot->taken = json_integer_value(json_object_get(json, "taken"));
	snapshot->systemd = json_is_true(json_object_get(json, "systemd"));
	snapshot->has_kvm = json_is_true(json_object_get(json, "has-kvm"));
	snapshot->cgroup = find_cgroup(json);
	host_groups_from_json(json_object_get(json, "groups"), &snapshot->groups);
	irqs_from_json(json_object_get(json, "irqs"), &snapshot->irqs);
	services_from_json(json_object_get(json, "services"), &snapshot->services);
	if (json_is_string(json_object_get(json, "cmdline")))
		snapshot->cmdline = xstrdup(json_string_value(json_object_get(json, "cmdline")));
	fill_knobs(snapshot, json_object_get(json, "settings"), json_object_get(json, "built-in"));
	return snapshot;
bad:
	snapshot_free(snapshot);
	return NULL;
}

/* A machine and nothing else; NULL stays NULL. */
static struct snapshot *machine_only(struct machine *machine)
{
	struct snapshot *snapshot;

	if (!machine)
		return NULL;
	snapshot = xcalloc(1, sizeof(*snapshot));
	snapshot->machine = machine;
	unknown_knobs(snapshot);
	return snapshot;
}

static char *read_file(const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");
	size_t used = 0, size = 1 << 16, got;
	char *text;

	if (!file) {
		error_errno(err, errno, "%s", path);
		return NULL;
	}
	text = xmalloc(size);
	while ((got = fread(text + used, 1, size - used - 1, file)) > 0) {
		used += got;
		if (used == size - 1 && size <= FILE_MAX)
			text = xreallocarray(text, size *= 2, 1);
	}
	text[used] = '\0';
	if (ferror(file) || used > FILE_MAX || strlen(text) != used) {
		error_set(err, EINVAL, "%s: not a readable snapshot or XML file", path);
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

struct snapshot *snapshot_load(const char *text, struct error *err)
{
	struct snapshot *snapshot;
	json_error_t where;
	char *content;
	json_t *json;

	if (access(text, F_OK) < 0)
		return machine_only(machine_from_synthetic(text, err));
	content = read_file(text, err);
	if (!content)
		return NULL;
	if (content[strspn(content, " \t\r\n")] == '<') {
		snapshot = machine_only(machine_from_xml(content, text, err));
	} else if ((json = json_loads(content, JSON_REJECT_DUPLICATES, &where))) {
		snapshot = from_json(json, text, err);
		json_decref(json);
	} else {
		error_set(err, EINVAL, "%s:%d: %s (expected a vmtune snapshot or hwloc XML)", text, where.line,
			where.text);
		snapshot = NULL;
	}
	free(content);
	return snapshot;
}
