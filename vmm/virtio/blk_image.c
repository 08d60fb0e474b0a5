// SPDX-License-Identifier: GPL-2.0-or-later
/* Raw disk images. */
#include "vmm/virtio/blk_image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

static int open_file(const char *path, bool readonly, struct error *err)
{
	/* O_NONBLOCK: a FIFO given by mistake is refused below instead of waited for. */
	int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	if (!readonly && (errno == EACCES || errno == EROFS || errno == EPERM))
		return error_errno(err, errno, "cannot open disk '%s' for writing (readonly would do without)",
			path);
	return error_errno(err, errno, "cannot open disk '%s'", path);
}

static int get_size(int fd, const char *path, uint64_t *bytes, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot look at disk '%s'", path);
	if (S_ISREG(st.st_mode)) {
		*bytes = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return error_set(err, EINVAL, "disk '%s' is neither a file nor a block device", path);
	if (ioctl(fd, BLKGETSIZE64, bytes) < 0)
		return error_errno(err, errno, "cannot get the size of disk '%s'", path);
	return 0;
}

static int lock(int fd, const char *path, bool readonly, struct error *err)
{
	struct flock range = {.l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return error_set(err, EBUSY, "disk '%s' is in use by another process%s", path,
			readonly ? " that writes to it" : "; only read-only disks can be shared");
	return error_errno(err, errno, "cannot lock disk '%s'", path);
}

int blk_image_open(const char *path, bool readonly, uint64_t *sectors, struct error *err)
{
	int fd = open_file(path, readonly, err);
	uint64_t bytes = 0;
	int ret;

	if (fd < 0)
		return fd;
	ret = get_size(fd, path, &bytes, err);
	if (ret == 0 && (!bytes || bytes % SECTOR_SIZE))
		ret = error_set(err, EINVAL,
			"disk '%s' has %" PRIu64 " bytes; a raw image is one or more whole sectors of %u", path,
			bytes, SECTOR_SIZE);
	if (ret == 0)
		ret = lock(fd, path, readonly, err);
	if (ret == 0 && fcntl(fd, F_SETFL, 0) < 0)
		ret = error_errno(err, errno, "cannot set up disk '%s'", path);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	*sectors = bytes / SECTOR_SIZE;
	return fd;
}
