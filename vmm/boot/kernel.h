/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two kernel formats behind boot.c: how each is recognised, laid out and handed over. */
#ifndef VMTUNE_VMM_BOOT_KERNEL_H
#define VMTUNE_VMM_BOOT_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/boot/image.h"
#include "vmm/memory.h"

/* What a format's parse function finds out about a kernel file. */
struct kernel {
	uint64_t entry;       /* guest address of the first instruction */
	uint64_t begin, end;  /* guest memory it needs to itself, for placing the initrd */
	uint64_t initrd_max;  /* highest address an initrd byte may have */
	uint32_t cmdline_max; /* bytes without the final NUL */
};

/* What is already in guest memory when the format writes its boot structures. */
struct boot_files {
	uint64_t initrd, initrd_size; /* 0, 0 without */
	uint64_t cmdline, cmdline_size; /* size without the final NUL */
	uint64_t rsdp;
};

struct kernel_format {
	const char *name;
	/* Whether the file's first bytes say it is of this format. */
	bool (*matches)(const uint8_t *head, size_t size);
	int (*parse)(const struct image *image, struct kernel *kernel, struct error *err);
	/* Copies the kernel into guest memory. */
	int (*load)(const struct image *image, const struct kernel *kernel,
		struct guest_memory *memory, struct error *err);
	/* Writes the boot structures the entry point expects. */
	int (*hand_over)(const struct image *image, const struct boot_files *files,
		struct guest_memory *memory, struct error *err);
	/* Registers at the entry point. */
	int (*set_registers)(const struct kernel *kernel, int vcpu_fd, struct error *err);
};

extern const struct kernel_format kernel_format_bzimage;
extern const struct kernel_format kernel_format_pvh;

#endif
