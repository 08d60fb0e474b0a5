/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What test_bzimage and test_pvh share: a kernel file made of bytes, and a guest to load it into. */
#ifndef VMTUNE_TESTS_UNIT_KERNEL_BENCH_H
#define VMTUNE_TESTS_UNIT_KERNEL_BENCH_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/size.h"
#include "vmm/boot/boot.h"
#include "vmm/layout.h"

#define BENCH_RSDP 0xe0000u

struct kernel_bench {
	char path[32], initrd_path[32];
	struct vm_config config;
	struct guest_memory memory;
	struct boot *boot;
	struct error err;
};

static inline void bench_write(char path[32], const void *data, size_t size)
{
	int fd;

	strcpy(path, "/tmp/test-kernel-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* Opens @size bytes as a kernel in a guest of @ram bytes. Returns what boot_open() and _load() do. */
static inline int bench_boot(struct kernel_bench *bench, const void *kernel, size_t size,
	const void *initrd, size_t initrd_size, const char *append, uint64_t ram)
{
	const struct memory_node_config node = {.size = ram};

	memset(bench, 0, sizeof(*bench));
	bench_write(bench->path, kernel, size);
	bench->config.kernel = bench->path;
	bench->config.append = (char *)append;
	bench->config.serial.kind = CHARDEV_STDIO;
	if (initrd) {
		bench_write(bench->initrd_path, initrd, initrd_size);
		bench->config.initrd = bench->initrd_path;
	}
	if (memory_create(&bench->memory, &node, 1, false, &bench->err) < 0)
		abort();
	bench->boot = boot_open(&bench->config, &bench->err);
	return bench->boot ? boot_load(bench->boot, &bench->memory, BENCH_RSDP, &bench->err) : -1;
}

static inline void bench_free(struct kernel_bench *bench)
{
	boot_free(bench->boot);
	memory_release(&bench->memory);
	unlink(bench->path);
	if (bench->config.initrd)
		unlink(bench->initrd_path);
}

static inline uint32_t bench_read32(struct kernel_bench *bench, uint64_t gpa)
{
	uint32_t value;

	memcpy(&value, memory_at(&bench->memory, gpa, 4), 4);
	return value;
}

#endif
