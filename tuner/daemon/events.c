// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/daemon/events.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#define MESSAGE_MAX 8192
#define KERNEL_GROUP 1

static const char *const subsystems[] = {"cpu", "node", "memory"};

int events_open(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT), errnum;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	errnum = errno;
	close(fd);
	return -errnum;
}

/* The value of a "KEY=VALUE" among the message's texts, or NULL. */
static const char *value_of(const char *message, size_t length, const char *key)
{
	size_t key_length = strlen(key);

	for (size_t at = 0; at < length; at += strnlen(message + at, length - at) + 1)
		if (length - at > key_length && !strncmp(message + at, key, key_length) && message[at + key_length] == '=')
			return message + at + key_length + 1;
	return NULL;
}

bool events_concerns(const char *message, size_t length)
{
	const char *subsystem, *name;

	if (!length || message[length - 1])
		return false;
	subsystem = value_of(message, length, "SUBSYSTEM");
	name = value_of(message, length, "DEVNAME");
	if (name && !strcmp(name, "kvm"))
		return value_of(message, length, "EVENT") != NULL;
	for (size_t i = 0; subsystem && i < sizeof(subsystems) / sizeof(subsystems[0]); i++)
		if (!strcmp(subsystem, subsystems[i]))
			return true;
	return false;
}

bool events_take(int fd)
{
	bool concerns = false;

	for (;;) {
		char message[MESSAGE_MAX];
		struct sockaddr_nl from = {0};
		socklen_t size = sizeof(from);
		ssize_t length = recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&from, &size);

		if (length < 0 && errno == ENOBUFS)
			return true; /* some were lost: one of them may have been for us */
		if (length < 0)
			return concerns;
		/* of the kernel, and not of a process that may say anything */
		if (from.nl_pid == 0)
			concerns = events_concerns(message, (size_t)length) || concerns;
	}
}
