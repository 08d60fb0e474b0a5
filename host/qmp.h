/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A QMP client: one connection, one command at a time, with a deadline. Drives vmm and QEMU alike. */
#ifndef VMTUNE_HOST_QMP_H
#define VMTUNE_HOST_QMP_H

#include <jansson.h>

#include "lib/error.h"

struct qmp;

/* Connects and negotiates. NULL with @err; every call gives up after @timeout_ms. */
struct qmp *qmp_connect(const char *socket_path, int timeout_ms, struct error *err);
void qmp_close(struct qmp *qmp);

/*
 * Runs a command. @arguments (may be NULL) is consumed. Returns the "return" value (a new reference)
 * or NULL with @err holding QMP's class and description. Events that arrive meanwhile are kept.
 */
json_t *qmp_call(struct qmp *qmp, const char *command, json_t *arguments, struct error *err);

/* The next event named @name within @timeout_ms (new reference), or NULL. */
json_t *qmp_wait_event(struct qmp *qmp, const char *name, int timeout_ms);

#endif
