// SPDX-License-Identifier: GPL-2.0-or-later
/* Power-off and reset by the guest. Stateless: what is written acts at once. */
#include "vmm/hw/pm.h"

#include <string.h>

#include "vmm/layout.h"

/* Sleep control register, ACPI 6.4, table 4-19: SLP_TYPx is bits 2-4, SLP_EN bit 5. */
#define SLEEP_ENABLE     0x20u
#define SLEEP_TYPE(v)    ((v) >> 2 & 7)
#define KEYBOARD_RESET   0xfeu /* pulse output line 0, the CPU's reset pin */

static void write_pm(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct vm *vm = opaque;

	if (size != 1)
		return;
	if (offset == PM_SLEEP_CONTROL && value & SLEEP_ENABLE && SLEEP_TYPE(value) == PM_SLEEP_TYPE_S5)
		vm_shutdown(vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
	else if (offset == PM_RESET && value == PM_RESET_VALUE)
		vm_reset(vm, SHUTDOWN_CAUSE_GUEST_RESET);
}

static uint64_t read_zero(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)size;
	return 0; /* sleep status: never woken; keyboard: nothing there, ready for a command */
}

static void write_keyboard(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)offset;
	(void)size;
	if ((value & 0xff) == KEYBOARD_RESET)
		vm_reset(opaque, SHUTDOWN_CAUSE_GUEST_RESET);
}

static const struct bus_ops pm_ops = {.read = read_zero, .write = write_pm};
static const struct bus_ops keyboard_ops = {.read = read_zero, .write = write_keyboard};

int pm_add(struct vm *vm, struct error *err)
{
	int ret = bus_add(&vm->pio, LAYOUT_PM_PORT, LAYOUT_PM_SIZE, &pm_ops, vm, "power management", err);

	if (!ret)
		ret = bus_add(&vm->pio, LAYOUT_KEYBOARD_PORT, 1, &keyboard_ops, vm, "keyboard reset", err);
	return ret;
}

void pm_write_reset_vector(struct guest_memory *memory)
{
	static const uint8_t code[] = {
		/* Byte operations only: the same in real mode, where guests come from, and in others. */
		0xb6, (LAYOUT_PM_PORT + PM_RESET) >> 8, /* mov $..., %dh */
		0xb2, (LAYOUT_PM_PORT + PM_RESET) & 0xff, /* mov $..., %dl */
		0xb0, PM_RESET_VALUE, /* mov $..., %al */
		0xee, /* out %al, (%dx) */
		0xf4, 0xeb, 0xfd, /* 1: hlt; jmp 1b */
	};
	void *vector = memory_at(memory, LAYOUT_RESET_VECTOR, sizeof(code));

	if (vector)
		memcpy(vector, code, sizeof(code));
}
