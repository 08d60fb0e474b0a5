/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP events on their way from any thread to the clients: stamped and queued where they happen, made
 * into JSON on the I/O thread. Events that a guest can cause as often as it likes are throttled as
 * in QEMU: the first goes out at once, after that only the latest, once an interval.
 */
#ifndef VMTUNE_VMM_QMP_EVENTS_H
#define VMTUNE_VMM_QMP_EVENTS_H

#include <jansson.h>

#include "lib/error.h"
#include "vmm/loop.h"

struct qmp_events;

/* What happens to an event that is due; @event is borrowed. On the I/O thread. */
typedef void qmp_event_sink(void *opaque, json_t *event);

struct qmp_events *qmp_events_new(struct loop *loop, qmp_event_sink *sink, void *opaque,
	struct error *err);
/* The loop has ended, or the caller is on it and nothing queues events any more. */
void qmp_events_free(struct qmp_events *events);

/* Queues event @name with @data_json (an object as text, or NULL). From any thread. */
void qmp_events_queue(struct qmp_events *events, const char *name, const char *data_json);
/* Hands what is queued to the sink now. On the I/O thread; happens by itself soon otherwise. */
void qmp_events_flush(struct qmp_events *events);

#endif
