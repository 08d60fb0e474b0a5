// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a kernel file: it is refused, or loaded into RAM and nowhere else. The sanitizers see
 * what is read outside of the file's copy and written outside of guest memory.
 *
 * sources: vmm/boot/boot.c vmm/boot/bzimage.c vmm/boot/image.c vmm/boot/memmap.c vmm/boot/pvh.c
 * sources: vmm/boot/registers.c vmm/memory.c vmm/memory_populate.c vmm/host_node.c
 * sources: lib/error.c lib/idset.c lib/size.c lib/xalloc.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/size.h"
#include "vmm/boot/boot.h"
#include "vmm/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_memory memory;
static struct vm_config config;
static char path[32];
static int fd = -1;

static void set_up(void)
{
	const struct memory_node_config node = {.size = 32 * MIB};
	struct error err;

	if (memory_create(&memory, &node, 1, false, &err) < 0)
		abort();
	fd = memfd_create("kernel", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config.kernel = path;
	config.serial.kind = CHARDEV_STDIO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {""};
	struct boot *boot;

	if (fd < 0)
		set_up();
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	/* The kernel itself as initrd: two files compete for the same RAM. */
	config.initrd = size && data[0] & 1 ? path : NULL;
	boot = boot_open(&config, &err);
	if ((!boot || boot_load(boot, &memory, LAYOUT_ACPI_BASE, &err) < 0) && !err.text[0])
		abort(); /* refused without a word */
	boot_free(boot);
	return 0;
}
