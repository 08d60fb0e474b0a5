// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 16550A UART (National Semiconductor PC16550D data sheet). Transmitting takes no time: a byte written
 * is handed to the backend, which never blocks, and the transmitter is empty again. Receiving goes
 * through the FIFO, and the backend reads no more than fits into it.
 */
#include "vmm/hw/serial.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "vmm/chardev.h"
#include "vmm/layout.h"

#define FIFO_SIZE 16

/* Register offsets; 0 and 1 are the divisor latch while LCR_DLAB is set. */
enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH };

#define IER_RECEIVE  0x01u
#define IER_TRANSMIT 0x02u
#define IER_LINE     0x04u
#define IER_MODEM    0x08u

#define IIR_NONE     0x01u
#define IIR_TRANSMIT 0x02u
#define IIR_RECEIVE  0x04u
#define IIR_LINE     0x06u
#define IIR_TIMEOUT  0x0cu
#define IIR_FIFO_ON  0xc0u

#define FCR_ENABLE        0x01u
#define FCR_CLEAR_RECEIVE 0x02u
#define LCR_DLAB          0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u /* connects the interrupt pin on a PC */
#define MCR_LOOP 0x10u

#define LSR_READY   0x01u
#define LSR_OVERRUN 0x02u
#define LSR_EMPTY   0x60u /* holding and shift register */

#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI  0x40u
#define MSR_DCD 0x80u

struct serial {
	struct vm *vm;
	struct chardev *chardev;
	pthread_mutex_t lock; /* guards the rest: vCPUs and the I/O thread meet here */
	uint8_t ier, fcr, lcr, mcr, scratch;
	uint8_t divisor[2];
	uint8_t fifo[FIFO_SIZE];
	unsigned int first, count;
	bool overrun;
	bool transmitted; /* the transmitter became empty and nobody was told */
	bool throttled;   /* the backend found no room */
	bool level;       /* of the interrupt line */
};

