/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one door to the host's files. Every path under /sys, /proc, /run, /var/lib and the cgroup
 * mount goes through a root, so that `--sysroot DIR` reads (and, for actions, writes) a captured
 * machine instead of this one.
 */
#ifndef VMTUNE_HOST_ROOT_H
#define VMTUNE_HOST_ROOT_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/idset.h"

struct root {
	char dir[PATH_MAX]; /* "" is this machine; otherwise no trailing slash */
};

/* @dir NULL or "/" means this machine. -ENOENT / -ENOTDIR with @err when it is no directory. */
int root_init(struct root *root, const char *dir, struct error *err);
bool root_is_live(const struct root *root);

/* The real path of a host path ("/sys/...", printf-style). Returns @out. */
const char *root_path(const struct root *root, char out[PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Reads a small file whole; the text is NUL-terminated and not trimmed (settings are restored byte
 * for byte). Returns its length, -EFBIG when it does not fit, or another -errno. No message: a
 * missing file is an answer here, and the caller knows what it means.
 */
int root_read(const struct root *root, char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same without blanks at the end. */
int root_read_line(const struct root *root, char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A decimal number. -EINVAL when the file holds something else. */
int root_read_u64(const struct root *root, uint64_t *value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A CPU or node list. */
int root_read_idset(const struct root *root, struct idset *set, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A whole file of any length, for /proc files: NUL-terminated, the caller frees. NULL sets errno. */
char *root_read_all(const struct root *root, size_t *length, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A folder, to be read with readdir(3) and closed with closedir(3). NULL sets errno. */
DIR *root_opendir(const struct root *root, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Writes a setting with one write(2), as sysfs wants it; never creates the file. Only the tuner's
 * actions call this. Returns 0 or -errno.
 */
int root_write(const struct root *root, const char *path, const char *text, size_t length);

#endif
