// SPDX-License-Identifier: GPL-2.0-or-later
/* The root bus: devices and their slots, the two ways to config space, BARs on the MMIO bus. */
#include "vmm/pci/pci.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/xalloc.h"
#include "vmm/layout.h"
#include "vmm/pci/msix.h"

#define ADDRESS_PORT   0xcf8 /* PCI 3.0, 3.2.2.3.2: configuration mechanism #1 */
#define DATA_PORT      0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define RESET_NOW      0x04

/* Red Hat's generic PCI Express host bridge: guests know it and expect nothing of it. */
#define BRIDGE_VENDOR 0x1b36
#define BRIDGE_DEVICE 0x0008

struct window {
	uint64_t base, size, next;
};

struct pci_bus {
	struct vm *vm;
	pthread_mutex_t lock;
	uint32_t address; /* what was written to ADDRESS_PORT */
	struct pci_device *slots[PCI_SLOTS];
	struct window low, high;
	struct pci_device bridge;
};

/* The standard header's registers that a guest may write (7.5.1); BARs are added by pci_add_bar(). */
static const struct {
	uint8_t offset, size;
	uint16_t writable;
} header_registers[] = {
	{PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE},
	{PCI_CACHE_LINE_SIZE, 1, 0xff},
	{PCI_INTERRUPT_LINE, 1, 0xff},
};

/* ---- config space as bytes ----------------------------------------------------------------------- */

static uint32_t get_bytes(const uint8_t *bytes, unsigned int size)
{
	uint32_t value = 0;

	memcpy(&value, bytes, size);
	return value;
}

uint32_t pci_config_get(const struct pci_device *device, unsigned int offset, unsigned int size)
{
	return get_bytes(device->config + offset, size);
}

void pci_config_set(struct pci_device *device, unsigned int offset, unsigned int size,
	uint32_t value)
{
	memcpy(device->config + offset, &value, size);
}

/* ---- building a device --------------------------------------------------------------------------- */

void pci_device_init(struct pci_device *device, uint16_t vendor, uint16_t id, uint32_t class_code,
	uint8_t revision)
{
	pci_config_set(device, PCI_VENDOR_ID, 2, vendor);
	pci_config_set(device, PCI_DEVICE_ID, 2, id);
	pci_config_set(device, PCI_CLASS_REVISION, 4, class_code << 8 | revision);
	for (unsigned int i = 0; i < sizeof(header_registers) / sizeof(header_registers[0]); i++)
		memcpy(device->writable + header_registers[i].offset, &header_registers[i].writable,
			header_registers[i].size);
	device->capability_end = PCI_STD_HEADER_SIZEOF;
	device->capability_tail = PCI_CAPABILITY_LIST;
}

unsigned int pci_add_capability(struct pci_device *device, uint8_t id, unsigned int size)
{
	unsigned int at = device->capability_end;

	assert(at + size <= PCI_CFG_SPACE_SIZE);
	device->config[device->capability_tail] = (uint8_t)at;
	device->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	device->config[at + PCI_CAP_LIST_ID] = id;
	device->capability_tail = at + PCI_CAP_LIST_NEXT;
	device->capability_end = (at + size + 3) & ~3u;
	return at;
}

void pci_add_express(struct pci_device *device)
{
	/* Version 2; an integrated endpoint has no link, so its link registers are zero (7.5.3). */
	unsigned int at = pci_add_capability(device, PCI_CAP_ID_EXP, PCI_CAP_EXP_ENDPOINT_SIZEOF_V2);

	pci_config_set(device, at + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_RC_END << 4);
	pci_config_set(device, at + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_RBER);
	memset(device->writable + at + PCI_EXP_DEVCTL, 0xff, 2);
	device->writable[at + PCI_EXP_DEVCTL + 1] &= (uint8_t)~(PCI_EXP_DEVCTL_BCR_FLR >> 8);
}

static unsigned int bar_register(unsigned int bar)
{
	return PCI_BASE_ADDRESS_0 + 4 * bar;
}

