// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flat segments kernels are entered with. Segment registers hold their descriptors already; a GDT
 * with the same contents is in memory for the kernel that reloads one before it has its own.
 */
#include "vmm/boot/registers.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/layout.h"

/* Descriptor types, Intel SDM 3A, 3.4.5.1 and 3.5 */
#define TYPE_CODE 0xb /* execute, read, accessed */
#define TYPE_DATA 0x3 /* read, write, accessed */
#define TYPE_TSS  0xb /* busy, 32- or 64-bit */

static struct kvm_segment flat(unsigned int selector, unsigned int type, bool long_mode)
{
	bool code = type == TYPE_CODE;

	return (struct kvm_segment){
		.base = 0,
		.limit = 0xffffffff,
		.selector = (__u16)selector,
		.type = (__u8)type,
		.present = 1,
		.db = !(code && long_mode),
		.s = 1,
		.l = code && long_mode,
		.g = 1,
	};
}

void boot_flat_segments(struct kvm_sregs *sregs, bool long_mode)
{
	sregs->cs = flat(BOOT_CS, TYPE_CODE, long_mode);
	sregs->ds = flat(BOOT_DS, TYPE_DATA, long_mode);
	sregs->es = sregs->fs = sregs->gs = sregs->ss = sregs->ds;
	sregs->tr = (struct kvm_segment){
		.limit = 0x67, .selector = BOOT_TR, .type = TYPE_TSS, .present = 1};
	sregs->gdt.base = LAYOUT_GDT;
	sregs->gdt.limit = 6 * 8 - 1;
}

int boot_write_gdt(struct guest_memory *memory, bool long_mode, struct error *err)
{
	/* Flags and access byte as in SDM 3A, figure 3-8: flat, ring 0, accessed. */
	const uint64_t table[6] = {
		[BOOT_CS / 8] = long_mode ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff),
		[BOOT_DS / 8] = UINT64_C(0x00cf93000000ffff),
		[BOOT_TR / 8] = UINT64_C(0x00008b0000000067), /* a TSS is two entries in long mode */
	};
	void *gdt = memory_at(memory, LAYOUT_GDT, sizeof(table));

	if (!gdt)
		return error_set(err, EINVAL, "no RAM for the boot GDT");
	memcpy(gdt, table, sizeof(table));
	return 0;
}

int boot_write_registers(int vcpu_fd, const struct kvm_sregs *sregs, const struct kvm_regs *regs,
	struct error *err)
{
	if (ioctl(vcpu_fd, KVM_SET_SREGS, sregs) < 0)
		return error_errno(err, errno, "cannot set the boot vCPU's system registers");
	if (ioctl(vcpu_fd, KVM_SET_REGS, regs) < 0)
		return error_errno(err, errno, "cannot set the boot vCPU's registers");
	return 0;
}
