/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening UNIX sockets, as the consoles and the control socket use them. */
#ifndef VMTUNE_VMM_UNIX_SOCKET_H
#define VMTUNE_VMM_UNIX_SOCKET_H

#include "lib/error.h"

/*
 * Listens on @path with mode 0600, non-blocking. A socket nobody listens on any more is replaced; one
 * that answers, and a file that is no socket, are errors. Returns the descriptor. Before the first
 * thread is made (it sets the umask for a moment).
 */
int unix_socket_listen(const char *path, struct error *err);
/* Closes the descriptor and unlinks @path. */
void unix_socket_close(int fd, const char *path);

#endif
