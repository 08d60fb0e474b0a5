/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The screen. A thread of its own takes the samples: a guest whose control socket or /proc file hangs
 * delays the next sample, never a key. Samples come over one at a time; model and frame belong to the
 * main thread alone.
 */
#include "monitor/live.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "monitor/keys.h"
#include "monitor/terminal.h"

#define INTERVAL_MIN 0.1
#define INTERVAL_MAX 60.0
#define FIRST_INTERVAL 0.3 /* rates soon after the start, then at the user's pace */

struct feed {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct sampler *sampler;
	struct sample *latest;   /* not yet taken over by the screen */
	double interval;
	bool stop;
	int event;               /* eventfd: ->latest is there */
};

struct live {
	struct feed *feed;
	struct view view;
	struct sample *before, *now;
	struct model *model;
	int page;
};

static volatile sig_atomic_t ended; /* SIGTERM, SIGHUP, SIGINT: the terminal must be given back */

static void on_end(int signal_number)
{
	ended = signal_number;
}

/* ---- the sampler's thread --------------------------------------------------------------------- */

static void hand_over(struct feed *feed, struct sample *sample)
{
	uint64_t one = 1;

	sample_free(feed->latest); /* the screen was too slow for it */
	feed->latest = sample;
	if (write(feed->event, &one, sizeof(one)) < 0) {
		/* Full means that the screen has been told already. */
	}
}

static void wait_interval(struct feed *feed, double seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	seconds += (double)until.tv_nsec / 1e9;
	until.tv_sec += (time_t)seconds;
	until.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
	while (!feed->stop && pthread_cond_timedwait(&feed->wake, &feed->lock, &until) != ETIMEDOUT)
		;
}

static void *feed_main(void *opaque)
{
	struct feed *feed = opaque;
	unsigned long count = 0;

	pthread_mutex_lock(&feed->lock);
	while (!feed->stop) {
		struct sample *sample;

		pthread_mutex_unlock(&feed->lock);
		sample = sampler_take(feed->sampler, false);
		pthread_mutex_lock(&feed->lock);
		hand_over(feed, sample);
		wait_interval(feed, count++ ? feed->interval : fmin(FIRST_INTERVAL, feed->interval));
	}
	pthread_mutex_unlock(&feed->lock);
	return NULL;
}

static struct feed *feed_start(struct sampler *sampler, double interval, pthread_t *thread)
{
	struct feed *feed = xcalloc(1, sizeof(*feed));
	pthread_condattr_t monotonic;
	sigset_t all, old;

	feed->sampler = sampler;
	feed->interval = interval;
	feed->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&feed->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&feed->wake, &monotonic);
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(thread, NULL, feed_main, feed)) {
		free(feed);
		feed = NULL;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return feed;
}

/* A thread that hangs in a read is left to the end of the process, with what it uses. */
static void feed_stop(struct feed *feed, pthread_t thread)
{
	struct timespec until;

	pthread_mutex_lock(&feed->lock);
	feed->stop = true;
	pthread_cond_signal(&feed->wake);
	pthread_mutex_unlock(&feed->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 1;
	if (pthread_timedjoin_np(thread, NULL, &until))
		return;
	sample_free(feed->latest);
	sampler_free(feed->sampler);
	close(feed->event);
	free(feed);
}

/* ---- the screen's thread ---------------------------------------------------------------------- */

static void take_sample(struct live *live)
{
	struct sample *sample;
	uint64_t events;

	if (read(live->feed->event, &events, sizeof(events)) < 0)
		return;
	pthread_mutex_lock(&live->feed->lock);
	sample = steal_pointer(&live->feed->latest);
	pthread_mutex_unlock(&live->feed->lock);
	if (!sample || live->view.paused) {
		sample_free(sample);
		return;
	}
	model_free(live->model);
	sample_free(live->before);
	live->before = live->now;
	live->now = sample;
	live->model = model_make(live->before, live->now);
}

static void draw(struct live *live)
{
	struct layout layout = { .rows = 1 };
	struct frame *frame;
	int width, height;

	terminal_size(&width, &height);
	if (live->model) {
		model_sort(live->model, live->view.sort, live->view.reverse);
		if (live->view.screen == SCREEN_LIST && view_selected(&live->view, live->model) < 0)
			view_select(&live->view, live->model, 0);
		screen_layout(live->model, width, height, &layout);
	}
	live->page = layout.rows;
	frame = screen_draw(&live->view, live->model, width, height);
	terminal_paint(frame);
	frame_free(frame);
}

static void change_interval(struct live *live, double factor)
{
	pthread_mutex_lock(&live->feed->lock);
	live->feed->interval = fmin(INTERVAL_MAX, fmax(INTERVAL_MIN, live->feed->interval * factor));
	pthread_mutex_unlock(&live->feed->lock);
}

/* Carries out all keys that are there. False when the user quits. */
static bool take_keys(struct live *live)
{
	int key;

	while ((key = terminal_key()) != KEY_NONE_)
		switch (key_press(key, &live->view, live->model, live->page)) {
		case REACTION_QUIT:
			return false;
		case REACTION_SLOWER:
			change_interval(live, 2);
			break;
		case REACTION_FASTER:
			change_interval(live, 0.5);
			break;
		case REACTION_NONE:
		case REACTION_DRAW:
			break;
		}
	return true;
}

static void loop(struct live *live, long count)
{
	struct pollfd files[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN }, { .fd = live->feed->event, .events = POLLIN },
	};
	long shown = 0;

	do {
		draw(live);
		/* EINTR is SIGWINCH: ncurses has noted it and the next key says so. */
		if (poll(files, 2, -1) < 0 && errno != EINTR)
			return;
		if (files[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			return; /* the terminal is gone */
		if (files[1].revents & POLLIN) {
			take_sample(live);
			shown++;
		}
	} while (take_keys(live) && !ended && (!count || shown < count));
}

int live_run(struct sampler *sampler, const struct live_config *config, struct error *err)
{
	struct live live = { .view = { .sort = config->sort, .interactive = true } };
	struct sigaction action = { .sa_handler = on_end };
	pthread_t thread;
	int result = terminal_open(err);

	if (result < 0) {
		sampler_free(sampler);
		return result;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	live.feed = feed_start(sampler, config->interval, &thread);
	if (live.feed)
		loop(&live, config->count);
	terminal_close();
	if (!live.feed) {
		sampler_free(sampler);
		return error_set(err, EAGAIN, "cannot start the sampler's thread");
	}
	feed_stop(live.feed, thread);
	model_free(live.model);
	sample_free(live.before);
	sample_free(live.now);
	return 0;
}
