// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MC146818 subset: the host's time in UTC, 128 bytes of CMOS RAM, no alarm and no periodic interrupt
 * (a guest has better timers). Setting the time is accepted and has no effect: the host's time is right.
 */
#include "vmm/hw/rtc.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/xalloc.h"
#include "vmm/layout.h"

#define CMOS_SIZE 128

/* Register numbers, MC146818 data sheet; 0x32 is the PC's addition. */
enum {
	REG_SECONDS = 0x00,
	REG_MINUTES = 0x02,
	REG_HOURS = 0x04,
	REG_WEEKDAY = 0x06,
	REG_DAY = 0x07,
	REG_MONTH = 0x08,
	REG_YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
	REG_CENTURY = 0x32,
};

#define A_DIVIDER  0x26u /* 32.768 kHz, as every PC sets it */
#define A_UPDATING 0x80u
#define B_24_HOURS 0x02u
#define B_BINARY   0x04u
#define D_VALID    0x80u
#define HOUR_PM    0x80u

struct rtc {
	pthread_mutex_t lock;
	uint8_t index;
	uint8_t cmos[CMOS_SIZE];
};

static uint8_t encode(const struct rtc *rtc, int value)
{
	if (rtc->cmos[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static uint8_t encode_hour(const struct rtc *rtc, int hour)
{
	if (rtc->cmos[REG_B] & B_24_HOURS)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static uint8_t read_register(const struct rtc *rtc)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (rtc->index) {
	case REG_SECONDS:
		return encode(rtc, tm.tm_sec % 60);
	case REG_MINUTES:
		return encode(rtc, tm.tm_min);
	case REG_HOURS:
		return encode_hour(rtc, tm.tm_hour);
	case REG_WEEKDAY:
		return encode(rtc, tm.tm_wday + 1);
	case REG_DAY:
		return encode(rtc, tm.tm_mday);
	case REG_MONTH:
		return encode(rtc, tm.tm_mon + 1);
	case REG_YEAR:
		return encode(rtc, tm.tm_year % 100);
	case REG_CENTURY:
		return encode(rtc, (tm.tm_year + 1900) / 100);
	case REG_C:
		return 0;
	case REG_D:
		return D_VALID;
	default:
		return rtc->cmos[rtc->index];
	}
}

static void write_register(struct rtc *rtc, uint8_t value)
{
	if (rtc->index == REG_A)
		value &= (uint8_t)~A_UPDATING;
	rtc->cmos[rtc->index] = value;
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct rtc *rtc = opaque;
	uint64_t value;

	(void)size;
	pthread_mutex_lock(&rtc->lock);
	value = offset ? read_register(rtc) : 0xff; /* the index port cannot be read */
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void port_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct rtc *rtc = opaque;

	(void)size;
	pthread_mutex_lock(&rtc->lock);
	if (offset)
		write_register(rtc, (uint8_t)value);
	else
		rtc->index = value & (CMOS_SIZE - 1); /* bit 7 masks the NMI, which there is not */
	pthread_mutex_unlock(&rtc->lock);
}

static const struct bus_ops port_ops = {.read = port_read, .write = port_write};

static void reset(void *opaque)
{
	struct rtc *rtc = opaque;

	pthread_mutex_lock(&rtc->lock);
	rtc->index = 0;
	rtc->cmos[REG_A] = A_DIVIDER;
	rtc->cmos[REG_B] = B_24_HOURS;
	pthread_mutex_unlock(&rtc->lock);
}

struct rtc *rtc_new(struct vm *vm, struct error *err)
{
	struct rtc *rtc = xcalloc(1, sizeof(*rtc));

	pthread_mutex_init(&rtc->lock, NULL);
	reset(rtc);
	if (bus_add(&vm->pio, LAYOUT_RTC_PORT, 2, &port_ops, rtc, "real-time clock", err) < 0) {
		rtc_free(rtc);
		return NULL;
	}
	vm_on_reset(vm, reset, rtc);
	return rtc;
}

void rtc_free(struct rtc *rtc)
{
	if (!rtc)
		return;
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}
