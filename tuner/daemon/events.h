/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What wakes the daemon before its interval is over: the kernel's own messages (netlink(7),
 * NETLINK_KOBJECT_UEVENT) that a virtual machine was made or ended (/dev/kvm says so with EVENT= and PID=)
 * and that a CPU, a memory block or a node went or came. Files of sysfs cannot be watched by inotify(7).
 */
#ifndef VMTUNE_TUNER_DAEMON_EVENTS_H
#define VMTUNE_TUNER_DAEMON_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

/* A descriptor to poll, or a negative errno: then only the interval wakes. */
int events_open(void);
/* Takes what has come; whether one of it concerns the daemon. */
bool events_take(int fd);
/* Whether a message of @length bytes ("change@/devices/virtual/misc/kvm\0ACTION=change\0...") does. Pure. */
bool events_concerns(const char *message, size_t length);

#endif
