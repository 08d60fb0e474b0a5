/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every port access is an exit that can cost 50 us, so the transmitter is asked only once for each
 * FIFO-full of bytes, and those go by one rep outsb.
 */
#include "guest/serial.h"

#define COM1     0x3f8
#define DATA     (COM1 + 0) /* DLAB: divisor low */
#define IER      (COM1 + 1) /* DLAB: divisor high */
#define FCR      (COM1 + 2)
#define LCR      (COM1 + 3)
#define MCR      (COM1 + 4)
#define LSR      (COM1 + 5)

#define LSR_DATA_READY  0x01
#define LSR_THR_EMPTY   0x20
#define FIFO_SIZE       16

/*
 * A host that takes nothing must not stop a benchmark for ever: then the bytes are lost. Nor may a CPU
 * that died with the lock keep another from saying so.
 */
#define PATIENCE      1000000
#define LOCK_PATIENCE 1000000000

static unsigned int lock;

void serial_init(void)
{
	outb(IER, 0);
	outb(LCR, 0x83); /* 8n1, DLAB */
	outb(DATA, 1);   /* 115200 */
	outb(IER, 0);
	outb(LCR, 0x03);
	outb(FCR, 0x07); /* FIFOs on, cleared */
	outb(MCR, 0x03); /* DTR, RTS */
}

static void wait_for_room(void)
{
	unsigned int tries;

	for (tries = 0; tries < PATIENCE && !(inb(LSR) & LSR_THR_EMPTY); tries++)
		cpu_pause();
}

void serial_write(const char *text, size_t length)
{
	size_t chunk;
	unsigned int tries;

	for (tries = 0; tries < LOCK_PATIENCE && __atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE); tries++)
		cpu_pause();
	while (length) {
		chunk = min_u64(length, FIFO_SIZE);
		length -= chunk;
		wait_for_room();
		__asm__ volatile("rep outsb" : "+S"(text), "+c"(chunk) : "d"(DATA) : "memory");
	}
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

size_t serial_read(char *into, size_t size)
{
	size_t n = 0;

	while (n < size && inb(LSR) & LSR_DATA_READY)
		into[n++] = (char)inb(DATA);
	return n;
}
