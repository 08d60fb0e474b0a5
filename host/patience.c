// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/patience.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/xalloc.h"

struct call {
	struct patience *patience;
	int (*run)(void *opaque);
	void (*release)(void *opaque);
	void *opaque;
	int status;
	bool done, given_up;
};

static void *run(void *opaque)
{
	struct call *call = opaque;
	struct patience *patience = call->patience;
	int status = call->run(call->opaque);
	bool given_up;

	pthread_mutex_lock(&patience->lock);
	call->status = status;
	call->done = true;
	given_up = call->given_up;
	if (given_up)
		patience->hanging = false;
	pthread_cond_broadcast(&patience->changed);
	pthread_mutex_unlock(&patience->lock);
	if (given_up) {
		call->release(call->opaque);
		free(call);
	}
	return NULL;
}

/* Signals are for the threads that know what they mean. */
static bool start(struct call *call)
{
	pthread_t thread;
	sigset_t all, before;
	bool started;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = !pthread_create(&thread, NULL, run, call);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		pthread_detach(thread);
	return started;
}

/* With the lock held. Returns whether the call has returned. */
static bool wait_for(struct call *call, unsigned int seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	while (!call->done)
		if (pthread_cond_clockwait(&call->patience->changed, &call->patience->lock, CLOCK_MONOTONIC,
			    &until) == ETIMEDOUT)
			break;
	return call->done;
}

int patience_run(struct patience *patience, unsigned int seconds, int (*what)(void *opaque), void *opaque,
	void (*release)(void *opaque))
{
	struct call *call;
	int status = -ETIMEDOUT;

	pthread_mutex_lock(&patience->lock);
	while (patience->busy)
		pthread_cond_wait(&patience->changed, &patience->lock);
	if (patience->hanging) {
		pthread_mutex_unlock(&patience->lock);
		return -EBUSY;
	}
	call = xcalloc(1, sizeof(*call));
	*call = (struct call){ .patience = patience, .run = what, .release = release, .opaque = opaque };
	if (!start(call)) {
		pthread_mutex_unlock(&patience->lock);
		free(call);
		return what(opaque);
	}
	patience->busy = true;
	if (wait_for(call, seconds)) {
		status = call->status == -ETIMEDOUT ? -ETIME : call->status;
		free(call);
	} else {
		call->given_up = patience->hanging = true;
	}
	patience->busy = false;
	pthread_cond_broadcast(&patience->changed);
	pthread_mutex_unlock(&patience->lock);
	return status;
}
