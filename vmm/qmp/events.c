// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event queue and the throttle. A queued event is posted to the loop; whoever is about to send a
 * reply flushes first, so that a client sees STOP before the return of `stop`, as with QEMU.
 */
#include "vmm/qmp/events.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xalloc.h"

#define QUEUE_MAX 1024 /* nobody takes events: the loop hangs. Later ones are dropped. */

static const struct {
	const char *name;
	unsigned int interval_ms;
} rates[] = {
	{"BALLOON_CHANGE", 1000},
};

#define RATES (sizeof(rates) / sizeof(rates[0]))

struct event {
	char *name, *data;
	struct timespec when;
	struct event *next;
};

struct throttle {
	struct qmp_events *events;
	unsigned int interval_ms;
	struct loop_source *timer;
	bool closed;           /* one went out less than an interval ago */
	struct event *pending; /* the latest that waits for the interval to end */
};

struct qmp_events {
	struct loop *loop;
	qmp_event_sink *sink;
	void *opaque;
	struct throttle throttles[RATES];
	pthread_mutex_t lock; /* guards the queue */
	struct event *head, **tail;
	unsigned int count;
};

static void free_event(struct event *event)
{
	if (!event)
		return;
	free(event->name);
	free(event->data);
	free(event);
}

static void send_event(struct qmp_events *events, const struct event *event)
{
	json_t *json = json_pack("{s:{s:I, s:i}, s:s}", "timestamp", "seconds",
		(json_int_t)event->when.tv_sec, "microseconds", (int)(event->when.tv_nsec / 1000), "event",
		event->name);

	if (event->data)
		json_object_set_new(json, "data", json_loads(event->data, 0, NULL));
	events->sink(events->opaque, json);
	json_decref(json);
}

/* ---- throttle ------------------------------------------------------------------------------------- */

static struct throttle *throttle_of(struct qmp_events *events, const char *name)
{
	for (size_t i = 0; i < RATES; i++)
		if (!strcmp(rates[i].name, name))
			return &events->throttles[i];
	return NULL;
}

/* An interval ended: the event that waited goes out and begins the next one. */
static void interval_over(void *opaque, uint32_t ready)
{
	struct throttle *throttle = opaque;
	struct event *event = steal_pointer(&throttle->pending);

	(void)ready;
	throttle->closed = event != NULL;
	if (!event)
		return;
	loop_timer_set(throttle->timer, throttle->interval_ms, 0);
	send_event(throttle->events, event);
	free_event(event);
}

/* Takes ownership of @event. */
static void deliver(struct qmp_events *events, struct event *event)
{
	struct throttle *throttle = throttle_of(events, event->name);

	if (throttle && throttle->closed) {
		free_event(throttle->pending);
		throttle->pending = event;
		return;
	}
	if (throttle) {
		throttle->closed = true;
		loop_timer_set(throttle->timer, throttle->interval_ms, 0);
	}
	send_event(events, event);
	free_event(event);
}

/* ---- queue ---------------------------------------------------------------------------------------- */

static struct event *take_queue(struct qmp_events *events)
{
	struct event *head;

	pthread_mutex_lock(&events->lock);
	head = events->head;
	events->head = NULL;
	events->tail = &events->head;
	events->count = 0;
	pthread_mutex_unlock(&events->lock);
	return head;
}

void qmp_events_flush(struct qmp_events *events)
{
	struct event *event = take_queue(events);

	while (event) {
		struct event *next = event->next;

		deliver(events, event);
		event = next;
	}
}

static void flush_posted(void *opaque, uint32_t ready)
{
	(void)ready;
	qmp_events_flush(opaque);
}

void qmp_events_queue(struct qmp_events *events, const char *name, const char *data_json)
{
	struct event *event = xcalloc(1, sizeof(*event));
	bool room;

	event->name = xstrdup(name);
	event->data = data_json ? xstrdup(data_json) : NULL;
	clock_gettime(CLOCK_REALTIME, &event->when);
	pthread_mutex_lock(&events->lock);
	room = events->count < QUEUE_MAX;
	if (room) {
		*events->tail = event;
		events->tail = &event->next;
		events->count++;
	}
	pthread_mutex_unlock(&events->lock);
	if (room)
		loop_post(events->loop, flush_posted, events);
	else
		free_event(event);
}

struct qmp_events *qmp_events_new(struct loop *loop, qmp_event_sink *sink, void *opaque,
	struct error *err)
{
	struct qmp_events *events = xcalloc(1, sizeof(*events));

	events->loop = loop;
	events->sink = sink;
	events->opaque = opaque;
	events->tail = &events->head;
	pthread_mutex_init(&events->lock, NULL);
	for (size_t i = 0; i < RATES; i++) {
		struct throttle *throttle = &events->throttles[i];

		throttle->events = events;
		throttle->interval_ms = rates[i].interval_ms;
		throttle->timer = loop_add_timer(loop, interval_over, throttle, err);
		if (!throttle->timer) {
			qmp_events_free(events);
			return NULL;
		}
	}
	return events;
}

void qmp_events_free(struct qmp_events *events)
{
	struct event *event;

	if (!events)
		return;
	event = take_queue(events);
	while (event) {
		struct event *next = event->next;

		free_event(event);
		event = next;
	}
	for (size_t i = 0; i < RATES; i++) {
		loop_remove(events->throttles[i].timer);
		free_event(events->throttles[i].pending);
	}
	pthread_mutex_destroy(&events->lock);
	free(events);
}
