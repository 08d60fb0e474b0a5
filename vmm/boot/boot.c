// SPDX-License-Identifier: GPL-2.0-or-later
/* Picks the kernel's format, and places what all formats have: initrd and command line. */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "vmm/boot/image.h"
#include "vmm/boot/kernel.h"
#include "vmm/layout.h"

#define PAGE UINT64_C(4096)

struct boot {
	const struct kernel_format *format;
	struct image kernel_file, initrd_file;
	const char *cmdline; /* the configuration's */
	struct kernel kernel;
};

static const struct kernel_format *const formats[] = {&kernel_format_bzimage, &kernel_format_pvh};

static const struct kernel_format *recognise(const struct image *image, struct error *err)
{
	uint8_t head[1024];
	size_t size = image->size < sizeof(head) ? image->size : sizeof(head);

	if (image_read(image, 0, head, size, err) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i]->matches(head, size))
			return formats[i];
	error_set(err, EINVAL,
		"%s is neither a Linux bzImage nor an ELF kernel; --kernel takes one of these", image->path);
	return NULL;
}

static int check_cmdline(const struct boot *boot, struct error *err)
{
	size_t length = strlen(boot->cmdline), most = boot->kernel.cmdline_max;

	if (most > LAYOUT_CMDLINE_MAX - 1)
		most = LAYOUT_CMDLINE_MAX - 1;
	if (length > most)
		return error_set(err, EINVAL, "--append is %zu characters long; %s takes at most %zu", length,
			boot->kernel_file.path, most);
	return 0;
}

/* Linux talks to nobody unless it is told where; a benchmark or other ELF kernel is told nothing. */
static const char *default_cmdline(const struct boot *boot, const struct vm_config *config)
{
	if (boot->format != &kernel_format_bzimage)
		return "";
	if (config->serial.kind != CHARDEV_NONE)
		return "console=ttyS0";
	return config->console.kind != CHARDEV_NONE ? "console=hvc0" : "";
}

static int open_files(struct boot *boot, const struct vm_config *config, struct error *err)
{
	if (image_open(&boot->kernel_file, config->kernel, err) < 0)
		return -EINVAL;
	boot->format = recognise(&boot->kernel_file, err);
	if (!boot->format || boot->format->parse(&boot->kernel_file, &boot->kernel, err) < 0)
		return -EINVAL;
	boot->cmdline = config->append ? config->append : default_cmdline(boot, config);
	if (check_cmdline(boot, err) < 0)
		return -EINVAL;
	return config->initrd ? image_open(&boot->initrd_file, config->initrd, err) : 0;
}

struct boot *boot_open(const struct vm_config *config, struct error *err)
{
	struct boot *boot = xcalloc(1, sizeof(*boot));

	boot->kernel_file.fd = boot->initrd_file.fd = -1;
	if (open_files(boot, config, err) < 0) {
		boot_free(boot);
		return NULL;
	}
	return boot;
}

void boot_free(struct boot *boot)
{
	if (!boot)
		return;
	image_close(&boot->kernel_file);
	image_close(&boot->initrd_file);
	free(boot);
}

/* As high as it may be, below the 32-bit hole, out of the kernel's way. */
static int load_initrd(struct boot *boot, struct guest_memory *memory, struct boot_files *files,
	struct error *err)
{
	uint64_t limit = memory->low_end, size = boot->initrd_file.size;

	if (boot->kernel.initrd_max < limit - 1)
		limit = boot->kernel.initrd_max + 1;
	if (size > limit || ((limit - size) & ~(PAGE - 1)) < boot->kernel.end)
		return error_set(err, EINVAL,
			"%s (%" PRIu64 " bytes) does not fit between the kernel's end 0x%" PRIx64
			" and 0x%" PRIx64 ": give the guest more --memory",
			boot->initrd_file.path, size, boot->kernel.end, limit);
	files->initrd = (limit - size) & ~(PAGE - 1);
	files->initrd_size = size;
	return image_load(&boot->initrd_file, 0, memory, files->initrd, size, err);
}

int boot_load(struct boot *boot, struct guest_memory *memory, uint64_t rsdp, struct error *err)
{
	size_t length = strlen(boot->cmdline);
	char *cmdline = memory_at(memory, LAYOUT_CMDLINE, length + 1);
	struct boot_files files = {
		.cmdline = LAYOUT_CMDLINE, .cmdline_size = length, .rsdp = rsdp};

	if (!cmdline)
		return error_set(err, EINVAL, "no RAM for the command line");
	if (boot->format->load(&boot->kernel_file, &boot->kernel, memory, err) < 0)
		return -EINVAL;
	if (boot->initrd_file.fd >= 0 && load_initrd(boot, memory, &files, err) < 0)
		return -EINVAL;
	memcpy(cmdline, boot->cmdline, length + 1);
	return boot->format->hand_over(&boot->kernel_file, &files, memory, err);
}

int boot_set_registers(const struct boot *boot, int vcpu_fd, struct error *err)
{
	return boot->format->set_registers(&boot->kernel, vcpu_fd, err);
}
