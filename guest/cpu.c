/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptor tables (filled from ring 3, see start.S) and the report of an exception.
 *
 * The task-state segments of all CPUs lie side by side in front of one I/O permission bitmap that
 * they share: each TSS names the distance to it in its I/O map base. All zero, it gives ring 3 every
 * port; the byte after it must be 0xff (Intel SDM 1, 19.5.2).
 */
#include "guest/cpu.h"
#include "guest/json.h"
#include "guest/power.h"

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap_base;
	uint8_t pad[24]; /* to 128 bytes */
} __attribute__((packed));

_Static_assert(sizeof(struct tss) == 128, "a TSS is 104 bytes, here padded to 128");

#define IO_BITMAP_SIZE 8192

struct tss_area {
	struct tss tss[CPUS_MAX];
	uint8_t io_bitmap[IO_BITMAP_SIZE];
	uint8_t end;
};

_Static_assert(sizeof(struct tss_area) <= 65535, "I/O map base and TSS limits are 16 bits here");

struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset16;
	uint32_t offset32, reserved;
};

/* Used by start.S. */
extern struct tss_area tss_area;
extern struct gate idt[256];
void trap_report(struct cpu *cpu) __attribute__((noreturn));

char boot_cpu_block[CPU_BLOCK] __attribute__((aligned(CPU_BLOCK)));
struct tss_area tss_area __attribute__((aligned(4096)));
struct gate idt[256] __attribute__((aligned(16)));

/* traps.S and start.S */
extern char exception_entries[], invalid_opcode_entry[], wake_entry[], button_entry[],
	spurious_entry[];
extern uint64_t gdt[];
void cpu_gate_call(uint64_t function, uint32_t msr, uint64_t value);

#define GATE_INTERRUPT 0x8e
#define TSS_AVAILABLE  0x89

static void set_gate(unsigned int vector, const char *entry, uint8_t type)
{
	uint64_t offset = (uint64_t)entry;

	idt[vector] = (struct gate){.offset0 = (uint16_t)offset,
		.selector = SEL_CODE0,
		.type = type,
		.offset16 = (uint16_t)(offset >> 16),
		.offset32 = (uint32_t)(offset >> 32)};
}

static void fill_tss(unsigned int index, void *block)
{
	struct tss *tss = &tss_area.tss[index];

	tss->rsp[0] = (uint64_t)block + CPU_BLOCK;
	tss->iomap_base = (uint16_t)(tss_area.io_bitmap - (uint8_t *)tss);
}

void cpu_init(void)
{
	unsigned int vector;

	fill_tss(0, boot_cpu_block);
	tss_area.end = 0xff;
	for (vector = 0; vector < 32; vector++)
		set_gate(vector, exception_entries + 16 * vector, GATE_INTERRUPT);
	set_gate(VECTOR_INVALID, invalid_opcode_entry, GATE_INTERRUPT);
	set_gate(VECTOR_TIMER, wake_entry, GATE_INTERRUPT);
	set_gate(VECTOR_WAKE, wake_entry, GATE_INTERRUPT);
	set_gate(VECTOR_BUTTON, button_entry, GATE_INTERRUPT);
	set_gate(VECTOR_SPURIOUS, spurious_entry, GATE_INTERRUPT);
}

uint32_t cpu_prepare(unsigned int index, void *block)
{
	uint64_t base = (uint64_t)&tss_area.tss[index];
	uint64_t limit = sizeof(tss_area) - 1 - index * sizeof(struct tss);
	uint32_t selector = SEL_TSS + 16 * index;

	fill_tss(index, block);
	gdt[selector / 8] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)TSS_AVAILABLE << 40 |
		(base >> 24 & 0xff) << 56;
	gdt[selector / 8 + 1] = base >> 32;
	return selector;
}

void cpu_gate(unsigned int function)
{
	cpu_gate_call(function, 0, 0);
}

void cpu_wrmsr(uint32_t msr, uint64_t value)
{
	cpu_gate_call(GATE_WRMSR, msr, value);
}

void trap_report(struct cpu *cpu)
{
	struct json line;

	json_open(&line, "error");
	json_string(&line, "error", "exception in the guest");
	json_u64(&line, "vector", cpu->trap.vector);
	json_hex(&line, "code", cpu->trap.error);
	json_hex(&line, "rip", cpu->trap.rip);
	json_hex(&line, "cr2", cpu->trap.cr2);
	json_u64(&line, "ring", cpu->trap.cs & 3);
	json_u64(&line, "cpu", cpu->index);
	json_close(&line);
	power_off();
}
