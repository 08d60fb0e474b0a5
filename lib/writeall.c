/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write(2) may write less than it was asked to. */
#include "lib/writeall.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t put = write(fd, data, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		data += put;
		length -= (size_t)put;
	}
	return 0;
}

int write_new_file(const char *path, const char *text, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), status;

	if (fd < 0)
		return error_errno(err, errno, "%s", path);
	status = write_all(fd, text, strlen(text));
	if (close(fd) < 0 && status == 0)
		status = -errno;
	if (status == 0)
		return 0;
	unlink(path);
	return error_errno(err, -status, "writing %s", path);
}
