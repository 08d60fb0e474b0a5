/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One QMP connection: bytes in, frames, replies, bytes out. On the I/O thread.
 *
 * A client that does not read is not read from either once some replies wait for it; events go on
 * being queued, and when those fill the buffer too, the client is cut off. A client that is gone
 * stays in the list, deaf and closed, until the server reaps it outside of all callbacks.
 */
#ifndef VMTUNE_VMM_QMP_CLIENT_H
#define VMTUNE_VMM_QMP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/error.h"
#include "vmm/loop.h"
#include "vmm/qmp/command.h"
#include "vmm/qmp/frames.h"

#define QMP_OUTPUT_PAUSE ((size_t)64 << 10) /* waiting output at which no more commands are read */
#define QMP_OUTPUT_MAX   ((size_t)1 << 20)  /* and at which the client is cut off */

struct qmp_client_owner {
	void (*before_reply)(void *opaque); /* flushes events: they come before the reply */
	void (*gone)(void *opaque);         /* the client may be freed, but not from within this call */
	void *opaque;
};

struct qmp_client {
	struct qmp_client *next; /* the server's list */
	struct qmp_session session;
	bool gone;
	/* the rest is private to client.c */
	const struct qmp_client_owner *owner;
	int fd;
	struct loop_source *source;
	bool input_ended, output_broken;
	struct qmp_frames frames;
	char input[4096];
	const char *input_at;
	size_t input_left;
	char *output;
	size_t output_at, output_end, output_capacity;
};

/* Takes @fd over (also on failure) and sends the greeting. */
struct qmp_client *qmp_client_new(struct vm *vm, int fd, const struct qmp_client_owner *owner,
	struct error *err);
void qmp_client_free(struct qmp_client *client);

/* Queues @message as one line and sends what the socket takes now. */
void qmp_client_send(struct qmp_client *client, const json_t *message);
/* Sends what still waits, if the socket takes it within @timeout_ms. */
void qmp_client_drain(struct qmp_client *client, int timeout_ms);

#endif
