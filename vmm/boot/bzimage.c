// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Linux bzImage, entered by the 64-bit boot protocol (Documentation/x86/boot.rst): a real-mode part,
 * whose header tells all, then the protected-mode part, which is loaded at its preferred address and
 * entered 0x200 bytes in, in long mode, with the first 4 GiB mapped one to one.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/size.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/memmap.h"
#include "vmm/boot/registers.h"
#include "vmm/layout.h"

#define HEADER_OFFSET   0x1f1
#define HEADER_MAGIC    0x53726448 /* "HdrS" */
#define BOOT_FLAG       0xaa55
#define VERSION_MIN     0x020c /* 2.12, Linux 3.8: the first that tells of the 64-bit entry */
#define SECTOR          512
#define SETUP_SECTORS   4 /* what 0 means */
#define PARAGRAPH       16
#define ENTRY_64        0x200
#define LOADER_UNKNOWN  0xff
#define VIDEO_NORMAL    0xffff

#define CR0_PE    (1u << 0)
#define CR0_ET    (1u << 4)
#define CR0_NE    (1u << 5)
#define CR0_PG    (1u << 31)
#define CR4_PAE   (1u << 5)
#define EFER_LME  (1u << 8)
#define EFER_LMA  (1u << 10)
#define PAGE_PRESENT_WRITE UINT64_C(3)
#define PAGE_LARGE         UINT64_C(0x80)

static bool matches(const uint8_t *head, size_t size)
{
	uint32_t magic = 0;

	if (size < 0x206)
		return false;
	memcpy(&magic, head + 0x202, sizeof(magic));
	return magic == HEADER_MAGIC;
}

/* Bytes before the protected-mode part. */
static uint64_t setup_size(const struct setup_header *header)
{
	return ((uint64_t)(header->setup_sects ? header->setup_sects : SETUP_SECTORS) + 1) * SECTOR;
}

/* Bytes of the protected-mode part; its last paragraph may be cut short by the end of the file. */
static uint64_t body_size(const struct setup_header *header, const struct image *image)
{
	uint64_t there = image->size - setup_size(header), said = (uint64_t)header->syssize * PARAGRAPH;

	return said < there ? said : there;
}

static int read_header(const struct image *image, struct setup_header *header, struct error *err)
{
	uint64_t said;

	if (image_read(image, HEADER_OFFSET, header, sizeof(*header), err) < 0)
		return -EINVAL;
	if (header->header != HEADER_MAGIC || header->boot_flag != BOOT_FLAG)
		return error_set(err, EINVAL, "%s is not a Linux bzImage: its boot signature is wrong",
			image->path);
	if (header->version < VERSION_MIN)
		return error_set(err, EINVAL,
			"%s speaks boot protocol %u.%02u; vmm needs 2.12 (Linux 3.8) or newer", image->path,
			header->version >> 8, header->version & 0xff);
	if (!(header->loadflags & LOADED_HIGH) || !(header->xloadflags & XLF_KERNEL_64))
		return error_set(err, EINVAL,
			"%s has no 64-bit entry point; give vmm a 64-bit bzImage", image->path);
	said = (uint64_t)header->syssize * PARAGRAPH;
	if (setup_size(header) >= image->size ||
		said > (image->size - setup_size(header) + PARAGRAPH - 1) / PARAGRAPH * PARAGRAPH)
		return error_set(err, EINVAL,
			"%s is cut short: its header tells of %" PRIu64 " bytes, the file has %" PRIu64,
			image->path, setup_size(header) + said, image->size);
	if (said <= ENTRY_64)
		return error_set(err, EINVAL, "%s has an empty protected-mode part", image->path);
	return 0;
}

static int parse(const struct image *image, struct kernel *kernel, struct error *err)
{
	struct setup_header header;
	uint64_t body;

	if (read_header(image, &header, err) < 0)
		return -EINVAL;
	body = body_size(&header, image);
	kernel->begin = header.pref_address;
	if (kernel->begin < LAYOUT_HIGH_RAM || kernel->begin >= MEMORY_HOLE_BASE)
		return error_set(err, EINVAL,
			"%s wants to be loaded at 0x%" PRIx64 "; it must be between 1 MiB and 3 GiB",
			image->path, kernel->begin);
	if (header.init_size > MEMORY_HOLE_BASE - kernel->begin || body > header.init_size)
		return error_set(err, EINVAL,
			"%s has %" PRIu64 " bytes and an impossible run-time size of %u", image->path, body,
			header.init_size);
	kernel->end = kernel->begin + header.init_size;
	kernel->entry = kernel->begin + ENTRY_64;
	kernel->initrd_max = header.initrd_addr_max;
	kernel->cmdline_max = header.cmdline_size;
	return 0;
}

