/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write(2) may write less than it was asked to. */
#include "lib/writeall.h"

#include <errno.h>
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
