// SPDX-License-Identifier: GPL-2.0-or-later
/* UNIX stream sockets by path. */
#include "lib/unixsock.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int address_of(const char *path, struct sockaddr_un *address, struct error *err)
{
	size_t length = strlen(path);

	if (!length)
		return error_set(err, EINVAL, "the path of a socket is empty");
	if (length >= sizeof(address->sun_path))
		return error_set(err, ENAMETOOLONG, "socket path '%s' has %zu bytes; at most %zu work", path,
			length, sizeof(address->sun_path) - 1);
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length);
	return 0;
}

static int new_socket(int flags, struct error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	return fd < 0 ? error_errno(err, errno, "cannot create a socket") : fd;
}

/* Whether somebody listens at @address. EAGAIN: yes, with a full backlog. */
static bool is_live(const struct sockaddr_un *address)
{
	int fd = new_socket(SOCK_NONBLOCK, NULL);
	bool live;

	if (fd < 0)
		return true; /* unknown: touch nothing */
	live = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
	close(fd);
	return live;
}

/* Makes room at the path, when what is there is a socket without a listener. */
static int remove_stale(const struct sockaddr_un *address, struct error *err)
{
	const char *path = address->sun_path;
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at socket '%s'", path);
	if (!S_ISSOCK(status.st_mode))
		return error_set(err, EEXIST, "'%s' exists and is not a socket; remove it or choose another path",
			path);
	if (is_live(address))
		return error_set(err, EADDRINUSE, "socket '%s' is in use by a running program", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot replace the stale socket '%s'", path);
	return 0;
}

int unixsock_listen(const char *path, struct error *err)
{
	struct sockaddr_un address;
	int fd, ret = address_of(path, &address, err);

	if (ret < 0)
		return ret;
	ret = remove_stale(&address, err);
	if (ret < 0)
		return ret;
	fd = new_socket(SOCK_NONBLOCK, err);
	if (fd < 0)
		return fd;
	/* Linux gives the file the mode of the socket's inode, so it is never open to others. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, BACKLOG) < 0) {
		ret = error_errno(err, errno, "cannot listen on '%s'", path);
		close(fd);
		return ret;
	}
	return fd;
}

void unixsock_unlisten(int fd, const char *path)
{
	unlink(path);
	close(fd);
}

int unixsock_connect(const char *path, struct error *err)
{
	struct sockaddr_un address;
	int fd, ret = address_of(path, &address, err);

	if (ret < 0)
		return ret;
	fd = new_socket(0, err);
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		ret = error_errno(err, errno, "cannot connect to '%s'", path);
		close(fd);
		return ret;
	}
	return fd;
}
