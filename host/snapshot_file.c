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

json_t *snapshot_to_json(const struct snapshot *snapshot)
{
	json_t *settings = json_object();

	for (size_t i = 0; i < knob_count; i++)
		if (snapshot->knobs[i].value[0])
			json_object_set_new(settings, snapshot->knobs[i].knob->name,
				json_string(snapshot->knobs[i].value));
	return json_pack("{s:i, s:s, s:s, s:I, s:s, s:s, s:b, s:o, s:o, s:o}",
		"vmtune-snapshot", SNAPSHOT_VERSION, "boot-id", snapshot->boot_id,
		"kernel", snapshot->kernel, "taken", (json_int_t)snapshot->taken,
		"cgroup", cgroup_names[snapshot->cgroup], "cgroup-mount", snapshot->cgroup_mount,
		"has-kvm", snapshot->has_kvm, "machine", machine_to_json(snapshot->machine),
		"settings", settings, "guests", guests_to_json(&snapshot->guests));
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

/* A setting that this version does not know is of no use to it, and no error. */
static void fill_knobs(struct snapshot *snapshot, const json_t *settings)
{
	for (size_t i = 0; i < knob_count; i++)
		copy_text(settings, knobs[i].name, snapshot->knobs[i].value, KNOB_VALUE_MAX);
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
	snapshot->has_kvm = json_is_true(json_object_get(json, "has-kvm"));
	snapshot->cgroup = find_cgroup(json);
	fill_knobs(snapshot, json_object_get(json, "settings"));
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
