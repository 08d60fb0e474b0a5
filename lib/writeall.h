/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write(2) until all is written. */
#ifndef VMTUNE_LIB_WRITEALL_H
#define VMTUNE_LIB_WRITEALL_H

#include <stddef.h>

/* Writes @length bytes to a blocking descriptor, again after EINTR. Returns 0 or -errno. */
int write_all(int fd, const char *data, size_t length);

#endif
