/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character backends: where a guest's serial port or console goes. stdio (a terminal is put into
 * raw mode; Ctrl-A x ends the guest, Ctrl-A Ctrl-A sends one Ctrl-A), a file, or a UNIX socket that
 * one client at a time may connect to, again and again; a new client is first sent the last output.
 *
 * Nothing here blocks: output goes into a ring and from there to the file by the I/O thread; input
 * is read only as far as the front end has room.
 */
#ifndef VMTUNE_VMM_CHARDEV_H
#define VMTUNE_VMM_CHARDEV_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/options.h"
#include "vmm/vm.h"

struct chardev;

/* What a front end (serial port, virtio console) does with input. All on the I/O thread. */
struct chardev_ops {
	/* How many bytes the front end can take now. 0 stops reading until chardev_resume(). */
	size_t (*room)(void *opaque);
	/* Input of at most room() bytes. */
	void (*receive)(void *opaque, const uint8_t *data, size_t length);
	/* Output that was refused before fits again. Optional. */
	void (*writable)(void *opaque);
};

/*
 * Opens the backend; CHARDEV_NONE swallows output and never has input. @what names the front end in
 * errors ("serial"). The socket is made with mode 0600; a stale one is replaced, a live one an error.
 * NULL with @err on failure.
 */
struct chardev *chardev_open(struct vm *vm, const struct chardev_config *config, const char *what,
	const struct chardev_ops *ops, void *opaque, struct error *err);
/* Writes out what is pending as far as that works without waiting, restores the terminal. */
void chardev_close(struct chardev *chardev);

/*
 * Queues output; from any thread, never blocks. Returns the bytes taken; less than @length when a
 * reader is slow (writable() is called later). A socket without a client takes everything and
 * keeps the last 64 KiB.
 */
size_t chardev_write(struct chardev *chardev, const void *data, size_t length);
/* The front end has room for input again. From any thread. */
void chardev_resume(struct chardev *chardev);

#endif
