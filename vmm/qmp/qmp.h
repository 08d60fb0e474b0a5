/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QMP control socket: newline-delimited JSON with QEMU's command and event names. Several
 * clients at once, each with its own capabilities negotiation; runs on the I/O thread.
 */
#ifndef VMTUNE_VMM_QMP_QMP_H
#define VMTUNE_VMM_QMP_QMP_H

#include "lib/error.h"
#include "vmm/vm.h"

struct qmp_server;

/* Listens on the UNIX socket @path (mode 0600; a stale socket is replaced, a live one is an error). */
struct qmp_server *qmp_start(struct vm *vm, const char *path, struct error *err);
/* Sends what is pending, closes the clients, unlinks the socket. */
void qmp_stop(struct qmp_server *server);

#endif
