// SPDX-License-Identifier: GPL-2.0-or-later
/* Listening UNIX sockets. */
#include "vmm/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fill_address(struct sockaddr_un *address, const char *path, struct error *err)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!path[0] || strlen(path) >= sizeof(address->sun_path))
		return error_set(err, EINVAL, "'%s' is no path for a socket: 1 to %zu characters are", path,
			sizeof(address->sun_path) - 1);
	strcpy(address->sun_path, path);
	return 0;
}

/* Makes way at @path: removes a socket that nobody listens on. */
static int clear_path(const struct sockaddr_un *address, struct error *err)
{
	const char *path = address->sun_path;
	struct stat stat;
	int probe, busy;

	if (lstat(path, &stat) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at %s", path);
	if (!S_ISSOCK(stat.st_mode))
		return error_set(err, EEXIST, "%s is there already and is not a socket", path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	busy = probe >= 0 &&
		(!connect(probe, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN);
	if (probe >= 0)
		close(probe);
	if (busy)
		return error_set(err, EADDRINUSE, "%s is in use by another process", path);
	return unlink(path) < 0 ? error_errno(err, errno, "cannot remove the stale socket %s", path) : 0;
}

int unix_socket_listen(const char *path, struct error *err)
{
	struct sockaddr_un address;
	mode_t old;
	int fd, ret;

	if (fill_address(&address, path, err) < 0 || clear_path(&address, err) < 0)
		return -EINVAL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket");
	old = umask(0177);
	ret = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(old);
	if (ret < 0 || listen(fd, 16) < 0) {
		ret = error_errno(err, errno, "cannot listen on %s", path);
		close(fd);
		return ret;
	}
	return fd;
}

void unix_socket_close(int fd, const char *path)
{
	unlink(path);
	close(fd);
}
