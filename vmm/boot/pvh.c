// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF kernels with a PVH note: entered in 32-bit protected mode without paging, EBX pointing at an
 * hvm_start_info (Xen's public/arch-x86/hvm/start_info.h; docs/misc/pvh in Xen). The note
 * XEN_ELFNOTE_PHYS32_ENTRY tells the entry point.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/xalloc.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/memmap.h"
#include "vmm/boot/registers.h"
#include "vmm/layout.h"

#define NOTE_PHYS32_ENTRY 18
#define START_MAGIC       0x336ec578 /* "xEn3" with the high bit of the E set */
#define PHDRS_MAX         128
#define NOTES_MAX         (1u << 20)
#define CMDLINE_MAX       (LAYOUT_CMDLINE_MAX - 1)

#define CR0_PE (1u << 0)
#define CR0_ET (1u << 4)

struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp;
	uint64_t memmap; /* from here on: version 1 */
	uint32_t memmap_count, reserved;
};

struct start_module {
	uint64_t address, size, cmdline, reserved;
};

struct start_memmap {
	uint64_t address, size;
	uint32_t type, reserved;
};

/* What lies at LAYOUT_PVH_INFO. */
struct start_page {
	struct start_info info;
	struct start_module initrd;
	struct start_memmap memmap[MEMMAP_MAX];
};

static bool matches(const uint8_t *head, size_t size)
{
	return size >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG);
}

/* Reads the program headers; the caller frees them. */
static Elf64_Phdr *read_headers(const struct image *image, unsigned int *count, struct error *err)
{
	Elf64_Phdr *headers;
	Elf64_Ehdr elf;

	if (image_read(image, 0, &elf, sizeof(elf), err) < 0)
		return NULL;
	if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB ||
		elf.e_machine != EM_X86_64) {
		error_set(err, EINVAL, "%s is an ELF file, but not for x86-64", image->path);
		return NULL;
	}
	if (elf.e_phentsize != sizeof(*headers) || !elf.e_phnum || elf.e_phnum > PHDRS_MAX) {
		error_set(err, EINVAL, "%s has %u program headers of %u bytes; 1 to %u of %zu would be right",
			image->path, elf.e_phnum, elf.e_phentsize, PHDRS_MAX, sizeof(*headers));
		return NULL;
	}
	headers = xcalloc(elf.e_phnum, sizeof(*headers));
	if (image_read(image, elf.e_phoff, headers, elf.e_phnum * sizeof(*headers), err) < 0) {
		free(headers);
		return NULL;
	}
	*count = elf.e_phnum;
	return headers;
}

static uint64_t align4(uint64_t value)
{
	return (value + 3) & ~UINT64_C(3);
}

/* Looks for Xen's note in @size bytes of notes. Returns 1 with *@entry, or 0. */
static int find_entry(const uint8_t *notes, uint64_t size, uint64_t *entry)
{
	uint64_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name = at + sizeof(note), data, end;

		memcpy(&note, notes + at, sizeof(note));
		data = name + align4(note.n_namesz);
		end = data + align4(note.n_descsz);
		if (data > size || note.n_descsz > size - data)
			return 0;
		if (note.n_type == NOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
			!memcmp(notes + name, "Xen", 4) && (note.n_descsz == 4 || note.n_descsz == 8)) {
			*entry = 0;
			memcpy(entry, notes + data, note.n_descsz);
			return 1;
		}
		if (end > size)
			return 0;
		at = end;
	}
	return 0;
}

static int read_entry(const struct image *image, const Elf64_Phdr *header, uint64_t *entry,
	struct error *err)
{
	uint8_t *notes;
	int found;

	if (header->p_filesz > NOTES_MAX)
		return error_set(err, EINVAL, "%s has %" PRIu64 " bytes of notes; at most %u are read",
			image->path, (uint64_t)header->p_filesz, NOTES_MAX);
	notes = xmalloc(header->p_filesz);
	found = image_read(image, header->p_offset, notes, header->p_filesz, err);
	if (!found)
		found = find_entry(notes, header->p_filesz, entry);
	free(notes);
	return found;
}

static int check_segment(const struct image *image, const Elf64_Phdr *header, struct error *err)
{
	if (header->p_filesz > header->p_memsz || header->p_offset > image->size ||
		header->p_filesz > image->size - header->p_offset)
		return error_set(err, EINVAL,
			"%s is cut short or damaged: a segment has %" PRIu64 " bytes at offset %" PRIu64
			" for %" PRIu64 " in memory",
			image->path, (uint64_t)header->p_filesz, (uint64_t)header->p_offset,
			(uint64_t)header->p_memsz);
	if (header->p_paddr < LAYOUT_HIGH_RAM || header->p_paddr > MEMORY_HOLE_BASE ||
		header->p_memsz > MEMORY_HOLE_BASE - header->p_paddr)
		return error_set(err, EINVAL,
			"%s wants a segment at physical address 0x%" PRIx64 ", %" PRIu64
			" bytes; it must lie between 1 MiB and 3 GiB",
			image->path, (uint64_t)header->p_paddr, (uint64_t)header->p_memsz);
	return 0;
}

