/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types and the few machine instructions that C has no words for. */
#ifndef VMTUNE_GUEST_TYPES_H
#define VMTUNE_GUEST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE     UINT64_C(4096)
#define PAGE_2M       (UINT64_C(2) << 20)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t to)
{
	return value & ~(to - 1);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* a * b / c with a 128-bit product; the quotient must fit into 64 bits. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t low, high, quotient, rest;

	__asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(a), "rm"(b) : "cc");
	__asm__("divq %4" : "=a"(quotient), "=d"(rest) : "a"(low), "d"(high), "rm"(c) : "cc");
	return quotient;
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

/* Device registers: one access of exactly this size, never merged. */
static inline uint32_t mmio_read32(uint64_t address)
{
	uint32_t value;

	__asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*(volatile uint32_t *)address) : "memory");
	return value;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
	__asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)address) : "r"(value) : "memory");
}

static inline uint16_t mmio_read16(uint64_t address)
{
	uint16_t value;

	__asm__ volatile("movw %1, %0" : "=r"(value) : "m"(*(volatile uint16_t *)address) : "memory");
	return value;
}

static inline void mmio_write16(uint64_t address, uint16_t value)
{
	__asm__ volatile("movw %1, %0" : "=m"(*(volatile uint16_t *)address) : "r"(value) : "memory");
}

static inline uint8_t mmio_read8(uint64_t address)
{
	uint8_t value;

	__asm__ volatile("movb %1, %0" : "=q"(value) : "m"(*(volatile uint8_t *)address) : "memory");
	return value;
}

static inline void mmio_write8(uint64_t address, uint8_t value)
{
	__asm__ volatile("movb %1, %0" : "=m"(*(volatile uint8_t *)address) : "q"(value) : "memory");
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
		: "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		: "a"(leaf), "c"(subleaf));
	return r;
}

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

#endif