void pci_add_bar(struct pci_device *device, unsigned int bar, uint64_t size, bool wide,
	const struct bus_ops *ops)
{
	uint64_t mask = ~(size - 1);

	assert(size >= 4096 && !(size & (size - 1)));
	device->bars[bar] = (struct pci_bar){.size = size, .wide = wide, .ops = ops};
	memcpy(device->writable + bar_register(bar), &mask, wide ? 8 : 4);
	if (wide)
		device->config[bar_register(bar)] =
			PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH;
}

/* ---- BARs on the MMIO bus ------------------------------------------------------------------------ */

static uint64_t bar_address(const struct pci_device *device, unsigned int bar)
{
	uint64_t address = pci_config_get(device, bar_register(bar), 4) & PCI_BASE_ADDRESS_MEM_MASK;

	if (device->bars[bar].wide)
		address |= (uint64_t)pci_config_get(device, bar_register(bar) + 4, 4) << 32;
	else
		address &= UINT32_MAX;
	return address;
}

static void set_bar_address(struct pci_device *device, unsigned int bar, uint64_t address)
{
	uint32_t flags = pci_config_get(device, bar_register(bar), 4) & ~PCI_BASE_ADDRESS_MEM_MASK;

	pci_config_set(device, bar_register(bar), 4, (uint32_t)address | flags);
	if (device->bars[bar].wide)
		pci_config_set(device, bar_register(bar) + 4, 4, (uint32_t)(address >> 32));
}

static bool window_holds(const struct window *window, uint64_t base, uint64_t size)
{
	return base >= window->base && base - window->base < window->size &&
		size <= window->size - (base - window->base);
}

static void unmap_bar(struct pci_device *device, struct pci_bar *bar)
{
	bus_remove(&device->bus->vm->mmio, bar->base);
	bar->mapped = false;
}

/*
 * Decoding follows the registers: a BAR that the guest put outside of the windows decodes nothing until
 * it is moved again (sizing writes all ones, for instance), one over another BAR until either is.
 */
static bool map_bar(struct pci_device *device, struct pci_bar *bar, uint64_t base)
{
	struct pci_bus *bus = device->bus;

	if (!window_holds(&bus->low, base, bar->size) && !window_holds(&bus->high, base, bar->size))
		return false;
	if (bus_add(&bus->vm->mmio, base, bar->size, bar->ops, device->opaque, device->name, NULL) < 0)
		return false;
	bar->base = base;
	bar->mapped = true;
	return true;
}

static void update_bar(struct pci_device *device, unsigned int index)
{
	struct pci_bar *bar = &device->bars[index];
	bool decode = device->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
	uint64_t base = bar_address(device, index);
	bool changed = false;

	if (bar->mapped && decode && bar->base == base)
		return;
	if (bar->mapped) {
		unmap_bar(device, bar);
		changed = true;
	}
	if (decode)
		changed |= map_bar(device, bar, base);
	if (changed && device->ops->bar_moved)
		device->ops->bar_moved(device, index);
}

static void update_bars(struct pci_device *device)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (device->bars[i].size)
			update_bar(device, i);
}

/* A BAR that was moved away may have made room for another device's. */
static void update_all_bars(struct pci_bus *bus)
{
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		if (bus->slots[i])
			update_bars(bus->slots[i]);
}

static int place_bar(struct pci_device *device, unsigned int index, struct error *err)
{
	struct pci_bar *bar = &device->bars[index];
	struct window *window = bar->wide ? &device->bus->high : &device->bus->low;
	uint64_t base = (window->next + bar->size - 1) & ~(bar->size - 1);

	if (!window_holds(window, base, bar->size))
		return error_set(err, ENOSPC, "%s: no room for BAR %u of 0x%" PRIx64 " bytes", device->name,
			index, bar->size);
	window->next = base + bar->size;
	bar->home = base;
	set_bar_address(device, index, base);
	return 0;
}

/* ---- guest accesses to config space -------------------------------------------------------------- */

