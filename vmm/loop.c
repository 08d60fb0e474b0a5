// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event loop. A source that is removed is taken out of epoll at once, but its memory is freed by
 * the loop's thread between two batches of events: a batch that was fetched before may still name it.
 */
#include "vmm/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/xalloc.h"

#define BATCH 32

struct loop_source {
	struct loop *loop;
	int fd;
	bool timer; /* the fd is a timerfd of ours */
	atomic_bool removed;
	loop_fn *fn;
	void *opaque;
	struct loop_source *next; /* in loop->sources, then in loop->removed */
	struct loop_source **prev;
};

struct post {
	loop_fn *fn;
	void *opaque;
	struct post *next;
};

struct loop {
	int epoll_fd, wake_fd;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock; /* guards the three lists */
	struct loop_source *sources;
	struct loop_source *removed;
	struct post *posts, **posts_end;
};

struct loop *loop_new(struct error *err)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));
	struct epoll_event event = {.events = EPOLLIN};

	pthread_mutex_init(&loop->lock, NULL);
	loop->thread = pthread_self();
	loop->posts_end = &loop->posts;
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->wake_fd < 0 || loop->epoll_fd < 0 ||
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) < 0) {
		error_errno(err, errno, "cannot create an event loop");
		loop_free(loop);
		return NULL;
	}
	return loop;
}

static void free_source(struct loop_source *source)
{
	if (source->timer)
		close(source->fd);
	free(source);
}

static void free_list(struct loop_source *source)
{
	while (source) {
		struct loop_source *next = source->next;

		free_source(source);
		source = next;
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	free_list(loop->sources);
	free_list(loop->removed);
	while (loop->posts) {
		struct post *next = loop->posts->next;

		free(loop->posts);
		loop->posts = next;
	}
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

static void link_source(struct loop *loop, struct loop_source *source)
{
	pthread_mutex_lock(&loop->lock);
	source->next = loop->sources;
	source->prev = &loop->sources;
	if (source->next)
		source->next->prev = &source->next;
	loop->sources = source;
	pthread_mutex_unlock(&loop->lock);
}

struct loop_source *loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *opaque,
	struct error *err)
{
	struct loop_source *source = xcalloc(1, sizeof(*source));
	struct epoll_event event = {.events = events, .data.ptr = source};

	source->loop = loop;
	source->fd = fd;
	source->fn = fn;
	source->opaque = opaque;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		error_errno(err, errno, "cannot watch file descriptor %d", fd);
		free(source);
		return NULL;
	}
	link_source(loop, source);
	return source;
}

void loop_modify(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_remove(struct loop_source *source)
{
	struct loop *loop;

	if (!source)
		return;
	loop = source->loop;
	/* Out of epoll first: once it is in the list the loop's thread may free it. */
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	pthread_mutex_lock(&loop->lock);
	*source->prev = source->next;
	if (source->next)
		source->next->prev = source->prev;
	atomic_store(&source->removed, true);
	source->next = loop->removed;
	loop->removed = source;
	pthread_mutex_unlock(&loop->lock);
}

struct loop_source *loop_add_timer(struct loop *loop, loop_fn *fn, void *opaque, struct error *err)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct loop_source *source;

	if (fd < 0) {
		error_errno(err, errno, "cannot create a timer");
		return NULL;
	}
	source = loop_add(loop, fd, EPOLLIN, fn, opaque, err);
	if (source)
		source->timer = true;
	else
		close(fd);
	return source;
}

static struct timespec from_ms(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

void loop_timer_set(struct loop_source *timer, uint64_t delay_ms, uint64_t period_ms)
{
	struct itimerspec spec = {.it_value = from_ms(delay_ms)};

	if (delay_ms)
		spec.it_interval = from_ms(period_ms);
	timerfd_settime(timer->fd, 0, &spec, NULL);
}

static void wake(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t ret = write(loop->wake_fd, &one, sizeof(one));

	(void)ret; /* EAGAIN: the counter is full, so it is awake anyway */
}

static void run_posts(struct loop *loop)
{
	struct post *post, *next;
	uint64_t count;
	ssize_t ret = read(loop->wake_fd, &count, sizeof(count));

	(void)ret; /* EAGAIN: somebody else's wake-up */
	pthread_mutex_lock(&loop->lock);
	post = loop->posts;
	loop->posts = NULL;
	loop->posts_end = &loop->posts;
	pthread_mutex_unlock(&loop->lock);
	for (; post; post = next) {
		next = post->next;
		post->fn(post->opaque, 0);
		free(post);
	}
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	struct loop_source *source = event->data.ptr;
	uint64_t expirations;

	if (!source) {
		run_posts(loop);
		return;
	}
	if (atomic_load(&source->removed))
		return;
	if (source->timer && read(source->fd, &expirations, sizeof(expirations)) < 0)
		return; /* set anew since it fired */
	source->fn(source->opaque, event->events);
}

static void free_removed(struct loop *loop)
{
	struct loop_source *removed;

	pthread_mutex_lock(&loop->lock);
	removed = loop->removed;
	loop->removed = NULL;
	pthread_mutex_unlock(&loop->lock);
	free_list(removed);
}

void loop_run(struct loop *loop)
{
	struct epoll_event events[BATCH];

	loop->thread = pthread_self();
	while (!atomic_load(&loop->stop)) {
		int count = epoll_wait(loop->epoll_fd, events, BATCH, -1);

		for (int i = 0; i < count && !atomic_load(&loop->stop); i++)
			dispatch(loop, &events[i]);
		free_removed(loop);
	}
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	wake(loop);
}

void loop_post(struct loop *loop, loop_fn *fn, void *opaque)
{
	struct post *post = xmalloc(sizeof(*post));

	*post = (struct post){fn, opaque, NULL};
	pthread_mutex_lock(&loop->lock);
	*loop->posts_end = post;
	loop->posts_end = &post->next;
	pthread_mutex_unlock(&loop->lock);
	wake(loop);
}

bool loop_is_current(const struct loop *loop)
{
	return pthread_equal(loop->thread, pthread_self());
}
