/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All ring-0 code after the start: exception entries, the gate, and what ends a sleep.
 *
 * Ring 3 runs with interrupts off; they are taken only inside GATE_SLEEP. So an interrupt handler
 * need not return to where it came from: it drops its own frame and returns to ring 3 through the
 * gate's frame below, and there is no window between sti and hlt in which a wake-up could be lost.
 */
#include "guest/layout.h"

	.section .text.ring0, "ax"
	.code64

	/*
	 * Exceptions: note what happened in this CPU's block, then go on in ring 3 with
	 * trap_report(cpu) on a fresh stack; it prints and ends the machine. A second exception means
	 * that even this failed.
	 */
exception:
	push	%rax
	push	%rcx
	mov	%rsp, %rcx
	and	$-CPU_BLOCK, %rcx
	cmpq	$0, CPU_TRAP_ACTIVE(%rcx)
	jne	fault
	movq	$1, CPU_TRAP_ACTIVE(%rcx)
	mov	16(%rsp), %rax
	mov	%rax, CPU_TRAP_VECTOR(%rcx)
	mov	24(%rsp), %rax
	mov	%rax, CPU_TRAP_ERROR(%rcx)
	mov	32(%rsp), %rax
	mov	%rax, CPU_TRAP_RIP(%rcx)
	mov	40(%rsp), %rax
	mov	%rax, CPU_TRAP_CS(%rcx)
	mov	%cr2, %rax
	mov	%rax, CPU_TRAP_CR2(%rcx)
	mov	%rcx, %rdi
	lea	CPU_STACK3(%rcx), %rax
	pushq	$SEL_DATA3
	push	%rax
	pushq	$2
	pushq	$SEL_CODE3
	pushq	$trap_enter
	iretq

	/* The exceptions 0-31 at a distance of 16 bytes; 8, 10-14, 17, 21, 29, 30 push an error code. */
	.globl exception_entries
	.align 16
exception_entries:
	.set	vector, 0
	.rept	32
	.align	16
	.if	((1 << vector) & 0x60227d00) == 0
	pushq	$0
	.endif
	pushq	$vector
	jmp	exception
	.set	vector, vector + 1
	.endr

	/*
	 * The gate, called from ring 3: an invalid opcode at a known place. Not int n, which a KVM that
	 * emulates ring 0 refuses in long mode; exceptions and interrupts it does deliver.
	 */
	.globl cpu_gate_call
	.align 16
cpu_gate_call: /* (uint64_t function, uint32_t msr, uint64_t value) */
	mov	%esi, %ecx
	mov	%rdx, %rax
	shr	$32, %rdx
gate_ud2:
	ud2
	ret

	.globl invalid_opcode_entry
	.align 16
invalid_opcode_entry:
	cmpq	$gate_ud2, (%rsp)
	jne	exception_entries + 6 * 16
	addq	$2, (%rsp)
	cmp	$GATE_SLEEP, %rdi
	je	sleep
	cmp	$GATE_WRMSR, %rdi
	je	write_msr
	cmp	$GATE_FAULT, %rdi
	je	fault
	cmp	$GATE_FLUSH, %rdi
	je	flush
halt:
	cli
	hlt
	jmp	halt
write_msr:
	wrmsr
	iretq
flush:
	mov	%cr3, %rax
	mov	%rax, %cr3
	iretq
sleep:
	sti
1:	hlt
	jmp	1b

	/* The power button (button.c), noted and then a wake-up like any other. */
	.globl button_entry
	.align 16
button_entry:
	movb	$1, button_interrupt
	.globl wake_entry
wake_entry:
	mov	$APIC_BASE + APIC_EOI, %eax
	movl	$0, (%rax)
	mov	24(%rsp), %rsp /* the gate's stack: on it, the frame to ring 3 */
	iretq

	.globl spurious_entry
	.align 16
spurious_entry:
	iretq

fault:
	lidt	no_idt
	ud2 /* not int3: some emulated KVMs stop with an internal error at that */

	.section .text
trap_enter:
	xor	%ebp, %ebp
	call	trap_report
	ud2

	.section .rodata
	.align 8
no_idt:	.word	0
	.quad	0
