// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/pagemap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int pagemap_open(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

bool pagemap_read(int fd, uint64_t index, uint64_t *entry)
{
	return pread(fd, entry, sizeof(*entry), (off_t)(index * sizeof(*entry))) == (ssize_t)sizeof(*entry);
}

uint64_t sample_page(uint64_t pages, uint64_t count, uint64_t i, uint64_t *length)
{
	uint64_t first = pages * i / count;

	*length = pages * (i + 1) / count - first;
	return *length ? first + (uint64_t)random() % *length : first;
}
