/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write(2) until all is written; files that are made whole or not at all. */
#ifndef VMTUNE_LIB_WRITEALL_H
#define VMTUNE_LIB_WRITEALL_H

#include <stddef.h>

#include "lib/error.h"

/* Writes @length bytes to a blocking descriptor, again after EINTR. Returns 0 or -errno. */
int write_all(int fd, const char *data, size_t length);

/*
 * Makes a file of @text, readable by all; one that cannot be written to its end is removed. Returns 0, or
 * negative with @err; -EEXIST where there is one already, which stays as it is.
 */
int write_new_file(const char *path, const char *text, struct error *err);

#endif
