// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Character backends. Output is a ring that never forgets before it must: three counters of bytes
 * since the start say what is in it. [head - RING, head) can still be read, [sent, head) is yet to be
 * written out. A socket client that comes is sent from the oldest byte on; without a client, sent
 * does not hold the writer back.
 *
 *     ring:  ...forgotten | history (replayed to a new client) | pending | room
 *                     head - RING                            sent      head
 *
 * Input and output have a source each in the event loop, there only while they have work: a closed
 * pipe reports EPOLLHUP whatever it is asked, and a source that waited with no events would spin.
 */
#include "vmm/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lib/unixsock.h"
#include "lib/xalloc.h"

#define RING         (64u * 1024)
#define INPUT_MAX    4096u
#define ESCAPE       0x01 /* Ctrl-A */
#define PATIENCE_MS  500
#define BUSY_MESSAGE "another client is connected to this console\r\n"

struct chardev {
	struct vm *vm;
	enum chardev_kind kind;
	const char *what, *path; /* the caller's and the configuration's */
	const struct chardev_ops *ops;
	void *opaque;

	/* touched by the I/O thread only */
	int in_fd, out_fd, listen_fd; /* -1: none */
	int spare_fd; /* to turn clients away with when there are no other descriptors left */
	struct loop_source *in, *out, *listener;
	bool terminal, escaped;
	struct termios saved;

	pthread_mutex_t lock; /* guards the rest */
	uint8_t ring[RING];
	uint64_t head, sent;
	bool connected;    /* somebody takes the output, now or soon */
	bool flush_posted;
	bool refused;      /* a writer waits for room */
};

static void on_input(void *opaque, uint32_t events);
static void on_flush(void *opaque, uint32_t events);

/* ---- output ------------------------------------------------------------------------------------ */

size_t chardev_write(struct chardev *chardev, const void *data, size_t length)
{
	size_t taken = 0;

	if (chardev->kind == CHARDEV_NONE)
		return length;
	pthread_mutex_lock(&chardev->lock);
	while (taken < length) {
		if (chardev->connected && chardev->head - chardev->sent == RING)
			break;
		chardev->ring[chardev->head++ % RING] = ((const uint8_t *)data)[taken++];
	}
	chardev->refused = taken < length;
	if (chardev->connected && !chardev->flush_posted) {
		chardev->flush_posted = true;
		loop_post(chardev->vm->loop, on_flush, chardev);
	}
	pthread_mutex_unlock(&chardev->lock);
	return taken;
}

