// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "tuner/journal.h"

#define PROFILE_FILE   STATE_DIR "/profile"
#define PLACEMENT_FILE STATE_DIR "/placement"
#define ORIGIN_LINE    "# applied from "
#define LIST_TEXT      4096

/* ---- writing -------------------------------------------------------------------------------- */

static int write_file(const struct root *root, const char *file, const char *text, struct error *err)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	size_t length = strlen(text);
	int fd, errnum = 0;

	root_path(root, path, "%s", file);
	root_path(root, temporary, "%s.new", file);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, errno, "writing %s", temporary);
	if (write(fd, text, length) != (ssize_t)length || fsync(fd) < 0)
		errnum = errno ? errno : EIO;
	close(fd);
	if (!errnum && rename(temporary, path) < 0)
		errnum = errno;
	if (errnum)
		unlink(temporary);
	return errnum ? error_errno(err, errnum, "writing %s", path) : 0;
}

static json_t *list_json(const struct idset *set)
{
	char text[LIST_TEXT];

	return json_string(idset_format(set, text, sizeof(text)));
}

static json_t *vm_json(const struct placed_vm *placed)
{
	json_t *nodes = json_array(), *pins = json_array();

	for (unsigned int i = 0; i < placed->node_count; i++)
		json_array_append_new(nodes, json_pack("{s:i, s:I, s:o}",
			"host-node", placed->nodes[i].host_node,
			"memory", (json_int_t)placed->nodes[i].memory,
			"vcpus", list_json(&placed->nodes[i].vcpus)));
	for (unsigned int i = 0; i < placed->vm->vcpus; i++)
		json_array_append_new(pins, list_json(&placed->pins[i]));
	return json_pack("{s:s, s:o, s:o, s:o}", "name", placed->vm->name, "nodes", nodes, "pins", pins,
		"io", list_json(&placed->io_cpus));
}

static int save_placement(const struct root *root, const struct plan *plan, struct error *err)
{
	json_t *vms = json_array();
	char *text;
	int status;

	for (unsigned int i = 0; i < plan->vm_count; i++)
		json_array_append_new(vms, vm_json(&plan->vms[i]));
	text = json_dumps(vms, JSON_INDENT(1));
	status = write_file(root, PLACEMENT_FILE, text, err);
	free(text);
	json_decref(vms);
	return status;
}

/* The whole text of a file of the caller's, wherever --sysroot points. NULL with @err. */
static char *read_whole(const char *path, struct error *err)
{
	struct root here = {.dir = ""};
	char resolved[PATH_MAX];
	char *text = realpath(path, resolved) ? root_read_all(&here, NULL, "%s", resolved) : NULL;

	if (!text)
		error_errno(err, errno, "reading %s", path);
	return text;
}

int state_save(const struct root *root, const struct profile *profile, const struct plan *plan,
	struct error *err)
{
	char origin[PATH_MAX], *text, *copy;
	int status;

	text = read_whole(profile->file, err);
	if (!text)
		return -EIO;
	if (!realpath(profile->file, origin))
		snprintf(origin, sizeof(origin), "%s", profile->file);
	copy = xasprintf("%s%s" ORIGIN_LINE "%s\n", text,
		*text && text[strlen(text) - 1] != '\n' ? "\n" : "", origin);
	status = save_placement(root, plan, err);
	if (!status)
		status = write_file(root, PROFILE_FILE, copy, err);
	free(copy);
	free(text);
	return status;
}

void state_forget(const struct root *root)
{
	char path[PATH_MAX];

	unlink(root_path(root, path, PROFILE_FILE));
	unlink(root_path(root, path, PLACEMENT_FILE));
}

/* ---- reading -------------------------------------------------------------------------------- */

static int take_list(const json_t *json, struct idset *set, struct error *err)
{
	const char *text = json_string_value(json);

	return text ? idset_parse(text, set, err) : error_set(err, EINVAL, "a list is missing");
}

static int take_nodes(const json_t *nodes, struct state_vm *vm, struct error *err)
{
	int status = 0;

	vm->node_count = (unsigned int)json_array_size(nodes);
	vm->nodes = xcalloc(vm->node_count + 1, sizeof(*vm->nodes));
	for (unsigned int i = 0; i < vm->node_count && status >= 0; i++) {
		const json_t *node = json_array_get(nodes, i);

		vm->nodes[i].host_node = (int)json_integer_value(json_object_get(node, "host-node"));
		vm->nodes[i].memory = (uint64_t)json_integer_value(json_object_get(node, "memory"));
		status = take_list(json_object_get(node, "vcpus"), &vm->nodes[i].vcpus, err);
	}
	return status;
}

static int take_vm(const json_t *json, struct state_vm *vm, struct error *err)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	const json_t *pins = json_object_get(json, "pins");
	int status = take_nodes(json_object_get(json, "nodes"), vm, err);

	if (!name)
		return error_set(err, EINVAL, "a guest without name");
	vm->name = xstrdup(name);
	vm->vcpu_count = (unsigned int)json_array_size(pins);
	vm->pins = xcalloc(vm->vcpu_count + 1, sizeof(*vm->pins));
	for (unsigned int i = 0; i < vm->vcpu_count && status >= 0; i++)
		status = take_list(json_array_get(pins, i), &vm->pins[i], err);
	return status < 0 ? status : take_list(json_object_get(json, "io"), &vm->io_cpus, err);
}

static int take_placement(const char *text, struct state *state, struct error *err)
{
	json_t *vms = json_loads(text, 0, NULL);
	int status = vms ? 0 : error_set(err, EINVAL, "it is no JSON");

	state->vms = xcalloc(json_array_size(vms) + 1, sizeof(*state->vms));
	while (status >= 0 && state->vm_count < json_array_size(vms)) {
		unsigned int i = state->vm_count++;

		status = take_vm(json_array_get(vms, i), &state->vms[i], err);
	}
	json_decref(vms);
	return status;
}

/* The last line of the copy. */
static char *origin_of(const char *text)
{
	const char *at = NULL;

	for (const char *found = strstr(text, ORIGIN_LINE); found; found = strstr(found + 1, ORIGIN_LINE))
		at = found;
	if (!at)
		return xstrdup("?");
	at += strlen(ORIGIN_LINE);
	return xasprintf("%.*s", (int)strcspn(at, "\n"), at);
}

int state_load(const struct root *root, struct state *state, struct error *err)
{
	char *profile = root_read_all(root, NULL, PROFILE_FILE);
	char *placement = profile ? root_read_all(root, NULL, PLACEMENT_FILE) : NULL;
	int status;

	*state = (struct state){0};
	if (placement) {
		root_path(root, state->profile, PROFILE_FILE);
		state->origin = origin_of(profile);
		status = take_placement(placement, state, err);
		if (status < 0)
			error_prefix(err, PLACEMENT_FILE " is damaged");
	} else {
		status = error_set(err, ENOENT, "no profile is applied on this machine");
	}
	free(profile);
	free(placement);
	if (status < 0)
		state_release(state);
	return status;
}

void state_release(struct state *state)
{
	for (unsigned int i = 0; i < state->vm_count; i++) {
		free(state->vms[i].name);
		free(state->vms[i].nodes);
		free(state->vms[i].pins);
	}
	free(state->vms);
	free(state->origin);
	*state = (struct state){0};
}

const struct state_vm *state_find(const struct state *state, const char *name)
{
	for (unsigned int i = 0; i < state->vm_count; i++)
		if (!strcmp(state->vms[i].name, name))
			return &state->vms[i];
	return NULL;
}
