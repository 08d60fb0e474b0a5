/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel or initrd file: every read is checked against its size, every error names it. */
#ifndef VMTUNE_VMM_BOOT_IMAGE_H
#define VMTUNE_VMM_BOOT_IMAGE_H

#include <stdint.h>

#include "lib/error.h"
#include "vmm/memory.h"

struct image {
	int fd;
	uint64_t size;
	const char *path; /* the caller's */
};

/* Opens a regular, non-empty file. @path must outlive the image. */
int image_open(struct image *image, const char *path, struct error *err);
void image_close(struct image *image);
/* Reads exactly @length bytes from @offset. -EINVAL when the file does not have them. */
int image_read(const struct image *image, uint64_t offset, void *into, uint64_t length,
	struct error *err);
/* The same into guest memory; -EINVAL also when [gpa, gpa + length) is not all RAM. */
int image_load(const struct image *image, uint64_t offset, struct guest_memory *memory,
	uint64_t gpa, uint64_t length, struct error *err);

#endif
