/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that assembler and C share: selectors, vectors, gate functions, the per-CPU block. */
#ifndef VMTUNE_GUEST_LAYOUT_H
#define VMTUNE_GUEST_LAYOUT_H

/* Segment selectors; ring 3 ones carry RPL 3. Every CPU has a 16-byte TSS descriptor of its own. */
#define SEL_CODE32 0x08
#define SEL_DATA0  0x10
#define SEL_CODE0  0x18
#define SEL_DATA3  0x23
#define SEL_CODE3  0x2b
#define SEL_TSS    0x30

#define CPUS_MAX 255 /* xAPIC ids 0-254; 255 is broadcast */

/*
 * The block of one CPU, aligned to its own size so that any stack pointer in it finds the block:
 * struct cpu at the bottom, the ring-3 stack growing down from CPU_STACK3, the ring-0 stack from
 * the end of the block.
 */
#define CPU_BLOCK  16384
#define CPU_STACK3 (CPU_BLOCK - 1024)

/* Offsets in struct cpu (cpu.h asserts them). */
#define CPU_TRAP_VECTOR 0
#define CPU_TRAP_ERROR  8
#define CPU_TRAP_RIP    16
#define CPU_TRAP_CR2    24
#define CPU_TRAP_CS     32
#define CPU_TRAP_ACTIVE 40

/* Vectors: what carries the gate from ring 3 into ring 0, and what ends a sleep. */
#define VECTOR_INVALID  6
#define VECTOR_TIMER    0x40
#define VECTOR_WAKE     0x41
#define VECTOR_BUTTON   0x50
#define VECTOR_SPURIOUS 0xff

/* Functions of the gate, in %rdi. */
#define GATE_SLEEP 0 /* enable interrupts and halt; returns after the timer or a wake-up IPI */
#define GATE_WRMSR 1 /* wrmsr with %ecx, %eax, %edx */
#define GATE_FAULT 2 /* triple fault: the last way to end the machine */
#define GATE_HALT  3 /* halt this CPU for good */
#define GATE_FLUSH 4 /* flush this CPU's TLB */

#define APIC_BASE       0xfee00000
#define APIC_EOI        0xb0

/* The page at which application processors start in real mode (SIPI vector 8). */
#define TRAMPOLINE 0x8000

#endif