static bool overlaps(unsigned int offset, unsigned int size, unsigned int first, unsigned int length)
{
	return offset < first + length && first < offset + size;
}

static struct pci_device *find_device(struct pci_bus *bus, unsigned int bdf)
{
	/* One bus, function 0 only: everything but the slot number must be zero. */
	return bdf & ~(0x1fu << 3) ? NULL : bus->slots[bdf >> 3];
}

static void write_masked(struct pci_device *device, unsigned int offset, unsigned int size,
	uint32_t value)
{
	for (unsigned int i = offset; i < offset + size; i++, value >>= 8)
		device->config[i] = (uint8_t)((device->config[i] & ~device->writable[i]) |
			(value & device->writable[i]));
}

static uint32_t config_read(struct pci_device *device, unsigned int offset, unsigned int size)
{
	if (device->ops->config_read)
		device->ops->config_read(device, offset, size);
	return pci_config_get(device, offset, size);
}

static void config_write(struct pci_device *device, unsigned int offset, unsigned int size,
	uint32_t value)
{
	write_masked(device, offset, size, value);
	if (overlaps(offset, size, PCI_COMMAND, 2) ||
		overlaps(offset, size, PCI_BASE_ADDRESS_0, 4 * PCI_BARS)) {
		update_bars(device);
		update_all_bars(device->bus);
	}
	if (device->msix && overlaps(offset, size, device->msix->capability + PCI_MSIX_FLAGS, 2))
		msix_control_written(device);
	if (device->ops->config_written)
		device->ops->config_written(device, offset, size);
}

static bool is_config_access(unsigned int offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset <= PCI_CONFIG_SIZE - size;
}

uint32_t pci_guest_read(struct pci_bus *bus, unsigned int bdf, unsigned int offset,
	unsigned int size)
{
	struct pci_device *device = find_device(bus, bdf);
	uint32_t value;

	if (!device || !is_config_access(offset, size))
		return UINT32_MAX;
	pthread_mutex_lock(&bus->lock);
	value = config_read(device, offset, size);
	pthread_mutex_unlock(&bus->lock);
	return value;
}

void pci_guest_write(struct pci_bus *bus, unsigned int bdf, unsigned int offset, unsigned int size,
	uint32_t value)
{
	struct pci_device *device = find_device(bus, bdf);

	if (!device || !is_config_access(offset, size))
		return;
	pthread_mutex_lock(&bus->lock);
	config_write(device, offset, size, value);
	pthread_mutex_unlock(&bus->lock);
}

/* ECAM (PCI Express 5.0, 7.2.2): the offset is bus, device, function, register. */
static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned int size)
{
	return pci_guest_read(opaque, (unsigned int)(offset >> 12), offset & 0xfff, size);
}

static void ecam_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	pci_guest_write(opaque, (unsigned int)(offset >> 12), offset & 0xfff, size, (uint32_t)value);
}

static const struct bus_ops ecam_ops = {ecam_read, ecam_write};

static uint64_t address_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = opaque;

	return offset == 0 && size == 4 ? __atomic_load_n(&bus->address, __ATOMIC_RELAXED) : UINT64_MAX;
}

static void address_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_bus *bus = opaque;

	if (offset == 0 && size == 4)
		__atomic_store_n(&bus->address, (uint32_t)value, __ATOMIC_RELAXED);
	/* A byte inside this register is another one, as in the chipsets: reset control. */
	if (ADDRESS_PORT + offset == LAYOUT_RESET_PORT && size == 1 && value & RESET_NOW)
		vm_reset(bus->vm, SHUTDOWN_CAUSE_GUEST_RESET);
}

static const struct bus_ops address_ops = {address_read, address_write};

static uint64_t data_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = opaque;
	uint32_t address = __atomic_load_n(&bus->address, __ATOMIC_RELAXED);

	if (!(address & ADDRESS_ENABLE))
		return UINT64_MAX;
	return pci_guest_read(bus, address >> 8 & 0xffff, (address & 0xfc) + (unsigned int)offset, size);
}