static int load(const struct image *image, const struct kernel *kernel, struct guest_memory *memory,
	struct error *err)
{
	struct setup_header header;

	if (read_header(image, &header, err) < 0)
		return -EINVAL;
	if (!memory_at(memory, kernel->begin, kernel->end - kernel->begin)) {
		char size[SIZE_TEXT_MAX];

		return error_set(err, EINVAL,
			"%s needs RAM up to address 0x%" PRIx64 ": give the guest at least --memory %s",
			image->path, kernel->end,
			size_format(size, (kernel->end + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN));
	}
	return image_load(image, setup_size(&header), memory, kernel->begin, body_size(&header, image),
		err);
}

/* PML4, PDPT and four page directories of 2 MiB pages: the first 4 GiB one to one. */
static int write_page_tables(struct guest_memory *memory, struct error *err)
{
	uint64_t *tables = memory_at(memory, LAYOUT_PAGE_TABLES, 6 * 4096);

	if (!tables)
		return error_set(err, EINVAL, "no RAM for the boot page tables");
	memset(tables, 0, 2 * 4096);
	tables[0] = (LAYOUT_PAGE_TABLES + 4096) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < 4; i++)
		tables[512 + i] = (LAYOUT_PAGE_TABLES + (2 + i) * 4096) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < 4 * 512; i++)
		tables[2 * 512 + i] = i * 2 * MIB | PAGE_LARGE | PAGE_PRESENT_WRITE;
	return 0;
}

static void fill_memmap(struct boot_params *params, const struct guest_memory *memory)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int count = memmap_build(memory, map);

	for (unsigned int i = 0; i < count; i++)
		params->e820_table[i] =
			(struct boot_e820_entry){map[i].address, map[i].size, map[i].type};
	params->e820_entries = (__u8)count;
}

/* The header as far as this kernel's protocol has it: 0x201 holds a jump over the rest of it. */
static int copy_header(const struct image *image, struct setup_header *into, struct error *err)
{
	uint8_t jump;
	uint64_t size;

	if (image_read(image, 0x201, &jump, 1, err) < 0)
		return -EINVAL;
	size = 0x202 + (uint64_t)jump - HEADER_OFFSET;
	if (size > sizeof(*into))
		size = sizeof(*into);
	return image_read(image, HEADER_OFFSET, into, size, err);
}

static int hand_over(const struct image *image, const struct boot_files *files,
	struct guest_memory *memory, struct error *err)
{
	struct boot_params *params = memory_at(memory, LAYOUT_BOOT_PARAMS, sizeof(*params));

	if (!params)
		return error_set(err, EINVAL, "no RAM for the boot parameters");
	memset(params, 0, sizeof(*params));
	if (copy_header(image, &params->hdr, err) < 0)
		return -EINVAL;
	params->hdr.type_of_loader = LOADER_UNKNOWN;
	params->hdr.vid_mode = VIDEO_NORMAL;
	params->hdr.cmd_line_ptr = (__u32)files->cmdline;
	params->hdr.ramdisk_image = (__u32)files->initrd;
	params->hdr.ramdisk_size = (__u32)files->initrd_size;
	params->acpi_rsdp_addr = files->rsdp;
	fill_memmap(params, memory);
	if (write_page_tables(memory, err) < 0)
		return -EINVAL;
	return boot_write_gdt(memory, true, err);
}

static int set_registers(const struct kernel *kernel, int vcpu_fd, struct error *err)
{
	struct kvm_regs regs = {
		.rip = kernel->entry, .rsi = LAYOUT_BOOT_PARAMS, .rsp = LAYOUT_BOOT_STACK, .rflags = 2};
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return error_errno(err, errno, "cannot read the boot vCPU's system registers");
	boot_flat_segments(&sregs, true);
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	sregs.cr3 = LAYOUT_PAGE_TABLES;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME | EFER_LMA;
	return boot_write_registers(vcpu_fd, &sregs, &regs, err);
}

const struct kernel_format kernel_format_bzimage = {
	.name = "bzImage",
	.matches = matches,
	.parse = parse,
	.load = load,
	.hand_over = hand_over,
	.set_registers = set_registers,
};
