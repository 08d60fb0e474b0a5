/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one door to the host's files. In a captured tree every path is resolved inside that tree
 * (openat2(2) with RESOLVE_IN_ROOT), so that an absolute link or a ".." in it can never lead a read,
 * and still less a write, to this machine's own /sys.
 */
#include "host/root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/xalloc.h"

#define READ_ALL_FIRST 16384
#define READ_ALL_MAX   (64u << 20) /* no /proc file we read is longer; a capture may hold anything */

int root_init(struct root *root, const char *dir, struct error *err)
{
	struct stat status;
	size_t length = dir ? strlen(dir) : 0;

	root->dir[0] = '\0';
	while (length && dir[length - 1] == '/')
		length--;
	if (!length)
		return 0;
	if (length >= sizeof(root->dir))
		return error_set(err, ENAMETOOLONG, "the path of the captured machine is too long");
	if (stat(dir, &status) < 0)
		return error_errno(err, errno, "captured machine '%s'", dir);
	if (!S_ISDIR(status.st_mode))
		return error_set(err, ENOTDIR, "captured machine '%s' is not a directory", dir);
	memcpy(root->dir, dir, length);
	root->dir[length] = '\0';
	return 0;
}

bool root_is_live(const struct root *root)
{
	return !root->dir[0];
}

const char *root_path(const struct root *root, char out[PATH_MAX], const char *fmt, ...)
{
	size_t used = (size_t)snprintf(out, PATH_MAX, "%s", root->dir);
	va_list args;

	va_start(args, fmt);
	vsnprintf(out + used, PATH_MAX - used, fmt, args);
	va_end(args);
	return out;
}

/* Opens a host path. Returns the descriptor or -errno. */
static int open_host(const struct root *root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT };
	int dir, fd;

	if (root_is_live(root)) {
		fd = open(path, flags | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	dir = open(root->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(dir);
	return fd;
}

static int open_formatted(const struct root *root, const char *fmt, va_list args)
{
	char path[PATH_MAX];

	if (vsnprintf(path, sizeof(path), fmt, args) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	/* A FIFO in a captured tree must not hold us up. */
	return open_host(root, path, O_RDONLY | O_NONBLOCK);
}

/* Reads to the end of file or of the buffer. Returns the length (== size when full) or -errno. */
static ssize_t read_up_to(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(fd, buf + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

static int read_small(const struct root *root, char *buf, size_t size, const char *fmt, va_list args)
{
	ssize_t length;
	int fd;

	buf[0] = '\0';
	fd = open_formatted(root, fmt, args);
	if (fd < 0)
		return fd;
	length = read_up_to(fd, buf, size);
	close(fd);
	if (length == (ssize_t)size)
		length = -EFBIG;
	buf[length < 0 ? 0 : length] = '\0';
	return (int)length;
}

static int read_line(const struct root *root, char *buf, size_t size, const char *fmt, va_list args)
{
	int length = read_small(root, buf, size, fmt, args);

	while (length > 0 && isspace((unsigned char)buf[length - 1]))
		buf[--length] = '\0';
	return length;
}

int root_read(const struct root *root, char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = read_small(root, buf, size, fmt, args);
	va_end(args);
	return length;
}

int root_read_line(const struct root *root, char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = read_line(root, buf, size, fmt, args);
	va_end(args);
	return length;
}

int root_read_u64(const struct root *root, uint64_t *value, const char *fmt, ...)
{
	unsigned long long parsed;
	char text[64], *end;
	va_list args;
	int length;

	va_start(args, fmt);
	length = read_line(root, text, sizeof(text), fmt, args);
	va_end(args);
	if (length < 0)
		return length;
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	parsed = strtoull(text, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*value = parsed;
	return 0;
}

int root_read_idset(const struct root *root, struct idset *set, const char *fmt, ...)
{
	char text[IDSET_MAX * 6]; /* "4094,": the longest list names every second number */
	va_list args;
	int length;

	va_start(args, fmt);
	length = read_line(root, text, sizeof(text), fmt, args);
	va_end(args);
	return length < 0 ? length : idset_parse(text, set, NULL);
}

char *root_read_all(const struct root *root, size_t *length, const char *fmt, ...)
{
	size_t size = READ_ALL_FIRST, used = 0;
	char *text;
	va_list args;
	int fd;

	va_start(args, fmt);
	fd = open_formatted(root, fmt, args);
	va_end(args);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	text = xmalloc(size);
	for (;;) {
		ssize_t got = read_up_to(fd, text + used, size - used);

		if (got < 0 || size > READ_ALL_MAX) {
			free(text);
			close(fd);
			errno = got < 0 ? (int)-got : EFBIG;
			return NULL;
		}
		used += (size_t)got;
		if (used < size)
			break;
		size *= 2;
		text = xreallocarray(text, size, 1);
	}
	close(fd);
	text[used] = '\0';
	if (length)
		*length = used;
	return text;
}

DIR *root_opendir(const struct root *root, const char *fmt, ...)
{
	va_list args;
	DIR *dir;
	int fd;

	va_start(args, fmt);
	fd = open_formatted(root, fmt, args);
	va_end(args);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

int root_write(const struct root *root, const char *path, const char *text, size_t length)
{
	struct stat status;
	int fd, result = 0;
	ssize_t put;

	fd = open_host(root, path, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	do
		put = write(fd, text, length);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		result = -errno;
	else if ((size_t)put != length)
		result = -EIO;
	/* A captured setting is a plain file: the rest of a longer old value must go. */
	else if (!root_is_live(root) && !fstat(fd, &status) && S_ISREG(status.st_mode) &&
		 ftruncate(fd, (off_t)length) < 0)
		result = -errno;
	if (close(fd) < 0 && !result)
		result = -errno;
	return result;
}