static unsigned int capacity(const struct serial *serial)
{
	return serial->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned int trigger_level(const struct serial *serial)
{
	static const unsigned int levels[] = {1, 4, 8, 14};

	return serial->fcr & FCR_ENABLE ? levels[serial->fcr >> 6] : 1;
}

/* The pending interrupt of the highest priority. */
static unsigned int identify(const struct serial *serial)
{
	if (serial->ier & IER_LINE && serial->overrun)
		return IIR_LINE;
	if (serial->ier & IER_RECEIVE && serial->count)
		/* Below the trigger level the real chip waits four character times: none, here. */
		return serial->count >= trigger_level(serial) ? IIR_RECEIVE : IIR_TIMEOUT;
	if (serial->ier & IER_TRANSMIT && serial->transmitted)
		return IIR_TRANSMIT;
	return IIR_NONE;
}

static void update_irq(struct serial *serial)
{
	bool level = identify(serial) != IIR_NONE && serial->mcr & MCR_OUT2;

	if (level == serial->level)
		return;
	serial->level = level;
	irq_set_level(&serial->vm->irq, LAYOUT_SERIAL_IRQ, level);
}

static void put(struct serial *serial, uint8_t byte)
{
	if (serial->count >= capacity(serial)) {
		serial->overrun = true;
		return;
	}
	serial->fifo[(serial->first + serial->count++) % FIFO_SIZE] = byte;
}

static uint8_t take(struct serial *serial)
{
	uint8_t byte;

	if (!serial->count)
		return 0;
	byte = serial->fifo[serial->first];
	serial->first = (serial->first + 1) % FIFO_SIZE;
	serial->count--;
	return byte;
}

/* ---- the backend's side ------------------------------------------------------------------------ */

static size_t backend_room(void *opaque)
{
	struct serial *serial = opaque;
	size_t room;

	pthread_mutex_lock(&serial->lock);
	room = serial->mcr & MCR_LOOP ? 0 : capacity(serial) - serial->count;
	serial->throttled = !room;
	pthread_mutex_unlock(&serial->lock);
	return room;
}

static void backend_receive(void *opaque, const uint8_t *data, size_t length)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	for (size_t i = 0; i < length; i++)
		put(serial, data[i]);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

static const struct chardev_ops backend_ops = {.room = backend_room, .receive = backend_receive};

/* Tells the backend that there is room again, if it waits for that. With the lock held. */
static void make_room(struct serial *serial)
{
	if (!serial->throttled || serial->mcr & MCR_LOOP || serial->count >= capacity(serial))
		return;
	serial->throttled = false;
	chardev_resume(serial->chardev);
}

/* ---- the guest's side -------------------------------------------------------------------------- */

/* In loopback the modem's output pins are its input pins (data sheet, MCR bit 4). */
static unsigned int modem_status(const struct serial *serial)
{
	unsigned int mcr = serial->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		(mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static unsigned int line_status(struct serial *serial)
{
	unsigned int status = LSR_EMPTY;

	if (serial->count)
		status |= LSR_READY;
	if (serial->overrun)
		status |= LSR_OVERRUN;
	serial->overrun = false;
	return status;
}

static unsigned int interrupt_id(struct serial *serial)
{
	unsigned int id = identify(serial);

	if (id == IIR_TRANSMIT)
		serial->transmitted = false;
	return id | (serial->fcr & FCR_ENABLE ? IIR_FIFO_ON : 0);
}

static void transmit(struct serial *serial, uint8_t byte)
{
	if (serial->mcr & MCR_LOOP)
		put(serial, byte);
	else
		chardev_write(serial->chardev, &byte, 1); /* a reader that is too slow loses bytes */
	/* Down and up again: the pin of an ISA interrupt reacts to the edge. */
	serial->transmitted = false;
	update_irq(serial);
	serial->transmitted = true;
}

static void control_fifo(struct serial *serial, uint8_t value)
{
	if (value & FCR_CLEAR_RECEIVE || (value ^ serial->fcr) & FCR_ENABLE)
		serial->count = 0;
	serial->fcr = value & 0xc9;
}

static unsigned int read_register(struct serial *serial, unsigned int offset)
{
	switch (offset) {
	case DATA:
		return serial->lcr & LCR_DLAB ? serial->divisor[0] : take(serial);
	case IER:
		return serial->lcr & LCR_DLAB ? serial->divisor[1] : serial->ier;
	case IIR_FCR:
		return interrupt_id(serial);
	case LCR:
		return serial->lcr;
	case MCR:
		return serial->mcr;
	case LSR:
		return line_status(serial);
	case MSR:
		return modem_status(serial);
	default:
		return serial->scratch;
	}
}

static void write_register(struct serial *serial, unsigned int offset, uint8_t value)
{
	switch (offset) {
	case DATA:
		if (serial->lcr & LCR_DLAB)
			serial->divisor[0] = value;
		else
			transmit(serial, value);
		break;
	case IER:
		if (serial->lcr & LCR_DLAB) {
			serial->divisor[1] = value;
			break;
		}
		/* Switching it on with an empty transmitter interrupts at once. */
		if (value & ~serial->ier & IER_TRANSMIT)
			serial->transmitted = true;
		serial->ier = value & 0x0f;
		break;
	case IIR_FCR:
		control_fifo(serial, value);
		break;
	case LCR:
		serial->lcr = value;
		break;
	case MCR:
		serial->mcr = value & 0x1f;
		break;
	case SCRATCH:
		serial->scratch = value;
		break;
	default:
		break; /* LSR and MSR are read only */
	}
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct serial *serial = opaque;
	uint64_t value = 0;

	pthread_mutex_lock(&serial->lock);
	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)read_register(serial, (unsigned int)offset + i) << (8 * i);
	make_room(serial);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
	return value;
}

static void port_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	for (unsigned int i = 0; i < size; i++)
		write_register(serial, (unsigned int)offset + i, (uint8_t)(value >> (8 * i)));
	make_room(serial);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

static const struct bus_ops port_ops = {.read = port_read, .write = port_write};

static void reset(void *opaque)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	serial->ier = serial->fcr = serial->lcr = serial->mcr = serial->scratch = 0;
	serial->divisor[0] = 12; /* 9600 baud */
	serial->divisor[1] = 0;
	serial->count = 0;
	serial->overrun = serial->transmitted = false;
	make_room(serial);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

struct serial *serial_new(struct vm *vm, const struct chardev_config *config, struct error *err)
{
	struct serial *serial = xcalloc(1, sizeof(*serial));

	serial->vm = vm;
	pthread_mutex_init(&serial->lock, NULL);
	serial->chardev = chardev_open(vm, config, "--serial", &backend_ops, serial, err);
	if (!serial->chardev ||
		bus_add(&vm->pio, LAYOUT_SERIAL_PORT, 8, &port_ops, serial, "serial port", err) < 0) {
		serial_free(serial);
		return NULL;
	}
	reset(serial);
	vm_on_reset(vm, reset, serial);
	return serial;
}

void serial_free(struct serial *serial)
{
	if (!serial)
		return;
	chardev_close(serial->chardev);
	pthread_mutex_destroy(&serial->lock);
	free(serial);
}
