// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the text of a frame to a reply. The checks come in the order in which QEMU makes them, so that
 * a client that has seen QEMU's errors finds the same ones here: JSON, the frame's members,
 * negotiation, the command's name, its arguments.
 */
#include "vmm/qmp/command.h"

#include <errno.h>
#include <string.h>

/* A frame taken apart; the pointers are borrowed from @root. */
struct request {
	json_t *root, *id, *arguments;
	const char *command;
};

static bool is_string(const json_t *value)
{
	return json_is_string(value);
}

static bool is_integer(const json_t *value)
{
	return json_is_integer(value);
}

static bool is_boolean(const json_t *value)
{
	return json_is_boolean(value);
}

static bool is_list(const json_t *value)
{
	return json_is_array(value);
}

static bool is_any(const json_t *value)
{
	return value != NULL;
}

static const struct {
	const char *expected; /* as QEMU says it */
	bool (*fits)(const json_t *value);
} types[] = {
	[QMP_STRING] = {"string", is_string},
	[QMP_INTEGER] = {"integer", is_integer},
	[QMP_BOOLEAN] = {"boolean", is_boolean},
	[QMP_LIST] = {"array", is_list},
	[QMP_ANY] = {"any", is_any},
};

int qmp_check_type(const char *name, const json_t *value, enum qmp_type type, struct error *err)
{
	if (types[type].fits(value))
		return 0;
	return error_set(err, EINVAL, "Invalid parameter type for '%s', expected: %s", name,
		types[type].expected);
}

/* ---- the frame ------------------------------------------------------------------------------------ */

/* The frame as a JSON object, or NULL. */
static json_t *parse_json(enum qmp_frame kind, const char *frame, size_t length, struct error *err)
{
	json_error_t problem;
	json_t *root = NULL;

	if (kind == QMP_FRAME_TOO_LONG)
		error_set(err, EINVAL, "JSON token size limit exceeded: a frame has at most %zu bytes",
			QMP_FRAME_MAX);
	else if (kind == QMP_FRAME_TOO_DEEP)
		error_set(err, EINVAL, "JSON nesting depth limit exceeded: at most %d levels", QMP_DEPTH_MAX);
	else if (!(root = json_loadb(frame, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem)))
		error_set(err, EINVAL, "JSON parse error, %s", problem.text);
	if (root && !json_is_object(root)) {
		error_set(err, EINVAL, "QMP input must be a JSON object");
		json_decref(root);
		return NULL;
	}
	return root;
}

/* The command's name, or NULL. */
static const char *parse_members(struct request *request, struct error *err)
{
	json_t *command = NULL, *value;
	const char *name;

	json_object_foreach(request->root, name, value) {
		if (!strcmp(name, "execute")) {
			command = value;
		} else if (!strcmp(name, "arguments")) {
			request->arguments = value;
		} else if (strcmp(name, "id")) {
			error_set(err, EINVAL, "QMP input member '%s' is unexpected", name);
			return NULL;
		}
	}
	if (!command)
		error_set(err, EINVAL, "QMP input lacks member 'execute'");
	else if (!json_is_string(command))
		error_set(err, EINVAL, "QMP input member 'execute' must be a string");
	else if (request->arguments && !json_is_object(request->arguments))
		error_set(err, EINVAL, "QMP input member 'arguments' must be an object");
	else
		return json_string_value(command);
	return NULL;
}

/* ---- the command ---------------------------------------------------------------------------------- */

static const struct qmp_command *find_command(const struct request *request, struct qmp_call *call,
	struct error *err)
{
	bool negotiation = !strcmp(request->command, "qmp_capabilities");

	call->error_class = QMP_COMMAND_NOT_FOUND;
	if (!call->session->negotiated && !negotiation) {
		error_set(err, ENOENT, "Expecting capabilities negotiation with 'qmp_capabilities'");
		return NULL;
	}
	if (call->session->negotiated && negotiation) {
		error_set(err, ENOENT, "Capabilities negotiation is already complete, command ignored");
		return NULL;
	}
	for (const struct qmp_command *row = qmp_commands; row->name; row++) {
		if (!strcmp(row->name, request->command)) {
			call->error_class = QMP_GENERIC_ERROR;
			return row;
		}
	}
	error_set(err, ENOENT, "The command %s has not been found", request->command);
	return NULL;
}

static const struct qmp_argument *find_argument(const struct qmp_command *command, const char *name)
{
	for (int i = 0; i < QMP_ARGUMENTS_MAX && command->arguments[i].name; i++)
		if (!strcmp(command->arguments[i].name, name))
			return &command->arguments[i];
	return NULL;
}

static int check_arguments(const struct qmp_command *command, json_t *arguments, struct error *err)
{
	const char *name;
	json_t *value;

	for (int i = 0; i < QMP_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		const struct qmp_argument *wanted = &command->arguments[i];

		value = json_object_get(arguments, wanted->name);
		if (!value && !wanted->optional)
			return error_set(err, EINVAL, "Parameter '%s' is missing", wanted->name);
		if (value && qmp_check_type(wanted->name, value, wanted->type, err) < 0)
			return -EINVAL;
	}
	json_object_foreach(arguments, name, value)
		if (!find_argument(command, name))
			return error_set(err, EINVAL, "Parameter '%s' is unexpected", name);
	return 0;
}

static int run(const struct request *request, struct qmp_call *call, struct error *err)
{
	const struct qmp_command *command = find_command(request, call, err);
	int ret;

	if (!command)
		return -ENOENT;
	call->arguments = request->arguments ? json_incref(request->arguments) : json_object();
	ret = check_arguments(command, call->arguments, err);
	if (!ret)
		ret = command->run(call, err);
	json_decref(call->arguments);
	return ret;
}

/* ---- the reply ------------------------------------------------------------------------------------ */

/* Texts may quote what the client sent; bytes that are not UTF-8 cannot go back as JSON. */
static json_t *text_value(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_string("JSON parse error, invalid UTF-8");
}

static json_t *error_value(const char *error_class, const struct error *err)
{
	return json_pack("{s:s, s:o}", "class", error_class, "desc", text_value(err->text));
}

json_t *qmp_execute(struct qmp_session *session, enum qmp_frame kind, const char *frame,
	size_t length)
{
	struct qmp_call call = {.session = session, .vm = session->vm, .error_class = QMP_GENERIC_ERROR};
	struct request request = {0};
	json_t *reply = json_object();
	struct error err;

	request.root = parse_json(kind, frame, length, &err);
	request.id = json_object_get(request.root, "id");
	if (request.root)
		request.command = parse_members(&request, &err);
	if (!request.command || run(&request, &call, &err) < 0) {
		json_decref(call.result);
		json_object_set_new(reply, "error", error_value(call.error_class, &err));
	} else {
		json_object_set_new(reply, "return", call.result ? call.result : json_object());
	}
	if (request.id)
		json_object_set(reply, "id", request.id);
	json_decref(request.root);
	return reply;
}
