/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the PVH entry (and, for the other CPUs, from the SIPI vector) to 64-bit ring 3.
 *
 * Ring 0 is kept as short as it can be, for a KVM without hardware help emulates it one instruction
 * at a time: the page tables are data made by the assembler, and everything that does not need
 * privilege (IDT, TSS, further page tables, ACPI, starting the other CPUs) is done from ring 3,
 * which may write all memory. The port I/O of ring 3 goes by the TSS bitmap, never by IOPL.
 */
#include "guest/layout.h"

#define PTE_P  0x001
#define PTE_RW 0x002
#define PTE_US 0x004
#define PTE_PS 0x080
#define TABLE  (PTE_P | PTE_RW | PTE_US)

#define CR0_BOOT  0x80000033 /* PG NE ET MP PE */
#define CR4_BOOT  0x00000620 /* PAE OSFXSR OSXMMEXCPT */
#define MSR_EFER  0xc0000080
#define EFER_LME  0x100

	/* Xen ELF note 18, PHYS32_ENTRY: where a PVH loader enters, 32-bit, paging off. */
	.section .note.pvh, "a", @note
	.align 4
	.long 4, 8, 18
	.asciz "Xen"
	.quad start32

/* Protected mode without paging to 64-bit code at \target. Changes eax, ecx, edx. */
.macro enter_long_mode target
	mov	$CR4_BOOT, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	mov	$EFER_LME, %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_BOOT, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE0, $\target
.endm

/* 64-bit ring 0 to ring 3 at \target with the stack in %rsi; the TSS selector is in %edi. */
.macro enter_ring3 target
	mov	$SEL_DATA0, %eax
	mov	%eax, %ss
	mov	$SEL_DATA3, %eax
	mov	%eax, %ds
	mov	%eax, %es
	lea	1024(%rsi), %rsp
	ltr	%di
	lidt	idt_pointer
	pushq	$SEL_DATA3
	pushq	%rsi
	pushq	$2
	pushq	$SEL_CODE3
	pushq	$\target
	iretq
.endm

	.section .text.start, "ax"

	/* %ebx: physical address of hvm_start_info. */
	.code32
	.globl start32
start32:
	cli
	cld
	lgdt	gdt_pointer
	mov	$tss_area, %eax
	mov	%ax, gdt + SEL_TSS + 2
	shr	$16, %eax
	mov	%al, gdt + SEL_TSS + 4
	mov	%ah, gdt + SEL_TSS + 7
	enter_long_mode boot64

	.code64
boot64:
	mov	$boot_cpu_block + CPU_STACK3, %esi
	mov	$SEL_TSS, %edi
	enter_ring3 boot_ring3

boot_ring3:
	mov	$bss_start, %edi
	mov	$bss_end, %ecx
	sub	%edi, %ecx
	shr	$3, %ecx
	xor	%eax, %eax
	rep stosq
	mov	%ebx, %edi
	xor	%ebp, %ebp
	call	guest_main
	ud2

	/* The other CPUs, one at a time; ap_stack and ap_tss are set by smp.c before the SIPI. */
	.code32
ap32:
	mov	$SEL_DATA0, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	enter_long_mode ap64

	.code64
ap64:
	mov	ap_stack, %esi
	mov	ap_tss, %edi
	enter_ring3 ap_ring3

ap_ring3:
	xor	%ebp, %ebp
	call	ap_main
	ud2

	/* Copied to TRAMPOLINE; runs there in real mode with CS = TRAMPOLINE >> 4. */
	.section .rodata
	.code16
	.globl trampoline, trampoline_end
trampoline:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	trampoline_gdt - trampoline
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $ap32
	.align 4
trampoline_gdt:
	.word	gdt_end - gdt - 1
	.long	gdt
trampoline_end:
	.code64

	.data
	.align 16
	.globl gdt
gdt:	.quad	0
	.quad	0x00cf9b000000ffff /* 32-bit code, ring 0 */
	.quad	0x00cf93000000ffff /* data, ring 0 */
	.quad	0x00af9b000000ffff /* 64-bit code, ring 0 */
	.quad	0x00cff3000000ffff /* data, ring 3 */
	.quad	0x00affb000000ffff /* 64-bit code, ring 3 */
	.quad	0x000089000000ffff /* the boot CPU's TSS, base filled in above: limit 64 KiB - 1 */
	.quad	0
	.fill	2 * (CPUS_MAX - 1), 8, 0
gdt_end:

	.align 4
	.word	0
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt
	.align 8
	.word	0, 0, 0
idt_pointer:
	.word	4095
	.quad	idt

	.globl ap_stack, ap_tss
ap_stack: .long	0
ap_tss:	.long	0

	/*
	 * The first 4 GiB, virtual = physical, in 2 MiB pages for all rings: RAM, ACPI tables, the
	 * local APIC, PCI windows. The lowest 2 MiB are in 4 KiB pages so that page 0 can go once the
	 * start info, which may lie there, was read; then a null pointer faults. paging.c does that
	 * and adds what lies above.
	 */
	.section .pagetables, "aw"
	.align 4096
	.globl pml4
pml4:	.quad	pdpt + TABLE
	.fill	511, 8, 0
pdpt:	.quad	pd + TABLE, pd + 4096 + TABLE, pd + 8192 + TABLE, pd + 12288 + TABLE
	.fill	508, 8, 0
pd:	.quad	pt + TABLE
	.set	page, 0x200000
	.rept	2047
	.quad	page + TABLE + PTE_PS
	.set	page, page + 0x200000
	.endr
	.globl	pt
pt:
	.set	page, 0
	.rept	512
	.quad	page + TABLE
	.set	page, page + 0x1000
	.endr