static void data_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_bus *bus = opaque;
	uint32_t address = __atomic_load_n(&bus->address, __ATOMIC_RELAXED);

	if (address & ADDRESS_ENABLE)
		pci_guest_write(bus, address >> 8 & 0xffff, (address & 0xfc) + (unsigned int)offset, size,
			(uint32_t)value);
}

static const struct bus_ops data_ops = {data_read, data_write};

/* ---- the bus ------------------------------------------------------------------------------------- */

/* Power-on state: the guest finds its BARs placed and decoding. */
static void reset_device(struct pci_device *device)
{
	memcpy(device->config, device->power_on, sizeof(device->config));
	if (device->msix)
		msix_reset(device->msix);
	update_bars(device);
	if (device->ops->reset)
		device->ops->reset(device);
}

void pci_bus_reset(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	bus->address = 0;
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		if (bus->slots[i])
			reset_device(bus->slots[i]);
	update_all_bars(bus);
	pthread_mutex_unlock(&bus->lock);
}

static void on_reset(void *opaque)
{
	pci_bus_reset(opaque);
}

static int take_slot(struct pci_bus *bus, struct pci_device *device, struct error *err)
{
	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		if (bus->slots[i])
			continue;
		device->bus = bus;
		device->slot = i;
		return 0;
	}
	return error_set(err, ENOSPC, "%s: all %d slots of the PCI bus are taken", device->name,
		PCI_SLOTS);
}

int pci_add(struct pci_bus *bus, struct pci_device *device, struct error *err)
{
	int ret = take_slot(bus, device, err);

	for (unsigned int i = 0; ret == 0 && i < PCI_BARS; i++)
		if (device->bars[i].size)
			ret = place_bar(device, i, err);
	if (ret < 0)
		return ret;
	device->config[PCI_COMMAND] |= PCI_COMMAND_MEMORY;
	memcpy(device->power_on, device->config, sizeof(device->config));
	bus->slots[device->slot] = device;
	update_bars(device);
	return 0;
}

static const struct pci_device_ops bridge_ops;

static int add_ranges(struct pci_bus *bus, struct error *err)
{
	struct vm *vm = bus->vm;
	int ret;

	ret = bus_add(&vm->mmio, LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE, &ecam_ops, bus, "pci-ecam", err);
	if (ret == 0)
		ret = bus_add(&vm->pio, ADDRESS_PORT, 4, &address_ops, bus, "pci-address", err);
	if (ret == 0)
		ret = bus_add(&vm->pio, DATA_PORT, 4, &data_ops, bus, "pci-data", err);
	return ret;
}

struct pci_bus *pci_bus_new(struct vm *vm, struct error *err)
{
	struct pci_bus *bus = xcalloc(1, sizeof(*bus));
	uint64_t high = layout_mmio64_base(&vm->memory);

	bus->vm = vm;
	pthread_mutex_init(&bus->lock, NULL);
	bus->low = (struct window){LAYOUT_MMIO32_BASE, LAYOUT_MMIO32_SIZE, LAYOUT_MMIO32_BASE};
	bus->high = (struct window){high, LAYOUT_MMIO64_SIZE, high};
	bus->bridge.name = "pci-host-bridge";
	bus->bridge.ops = &bridge_ops;
	pci_device_init(&bus->bridge, BRIDGE_VENDOR, BRIDGE_DEVICE, 0x060000, 0);
	if (add_ranges(bus, err) < 0 || pci_add(bus, &bus->bridge, err) < 0) {
		pci_bus_free(bus);
		return NULL;
	}
	vm_on_reset(vm, on_reset, bus);
	return bus;
}

void pci_bus_free(struct pci_bus *bus)
{
	if (!bus)
		return;
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		if (bus->slots[i] && bus->slots[i]->ops->free)
			bus->slots[i]->ops->free(bus->slots[i]);
	pthread_mutex_destroy(&bus->lock);
	free(bus);
}