static ssize_t write_out(struct chardev *chardev, const void *data, size_t length)
{
	ssize_t done = send(chardev->out_fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (done < 0 && errno == ENOTSOCK)
		done = write(chardev->out_fd, data, length);
	return done;
}

/* Writes what is pending until it would block. Returns 0 when all is out, else the errno. */
static int drain(struct chardev *chardev)
{
	uint8_t chunk[INPUT_MAX];

	for (;;) {
		size_t length = 0;
		ssize_t done;

		pthread_mutex_lock(&chardev->lock);
		while (length < sizeof(chunk) && chardev->sent + length < chardev->head) {
			chunk[length] = chardev->ring[(chardev->sent + length) % RING];
			length++;
		}
		pthread_mutex_unlock(&chardev->lock);
		if (!length)
			return 0;
		done = write_out(chardev, chunk, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		pthread_mutex_lock(&chardev->lock);
		chardev->sent += (uint64_t)done;
		pthread_mutex_unlock(&chardev->lock);
	}
}

/* Nobody reads any more: forget the client, or for a file or pipe the output. */
static void disconnect(struct chardev *chardev)
{
	loop_remove(steal_pointer(&chardev->in));
	loop_remove(steal_pointer(&chardev->out));
	if (chardev->kind == CHARDEV_UNIX) {
		close(chardev->in_fd);
		close(chardev->out_fd);
		chardev->in_fd = chardev->out_fd = -1;
	}
	pthread_mutex_lock(&chardev->lock);
	chardev->connected = false;
	pthread_mutex_unlock(&chardev->lock);
}

static void tell_writer(struct chardev *chardev)
{
	bool waits;

	pthread_mutex_lock(&chardev->lock);
	waits = chardev->refused && (!chardev->connected || chardev->head - chardev->sent < RING / 2);
	if (waits)
		chardev->refused = false;
	pthread_mutex_unlock(&chardev->lock);
	if (waits && chardev->ops->writable)
		chardev->ops->writable(chardev->opaque);
}

static void flush(struct chardev *chardev)
{
	int problem = chardev->out_fd >= 0 ? drain(chardev) : 0;

	if (problem == EAGAIN) {
		if (!chardev->out)
			chardev->out = loop_add(chardev->vm->loop, chardev->out_fd, EPOLLOUT, on_flush,
				chardev, NULL);
	} else {
		loop_remove(steal_pointer(&chardev->out));
		if (problem)
			disconnect(chardev);
	}
	tell_writer(chardev);
}

static void on_flush(void *opaque, uint32_t events)
{
	struct chardev *chardev = opaque;

	if (!events) { /* posted by a writer */
		pthread_mutex_lock(&chardev->lock);
		chardev->flush_posted = false;
		pthread_mutex_unlock(&chardev->lock);
	}
	flush(chardev);
}

/* ---- input ------------------------------------------------------------------------------------- */

static void watch_input(struct chardev *chardev)
{
	/* A regular file or /dev/null as stdin cannot be watched: then there is no input. */
	if (chardev->in_fd >= 0 && !chardev->in)
		chardev->in =
			loop_add(chardev->vm->loop, chardev->in_fd, EPOLLIN, on_input, chardev, NULL);
}

/* Takes the escape sequences out of terminal input. Returns the bytes that are for the guest. */
static size_t unescape(struct chardev *chardev, uint8_t *data, size_t length)
{
	size_t kept = 0;

	for (size_t i = 0; i < length; i++) {
		if (!chardev->escaped && data[i] == ESCAPE) {
			chardev->escaped = true;
			continue;
		}
		if (chardev->escaped && data[i] == 'x')
			vm_shutdown(chardev->vm, SHUTDOWN_CAUSE_HOST_SIGNAL);
		else
			data[kept++] = data[i];
		chardev->escaped = false;
	}
	return kept;
}

/* A client that closed only its sending half still reads: only EPOLLHUP can come after that. */
static void end_of_input(struct chardev *chardev, uint32_t events)
{
	if (chardev->kind != CHARDEV_UNIX)
		loop_remove(steal_pointer(&chardev->in));
	else if (events & (EPOLLHUP | EPOLLERR))
		disconnect(chardev);
	else
		loop_modify(chardev->in, 0);
}

static void on_input(void *opaque, uint32_t events)
{
	struct chardev *chardev = opaque;
	uint8_t data[INPUT_MAX];
	size_t room = chardev->ops->room(chardev->opaque);
	ssize_t got;

	if (!room) {
		loop_remove(steal_pointer(&chardev->in));
		/* The front end may have made room before it could see that nobody watches. */
		if (chardev->ops->room(chardev->opaque))
			watch_input(chardev);
		return;
	}
	got = read(chardev->in_fd, data, room < sizeof(data) ? room : sizeof(data));
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_of_input(chardev, events);
		return;
	}
	if (chardev->terminal)
		got = (ssize_t)unescape(chardev, data, (size_t)got);
	if (got)
		chardev->ops->receive(chardev->opaque, data, (size_t)got);
}

static void on_resume(void *opaque, uint32_t events)
{
	(void)events;
	watch_input(opaque);
}

void chardev_resume(struct chardev *chardev)
{
	if (chardev->kind != CHARDEV_NONE)
		loop_post(chardev->vm->loop, on_resume, chardev);
}

/* ---- the backends ------------------------------------------------------------------------------ */

/*
 * A descriptor of our own that does not block. The one we were given may be shared with a shell, which
 * would not like O_NONBLOCK on it, so the file is opened anew. Not a regular file: its offset is
 * shared on purpose ("vmm >>log 2>&1"), and it does not block. Nor a socket: see write_out().
 */
static int reopen(int fd, int mode)
{
	char path[32];
	struct stat stat;
	int own;

	if (fstat(fd, &stat) < 0)
		return -1;
	if (S_ISREG(stat.st_mode) || S_ISSOCK(stat.st_mode))
		return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void make_raw(struct chardev *chardev)
{
	struct termios raw;

	if (tcgetattr(chardev->in_fd, &chardev->saved) < 0)
		return;
	raw = chardev->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* our own messages end with a bare newline */
	chardev->terminal = !tcsetattr(chardev->in_fd, TCSANOW, &raw);
}

static int open_stdio(struct chardev *chardev, struct error *err)
{
	(void)err;
	chardev->in_fd = reopen(STDIN_FILENO, O_RDONLY);
	chardev->out_fd = reopen(STDOUT_FILENO, O_WRONLY);
	chardev->connected = chardev->out_fd >= 0;
	if (chardev->in_fd >= 0 && isatty(chardev->in_fd))
		make_raw(chardev);
	watch_input(chardev);
	return 0;
}

static int open_file(struct chardev *chardev, struct error *err)
{
	chardev->out_fd = open(chardev->path,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, 0600);
	if (chardev->out_fd < 0)
		return error_errno(err, errno, "%s: cannot open %s", chardev->what, chardev->path);
	chardev->connected = true;
	return 0;
}

/* The loop may hear of the next client before it hears that this one has gone. */
static bool client_left(const struct chardev *chardev)
{
	struct pollfd client = {.fd = chardev->in_fd};

	return poll(&client, 1, 0) == 1 && client.revents & (POLLHUP | POLLERR);
}

/* A client that stayed in the backlog would wake the loop without end. */
static void turn_away(struct chardev *chardev)
{
	int client;

	close(chardev->spare_fd);
	client = accept4(chardev->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client >= 0)
		close(client);
	chardev->spare_fd = fcntl(chardev->listen_fd, F_DUPFD_CLOEXEC, 0);
}

static void on_connect(void *opaque, uint32_t events)
{
	struct chardev *chardev = opaque;
	int client = accept4(chardev->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (client < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(chardev);
		return;
	}
	if (chardev->in_fd >= 0 && client_left(chardev))
		disconnect(chardev);
	if (chardev->in_fd >= 0) {
		send(client, BUSY_MESSAGE, sizeof(BUSY_MESSAGE) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(client);
		return;
	}
	chardev->in_fd = client;
	chardev->out_fd = fcntl(client, F_DUPFD_CLOEXEC, 0); /* epoll takes a descriptor once */
	if (chardev->out_fd < 0) {
		close(client);
		chardev->in_fd = -1;
		return;
	}
	pthread_mutex_lock(&chardev->lock);
	chardev->connected = true;
	chardev->sent = chardev->head > RING ? chardev->head - RING : 0;
	pthread_mutex_unlock(&chardev->lock);
	watch_input(chardev);
	flush(chardev);
}

static int open_unix(struct chardev *chardev, struct error *err)
{
	chardev->listen_fd = unixsock_listen(chardev->path, err);
	if (chardev->listen_fd >= 0) {
		chardev->spare_fd = fcntl(chardev->listen_fd, F_DUPFD_CLOEXEC, 0);
		chardev->listener = loop_add(chardev->vm->loop, chardev->listen_fd, EPOLLIN, on_connect,
			chardev, err);
	}
	if (!chardev->listener) {
		error_prefix(err, "%s", chardev->what);
		return -EIO;
	}
	return 0;
}

static int open_none(struct chardev *chardev, struct error *err)
{
	(void)chardev;
	(void)err;
	return 0;
}

static int (*const openers[])(struct chardev *chardev, struct error *err) = {
	[CHARDEV_NONE] = open_none,
	[CHARDEV_STDIO] = open_stdio,
	[CHARDEV_FILE] = open_file,
	[CHARDEV_UNIX] = open_unix,
};

struct chardev *chardev_open(struct vm *vm, const struct chardev_config *config, const char *what,
	const struct chardev_ops *ops, void *opaque, struct error *err)
{
	struct chardev *chardev = xcalloc(1, sizeof(*chardev));

	chardev->vm = vm;
	chardev->kind = config->kind;
	chardev->what = what;
	chardev->path = config->path;
	chardev->ops = ops;
	chardev->opaque = opaque;
	chardev->in_fd = chardev->out_fd = chardev->listen_fd = chardev->spare_fd = -1;
	pthread_mutex_init(&chardev->lock, NULL);
	if (openers[config->kind](chardev, err) < 0) {
		chardev_close(chardev);
		return NULL;
	}
	return chardev;
}

/* The last words of a guest matter: a reader that is slow, but reads, is waited for. */
static void drain_patiently(struct chardev *chardev)
{
	struct pollfd wait = {.fd = chardev->out_fd, .events = POLLOUT};

	while (drain(chardev) == EAGAIN)
		if (poll(&wait, 1, PATIENCE_MS) <= 0 || wait.revents & POLLERR)
			return;
}

void chardev_close(struct chardev *chardev)
{
	if (!chardev)
		return;
	if (chardev->out_fd >= 0)
		drain_patiently(chardev);
	loop_remove(chardev->in);
	loop_remove(chardev->out);
	loop_remove(chardev->listener);
	if (chardev->terminal)
		tcsetattr(chardev->in_fd, TCSANOW, &chardev->saved);
	if (chardev->listen_fd >= 0)
		unixsock_unlisten(chardev->listen_fd, chardev->path);
	if (chardev->spare_fd >= 0)
		close(chardev->spare_fd);
	if (chardev->in_fd >= 0)
		close(chardev->in_fd);
	if (chardev->out_fd >= 0)
		close(chardev->out_fd);
	pthread_mutex_destroy(&chardev->lock);
	free(chardev);
}
