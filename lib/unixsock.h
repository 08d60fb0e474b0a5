/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UNIX stream sockets by path: listening and connecting, with the checks that each needs. */
#ifndef VMTUNE_LIB_UNIXSOCK_H
#define VMTUNE_LIB_UNIXSOCK_H

#include "lib/error.h"

/*
 * A listening socket at @path: mode 0600, non-blocking, close-on-exec. A socket file that nobody
 * listens on any more is replaced; one with a listener, and any other kind of file, is left alone.
 * Returns the fd, or -EADDRINUSE, -EEXIST, -ENAMETOOLONG or another negative errno with @err filled.
 */
int unixsock_listen(const char *path, struct error *err);
/* Unlinks @path and closes the listening socket. */
void unixsock_unlisten(int fd, const char *path);

/*
 * A connection to @path, blocking, close-on-exec. Returns the fd or a negative errno with @err
 * filled; -ECONNREFUSED: the file is there, its listener is not.
 */
int unixsock_connect(const char *path, struct error *err);

#endif
