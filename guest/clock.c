/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TSC's frequency, from the best source there is. What the hypervisor says comes first: it knows
 * about TSC scaling. CPUID 16h is the nominal frequency only, but still better than a count over a
 * few milliseconds against a timer that exits on each read.
 */
#include "guest/clock.h"

#include "guest/cpu.h"

#define KVM_FEATURE_CLOCKSOURCE2 (1 << 3)
#define MSR_KVM_SYSTEM_TIME_NEW  0x4b564d01
#define CPUID1_ECX_HYPERVISOR    (1u << 31)

#define PM_TIMER_HZ     3579545
#define PIT_HZ          1193182
#define CALIBRATE_MS    20
#define TIMEOUT_TICKS   UINT64_C(2000000000)

static uint64_t khz = 2000000;
static const char *source = "assumed";

static uint32_t hypervisor_leaf_max(void)
{
	if (!(cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR))
		return 0;
	return cpuid(0x40000000, 0).eax;
}

static bool is_kvm(void)
{
	struct cpuid id = cpuid(0x40000000, 0);

	return hypervisor_leaf_max() && id.ebx == 0x4b4d564b && id.ecx == 0x564b4d56 && id.edx == 0x4d;
}

/* VMware's timing leaf, also given by KVM VMMs that know the frequency: kHz of the TSC. */
static uint64_t from_timing_leaf(void)
{
	uint32_t max = hypervisor_leaf_max();

	return max >= 0x40000010 && max < 0x40010000 ? cpuid(0x40000010, 0).eax : 0;
}

/* kvmclock: ns = (ticks << shift) * mul >> 32, so the frequency is the tick count of a second. */
static uint64_t from_kvmclock(void)
{
	static volatile struct {
		uint32_t version, pad;
		uint64_t tsc, system_time;
		uint32_t mul;
		int8_t shift;
		uint8_t flags, pad2[2];
	} info __attribute__((aligned(64)));
	uint64_t value;

	if (!is_kvm() || !(cpuid(0x40000001, 0).eax & KVM_FEATURE_CLOCKSOURCE2))
		return 0;
	cpu_wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (uint64_t)&info | 1);
	if (!info.mul)
		return 0;
	value = (UINT64_C(1000000) << 32) / info.mul;
	value = info.shift < 0 ? value << -info.shift : value >> info.shift;
	cpu_wrmsr(MSR_KVM_SYSTEM_TIME_NEW, 0);
	return value;
}

static uint64_t from_crystal_leaf(void)
{
	struct cpuid id;

	if (cpuid(0, 0).eax < 0x15)
		return 0;
	id = cpuid(0x15, 0);
	return id.eax && id.ebx && id.ecx ? mul_div(id.ecx, id.ebx, id.eax) / 1000 : 0;
}

static uint64_t from_nominal_leaf(void)
{
	return cpuid(0, 0).eax < 0x16 ? 0 : (uint64_t)(cpuid(0x16, 0).eax & 0xffff) * 1000;
}

static uint64_t from_pm_timer(uint16_t port)
{
	uint32_t begin, now, want = PM_TIMER_HZ / 1000 * CALIBRATE_MS;
	uint64_t tsc;

	if (!port)
		return 0;
	begin = inl(port);
	tsc = rdtsc();
	do {
		now = (inl(port) - begin) & 0xffffff; /* 24 bits are sure */
		if (rdtsc() - tsc > TIMEOUT_TICKS)
			return 0; /* no timer there */
	} while (now < want);
	return mul_div(rdtsc() - tsc, PM_TIMER_HZ, now) / 1000;
}

/* PIT channel 0 counts down from 65536 (mode 2), 55 ms a turn; a latch command freezes what is read. */
static uint32_t pit_elapsed(void)
{
	uint32_t low;

	outb(0x43, 0x00);
	low = inb(0x40);
	return -(low | (uint32_t)inb(0x40) << 8) & 0xffff;
}

static uint64_t from_pit(void)
{
	uint32_t begin, now, want = PIT_HZ / 1000 * CALIBRATE_MS;
	uint64_t tsc;

	outb(0x43, 0x34);
	outb(0x40, 0);
	outb(0x40, 0);
	begin = pit_elapsed();
	tsc = rdtsc();
	do {
		now = (pit_elapsed() - begin) & 0xffff;
		if (rdtsc() - tsc > TIMEOUT_TICKS)
			return 0; /* no PIT: the bus floats */
	} while (now < want);
	return mul_div(rdtsc() - tsc, PIT_HZ, now) / 1000;
}

bool clock_init(uint16_t pm_timer)
{
	static const struct {
		const char *name;
		uint64_t (*khz)(void);
	} sources[] = {
		{"cpuid-40000010", from_timing_leaf},
		{"kvmclock", from_kvmclock},
		{"cpuid-15", from_crystal_leaf},
		{"cpuid-16", from_nominal_leaf},
	};
	unsigned int i;
	uint64_t value;

	for (i = 0; i < ARRAY_SIZE(sources); i++) {
		value = sources[i].khz();
		if (value) {
			khz = value;
			source = sources[i].name;
			return true;
		}
	}
	source = "acpi-pm-timer";
	value = from_pm_timer(pm_timer);
	if (!value) {
		source = "pit";
		value = from_pit();
	}
	if (value)
		khz = value;
	return value != 0;
}

uint64_t clock_khz(void)
{
	return khz;
}

const char *clock_source(void)
{
	return source;
}

uint64_t clock_ns(uint64_t ticks)
{
	return mul_div(ticks, 1000000, khz);
}

uint64_t clock_ticks_of_us(uint64_t us)
{
	return mul_div(us, khz, 1000);
}

void clock_spin_us(uint64_t us)
{
	uint64_t begin = rdtsc(), ticks = clock_ticks_of_us(us);

	while (rdtsc() - begin < ticks)
		cpu_pause();
}