/* Takes one program header into account. Returns 1 for the entry note, 0, or negative. */
static int take_header(const struct image *image, const Elf64_Phdr *header, struct kernel *kernel,
	struct error *err)
{
	if (header->p_type == PT_NOTE)
		return read_entry(image, header, &kernel->entry, err);
	if (header->p_type != PT_LOAD || !header->p_memsz)
		return 0;
	if (check_segment(image, header, err) < 0)
		return -EINVAL;
	if (header->p_paddr < kernel->begin)
		kernel->begin = header->p_paddr;
	if (header->p_paddr + header->p_memsz > kernel->end)
		kernel->end = header->p_paddr + header->p_memsz;
	return 0;
}

static int parse(const struct image *image, struct kernel *kernel, struct error *err)
{
	unsigned int count = 0;
	bool has_entry = false;
	Elf64_Phdr *headers = read_headers(image, &count, err);
	int ret = headers ? 0 : -EINVAL;

	*kernel = (struct kernel){
		.begin = UINT64_MAX, .initrd_max = UINT32_MAX, .cmdline_max = CMDLINE_MAX};
	for (unsigned int i = 0; i < count && ret >= 0; i++) {
		ret = take_header(image, &headers[i], kernel, err);
		has_entry |= ret == 1;
	}
	free(headers);
	if (ret < 0)
		return ret;
	if (!has_entry)
		return error_set(err, EINVAL,
			"%s is an ELF file without a PVH entry note (XEN_ELFNOTE_PHYS32_ENTRY); a Linux vmlinux "
			"needs CONFIG_PVH, or give its bzImage",
			image->path);
	if (kernel->entry < kernel->begin || kernel->entry >= kernel->end)
		return error_set(err, EINVAL, "%s has its PVH entry point 0x%" PRIx64 " outside of itself",
			image->path, kernel->entry);
	return 0;
}

static int load_segment(const struct image *image, const Elf64_Phdr *header,
	struct guest_memory *memory, struct error *err)
{
	uint8_t *into = memory_at(memory, header->p_paddr, header->p_memsz);

	if (check_segment(image, header, err) < 0)
		return -EINVAL;
	if (!into)
		return error_set(err, EINVAL,
			"%s needs RAM up to address 0x%" PRIx64 ": give the guest more --memory", image->path,
			(uint64_t)(header->p_paddr + header->p_memsz));
	if (image_read(image, header->p_offset, into, header->p_filesz, err) < 0)
		return -EINVAL;
	memset(into + header->p_filesz, 0, header->p_memsz - header->p_filesz);
	return 0;
}

static int load(const struct image *image, const struct kernel *kernel, struct guest_memory *memory,
	struct error *err)
{
	unsigned int count = 0;
	Elf64_Phdr *headers = read_headers(image, &count, err);
	int ret = headers ? 0 : -EINVAL;

	(void)kernel;
	for (unsigned int i = 0; i < count && !ret; i++)
		if (headers[i].p_type == PT_LOAD && headers[i].p_memsz)
			ret = load_segment(image, &headers[i], memory, err);
	free(headers);
	return ret;
}

static int hand_over(const struct image *image, const struct boot_files *files,
	struct guest_memory *memory, struct error *err)
{
	struct start_page *page = memory_at(memory, LAYOUT_PVH_INFO, sizeof(*page));
	struct memmap_entry map[MEMMAP_MAX];

	(void)image;
	if (!page)
		return error_set(err, EINVAL, "no RAM for the PVH start info");
	memset(page, 0, sizeof(*page));
	page->info = (struct start_info){
		.magic = START_MAGIC,
		.version = 1,
		.cmdline = files->cmdline,
		.rsdp = files->rsdp,
		.memmap = LAYOUT_PVH_INFO + offsetof(struct start_page, memmap),
		.memmap_count = memmap_build(memory, map),
	};
	if (files->initrd_size) {
		page->info.module_count = 1;
		page->info.modules = LAYOUT_PVH_INFO + offsetof(struct start_page, initrd);
		page->initrd.address = files->initrd;
		page->initrd.size = files->initrd_size;
	}
	for (unsigned int i = 0; i < page->info.memmap_count; i++)
		page->memmap[i] =
			(struct start_memmap){map[i].address, map[i].size, map[i].type, 0};
	return boot_write_gdt(memory, false, err);
}

static int set_registers(const struct kernel *kernel, int vcpu_fd, struct error *err)
{
	struct kvm_regs regs = {.rip = kernel->entry, .rbx = LAYOUT_PVH_INFO, .rflags = 2};
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return error_errno(err, errno, "cannot read the boot vCPU's system registers");
	boot_flat_segments(&sregs, false);
	sregs.cr0 = CR0_PE | CR0_ET;
	sregs.cr3 = sregs.cr4 = sregs.efer = 0;
	return boot_write_registers(vcpu_fd, &sregs, &regs, err);
}

const struct kernel_format kernel_format_pvh = {
	.name = "ELF with a PVH note",
	.matches = matches,
	.parse = parse,
	.load = load,
	.hand_over = hand_over,
	.set_registers = set_registers,
};
