/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/apic.h"

#include "guest/clock.h"
#include "guest/cpu.h"

/* Registers (Intel SDM 3, table 11-1). */
#define APIC_ID           0x020
#define APIC_SPURIOUS     0x0f0
#define APIC_REQUESTS     0x200 /* 256 bits, 32 to a register */
#define APIC_ICR_LOW      0x300
#define APIC_ICR_HIGH     0x310
#define APIC_LVT_TIMER    0x320
#define APIC_LVT_LINT0    0x350
#define APIC_TIMER_COUNT  0x380
#define APIC_TIMER_NOW    0x390
#define APIC_TIMER_DIVIDE 0x3e0

#define SPURIOUS_ENABLE (1 << 8)
#define LVT_MASKED      (1 << 16)
#define DIVIDE_BY_1     0xb
#define ICR_FIXED       0x4000 /* level assert, physical destination */
#define ICR_INIT        0x4500
#define ICR_STARTUP     0x4600
#define ICR_PENDING     0x1000

#define CALIBRATE_US 500

static uint64_t timer_khz;

static uint32_t get(uint32_t offset)
{
	return mmio_read32(APIC_BASE + offset);
}

static void set(uint32_t offset, uint32_t value)
{
	mmio_write32(APIC_BASE + offset, value);
}

void apic_enable(void)
{
	set(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	set(APIC_LVT_LINT0, LVT_MASKED);
	set(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	set(APIC_LVT_TIMER, VECTOR_TIMER);
}

uint32_t apic_id(void)
{
	return get(APIC_ID) >> 24;
}

void apic_calibrate(void)
{
	uint64_t begin;

	set(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	set(APIC_TIMER_COUNT, UINT32_MAX);
	begin = rdtsc();
	clock_spin_us(CALIBRATE_US);
	timer_khz = mul_div(UINT32_MAX - get(APIC_TIMER_NOW), 1000000, clock_ns(rdtsc() - begin));
	set(APIC_TIMER_COUNT, 0);
	set(APIC_LVT_TIMER, VECTOR_TIMER);
}

static void send(uint32_t id, uint32_t command)
{
	set(APIC_ICR_HIGH, id << 24);
	set(APIC_ICR_LOW, command);
	while (get(APIC_ICR_LOW) & ICR_PENDING)
		cpu_pause();
}

void apic_start_cpu(uint32_t id)
{
	send(id, ICR_INIT);
	apic_sipi(id);
}

void apic_sipi(uint32_t id)
{
	send(id, ICR_STARTUP | TRAMPOLINE >> 12);
}

void apic_wake(uint32_t id)
{
	send(id, ICR_FIXED | VECTOR_WAKE);
}

bool apic_is_pending(unsigned int vector)
{
	return get(APIC_REQUESTS + vector / 32 * 16) >> (vector % 32) & 1;
}

void apic_sleep_us(uint64_t us)
{
	if (us)
		set(APIC_TIMER_COUNT, (uint32_t)max_u64(1, min_u64(mul_div(us, timer_khz, 1000), UINT32_MAX)));
	cpu_gate(GATE_SLEEP);
}
