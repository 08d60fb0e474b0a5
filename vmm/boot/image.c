// SPDX-License-Identifier: GPL-2.0-or-later
/* Checked reads from kernel files. The file stays open for the VM's life: a reset loads it again. */
#include "vmm/boot/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

int image_open(struct image *image, const char *path, struct error *err)
{
	struct stat stat;

	*image = (struct image){.fd = open(path, O_RDONLY | O_CLOEXEC), .path = path};
	if (image->fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	if (fstat(image->fd, &stat) < 0 || !S_ISREG(stat.st_mode)) {
		image_close(image);
		return error_set(err, EINVAL, "%s is not a regular file", path);
	}
	if (!stat.st_size) {
		image_close(image);
		return error_set(err, EINVAL, "%s is empty", path);
	}
	image->size = (uint64_t)stat.st_size;
	return 0;
}

void image_close(struct image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}

int image_read(const struct image *image, uint64_t offset, void *into, uint64_t length,
	struct error *err)
{
	if (length > image->size || offset > image->size - length)
		return error_set(err, EINVAL,
			"%s is cut short: it has %" PRIu64 " bytes, and %" PRIu64 " from offset %" PRIu64
			" are needed",
			image->path, image->size, length, offset);
	for (uint64_t done = 0; done < length;) {
		ssize_t got =
			pread(image->fd, (uint8_t *)into + done, length - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, errno, "cannot read %s", image->path);
		if (!got)
			return error_set(err, EIO, "%s became shorter while it was read", image->path);
		done += (uint64_t)got;
	}
	return 0;
}

int image_load(const struct image *image, uint64_t offset, struct guest_memory *memory,
	uint64_t gpa, uint64_t length, struct error *err)
{
	void *into = memory_at(memory, gpa, length);

	if (!into)
		return error_set(err, EINVAL,
			"%s wants %" PRIu64 " bytes at guest address 0x%" PRIx64
			", where there is no RAM: give the guest more --memory",
			image->path, length, gpa);
	return image_read(image, offset, into, length, err);
}
