/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands: the table of all of them (table.c), what a handler looks like, and the way from the
 * text of one frame to its reply (command.c). Knows nothing of sockets. On the I/O thread.
 */
#ifndef VMTUNE_VMM_QMP_COMMAND_H
#define VMTUNE_VMM_QMP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/error.h"
#include "vmm/qmp/frames.h"
#include "vmm/vm.h"

/* QEMU's error classes (qapi/error.json); what is not told apart is a GenericError. */
#define QMP_GENERIC_ERROR     "GenericError"
#define QMP_COMMAND_NOT_FOUND "CommandNotFound"
#define QMP_DEVICE_NOT_ACTIVE "DeviceNotActive"
#define QMP_DEVICE_NOT_FOUND  "DeviceNotFound"

/* What the server remembers of one client between frames. */
struct qmp_session {
	struct vm *vm;
	bool negotiated; /* qmp_capabilities was said */
};

/* One execution of a command, as its handler sees it. */
struct qmp_call {
	struct qmp_session *session;
	struct vm *vm;
	json_t *arguments;       /* an object that fits the command's schema */
	json_t *result;          /* the handler's answer, a new reference; NULL: {} */
	const char *error_class; /* GenericError unless the handler says otherwise */
};

/* Returns 0, or negative with @err (and call->error_class where it is not GenericError). */
typedef int qmp_handler(struct qmp_call *call, struct error *err);

enum qmp_type { QMP_STRING, QMP_INTEGER, QMP_BOOLEAN, QMP_LIST, QMP_ANY };

struct qmp_argument {
	const char *name;
	enum qmp_type type;
	bool optional;
};

#define QMP_ARGUMENTS_MAX 4

struct qmp_command {
	const char *name;
	qmp_handler *run;
	struct qmp_argument arguments[QMP_ARGUMENTS_MAX]; /* up to the first without a name */
};

extern const struct qmp_command qmp_commands[]; /* ends with a row without a name */

/*
 * Runs what a frame (from qmp_frames_next, not NONE) says and returns the reply: a "return" or an
 * "error" object, with the frame's "id". Never NULL.
 */
json_t *qmp_execute(struct qmp_session *session, enum qmp_frame kind, const char *frame,
	size_t length);

/* What query-version says; also part of the greeting. A new reference. */
json_t *qmp_version(void);

/* Fails unless @value is of @type, in QEMU's words. */
int qmp_check_type(const char *name, const json_t *value, enum qmp_type type, struct error *err);

/* Fails, saying why, unless the guest has a balloon. */
int qmp_need_balloon(struct qmp_call *call, struct error *err);

/* Handlers. negotiation and queries: query.c; run state, balloon, KSM: control.c; qom.c. */
qmp_handler qmp_capabilities, qmp_query_commands, qmp_query_version, qmp_query_name, qmp_query_kvm,
	qmp_query_status, qmp_query_cpus_fast, qmp_query_memory_size_summary,
	qmp_query_memory_devices, qmp_query_balloon, qmp_x_query_balloon,
	qmp_x_query_memory;
qmp_handler qmp_stop_guest, qmp_cont, qmp_system_powerdown, qmp_system_reset, qmp_quit, qmp_balloon,
	qmp_x_balloon_hint, qmp_x_ksm;
qmp_handler qmp_qom_list, qmp_qom_get, qmp_qom_set;

#endif
