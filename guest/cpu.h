/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU as the guest sees it: its block of memory (two stacks and this struct), descriptor tables,
 * and the gate from ring 3 into the little that needs ring 0.
 */
#ifndef VMTUNE_GUEST_CPU_H
#define VMTUNE_GUEST_CPU_H

#include "guest/layout.h"
#include "guest/types.h"

typedef void work_fn(unsigned int thread, void *arg);

struct cpu {
	struct {
		uint64_t vector, error, rip, cr2, cs, active;
	} trap;
	unsigned int index;   /* 0 is the boot CPU */
	uint32_t apic_id;
	unsigned int node;    /* of SRAT; 0 without one */
	bool online;
	/* Work handed over by smp.c: set work last, the CPU clears it when it is done. */
	work_fn *work;
	void *work_arg;
	unsigned int thread;
};

_Static_assert(offsetof(struct cpu, trap.vector) == CPU_TRAP_VECTOR, "layout.h");
_Static_assert(offsetof(struct cpu, trap.error) == CPU_TRAP_ERROR, "layout.h");
_Static_assert(offsetof(struct cpu, trap.rip) == CPU_TRAP_RIP, "layout.h");
_Static_assert(offsetof(struct cpu, trap.cr2) == CPU_TRAP_CR2, "layout.h");
_Static_assert(offsetof(struct cpu, trap.cs) == CPU_TRAP_CS, "layout.h");
_Static_assert(offsetof(struct cpu, trap.active) == CPU_TRAP_ACTIVE, "layout.h");

/* The block of the boot CPU; the others' come from boot_alloc(). */
extern char boot_cpu_block[CPU_BLOCK];

/* The CPU that runs this. */
static inline struct cpu *this_cpu(void)
{
	uint64_t sp;

	__asm__("movq %%rsp, %0" : "=r"(sp));
	return (struct cpu *)align_down(sp, CPU_BLOCK);
}

/* Fills the IDT and the boot CPU's TSS. Before it, any exception is a triple fault. */
void cpu_init(void);
/* Fills the TSS of CPU @index, whose block is @block, and its descriptor; returns the selector. */
uint32_t cpu_prepare(unsigned int index, void *block);

/* Enters ring 0 for GATE_SLEEP, GATE_FAULT, GATE_HALT. */
void cpu_gate(unsigned int function);
void cpu_wrmsr(uint32_t msr, uint64_t value);

#endif
