// SPDX-License-Identifier: GPL-2.0-or-later
/* The PCI bus as a guest sees it: header, sizing, moving BARs, capabilities, MSI-X masking. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "vmm/layout.h"
#include "vmm/pci/msix.h"
#include "vmm/pci/pci.h"

#define SLOT     (1u << 3) /* the device's bus/device/function: 00:01.0 */
#define BAR_SIZE 0x4000u
#define WIDE_BAR 2
#define VECTORS  3

struct bench {
	struct vm vm;
	struct pci_device device;
	unsigned int moved, resets;
};

static uint64_t on_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct bench *bench = opaque;

	if (offset < 0x1000)
		return msix_table_read(bench->device.msix, offset, size);
	return offset < 0x2000 ? msix_pba_read(bench->device.msix, offset - 0x1000, size) : offset;
}

static void on_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct bench *bench = opaque;

	msix_table_write(bench->device.msix, offset, size, value);
}

static const struct bus_ops bar_ops = {on_read, on_write};

static void on_moved(struct pci_device *device, unsigned int bar)
{
	struct bench *bench = device->opaque;

	(void)bar;
	bench->moved++;
}

static void on_reset(struct pci_device *device)
{
	struct bench *bench = device->opaque;

	bench->resets++;
}

static const struct pci_device_ops device_ops = {.bar_moved = on_moved, .reset = on_reset};

static int start(void **state, int vm_fd)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct pci_device *device = &bench->device;
	struct error err;

	vm_state_init(&bench->vm);
	bench->vm.vm_fd = vm_fd;
	bus_init(&bench->vm.pio);
	bus_init(&bench->vm.mmio);
	irq_init(&bench->vm.irq, vm_fd, NULL);
	bench->vm.pci = pci_bus_new(&bench->vm, &err);
	assert_non_null(bench->vm.pci);
	device->name = "test";
	device->ops = &device_ops;
	device->opaque = bench;
	pci_device_init(device, 0x1234, 0x5678, 0xff0102, 7);
	pci_add_bar(device, 0, BAR_SIZE, false, &bar_ops);
	pci_add_bar(device, WIDE_BAR, 0x10000, true, &bar_ops);
	pci_add_express(device);
	msix_init(device, &bench->vm.irq, VECTORS, 0, 0, 0x1000);
	assert_int_equal(pci_add(bench->vm.pci, device, &err), 0);
	bench->moved = 0;
	*state = bench;
	return 0;
}

static int setup(void **state)
{
	return start(state, -1); /* no KVM: no vector can be routed */
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	pci_bus_free(bench->vm.pci);
	msix_free(&bench->device);
	irq_release(&bench->vm.irq);
	bus_release(&bench->vm.mmio);
	bus_release(&bench->vm.pio);
	vm_state_release(&bench->vm);
	free(bench);
	return 0;
}

static uint32_t config_get(struct bench *bench, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	bus_read(&bench->vm.mmio, LAYOUT_ECAM_BASE + (SLOT << 12) + offset, &value, size);
	return value;
}

static void config_put(struct bench *bench, unsigned int offset, unsigned int size, uint32_t value)
{
	bus_write(&bench->vm.mmio, LAYOUT_ECAM_BASE + (SLOT << 12) + offset, &value, size);
}

static uint32_t mmio_get(struct bench *bench, uint64_t address)
{
	uint32_t value;

	bus_read(&bench->vm.mmio, address, &value, sizeof(value));
	return value;
}

static void mmio_put(struct bench *bench, uint64_t address, uint32_t value)
{
	bus_write(&bench->vm.mmio, address, &value, sizeof(value));
}

static void test_identity(void **state)
{
	struct bench *bench = *state;
	uint32_t value = 0x80000000u | SLOT << 8 | PCI_CLASS_REVISION;

	assert_int_equal(config_get(bench, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(config_get(bench, PCI_CLASS_REVISION, 4), 0xff010207);
	config_put(bench, PCI_VENDOR_ID, 4, 0);
	assert_int_equal(config_get(bench, PCI_VENDOR_ID, 2), 0x1234);
	/* the ports show the same, also in part */
	bus_write(&bench->vm.pio, 0xcf8, &value, 4);
	bus_read(&bench->vm.pio, 0xcfc, &value, 4);
	assert_int_equal(value, 0xff010207);
	value = 0;
	bus_read(&bench->vm.pio, 0xcfe, &value, 2);
	assert_int_equal(value, 0xff01);
	/* extended config space exists and is empty */
	assert_int_equal(config_get(bench, PCI_CFG_SPACE_SIZE, 4), 0);
}

static void test_absent(void **state)
{
	struct bench *bench = *state;
	static const unsigned int absent[] = {2 << 3, 31 << 3, SLOT | 1, SLOT | 7};

	for (unsigned int i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_int_equal(mmio_get(bench, LAYOUT_ECAM_BASE + (absent[i] << 12)), UINT32_MAX);
	assert_int_equal(pci_guest_read(bench->vm.pci, 0x100 | SLOT, 0, 4), UINT32_MAX);
	assert_int_equal(pci_guest_read(bench->vm.pci, 0, PCI_CLASS_DEVICE, 2), 0x0600);
	assert_int_equal(pci_guest_read(bench->vm.pci, SLOT, 4094, 4), UINT32_MAX);
	pci_guest_write(bench->vm.pci, SLOT, 4094, 4, 0);
}

static void test_sizing(void **state)
{
	struct bench *bench = *state;
	uint32_t low = config_get(bench, PCI_BASE_ADDRESS_0, 4);
	uint32_t wide = config_get(bench, PCI_BASE_ADDRESS_2, 4);
	uint32_t wide_high = config_get(bench, PCI_BASE_ADDRESS_3, 4);

	assert_int_equal(low % BAR_SIZE, 0);
	assert_in_range(low, LAYOUT_MMIO32_BASE, LAYOUT_MMIO32_BASE + LAYOUT_MMIO32_SIZE - BAR_SIZE);
	assert_int_equal(wide & 0xf, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	config_put(bench, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	assert_int_equal(config_get(bench, PCI_BASE_ADDRESS_0, 4), ~(BAR_SIZE - 1));
	config_put(bench, PCI_BASE_ADDRESS_2, 4, UINT32_MAX);
	config_put(bench, PCI_BASE_ADDRESS_3, 4, UINT32_MAX);
	assert_int_equal(config_get(bench, PCI_BASE_ADDRESS_2, 4), 0xffff0000 | (wide & 0xf));
	assert_int_equal(config_get(bench, PCI_BASE_ADDRESS_3, 4), UINT32_MAX);
	assert_false(bench->device.bars[0].mapped);
	assert_false(bench->device.bars[WIDE_BAR].mapped);
	/* an absent BAR has size 0 */
	config_put(bench, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
	assert_int_equal(config_get(bench, PCI_BASE_ADDRESS_1, 4), 0);
	config_put(bench, PCI_BASE_ADDRESS_0, 4, low);
	config_put(bench, PCI_BASE_ADDRESS_2, 4, wide);
	config_put(bench, PCI_BASE_ADDRESS_3, 4, wide_high);
	assert_true(bench->device.bars[0].mapped);
	assert_true(bench->device.bars[WIDE_BAR].mapped);
	assert_int_equal(mmio_get(bench, ((uint64_t)wide_high << 32 | (wide & ~0xfu)) + 0x3000), 0x3000);
}

static void test_moving(void **state)
{
	struct bench *bench = *state;
	uint32_t home = config_get(bench, PCI_BASE_ADDRESS_0, 4), away = home + 0x100000;

	assert_int_equal(mmio_get(bench, home + 0x3000), 0x3000);
	config_put(bench, PCI_BASE_ADDRESS_0, 4, away);
	assert_int_equal(bench->moved, 1);
	assert_int_equal(mmio_get(bench, home + 0x3000), UINT32_MAX);
	assert_int_equal(mmio_get(bench, away + 0x3000), 0x3000);
	config_put(bench, PCI_COMMAND, 2, 0);
	assert_int_equal(mmio_get(bench, away + 0x3000), UINT32_MAX);
	config_put(bench, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(mmio_get(bench, away + 0x3000), 0x3000);
}

static void test_hostile_places(void **state)
{
	static const uint32_t places[] = {0, 0x100000, LAYOUT_ECAM_BASE, LAYOUT_LAPIC_BASE & ~0x3fffu,
		LAYOUT_IOAPIC_BASE & ~0x3fffu, 0xffffc000u};
	struct bench *bench = *state;

	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		config_put(bench, PCI_BASE_ADDRESS_0, 4, places[i]);
		assert_false(bench->device.bars[0].mapped);
	}
	assert_int_equal(config_get(bench, PCI_VENDOR_ID, 2), 0x1234); /* ECAM is still there */
}

/* The loser of an overlap decodes as soon as the other BAR is elsewhere. */
static void test_overlap(void **state)
{
	struct bench *bench = *state;
	uint32_t home = config_get(bench, PCI_BASE_ADDRESS_0, 4), over = home & 0xffff0000;

	config_put(bench, PCI_BASE_ADDRESS_3, 4, 0);
	config_put(bench, PCI_BASE_ADDRESS_2, 4, over);
	assert_false(bench->device.bars[WIDE_BAR].mapped);
	assert_true(bench->device.bars[0].mapped);
	config_put(bench, PCI_BASE_ADDRESS_0, 4, home + 0x100000);
	assert_true(bench->device.bars[WIDE_BAR].mapped);
	assert_int_equal(mmio_get(bench, over + 0x3000), 0x3000);
	/* BAR 0 comes home first, where the other one still is */
	pci_bus_reset(bench->vm.pci);
	assert_true(bench->device.bars[0].mapped);
	assert_true(bench->device.bars[WIDE_BAR].mapped);
	assert_int_equal(mmio_get(bench, home + 0x3000), 0x3000);
}

static void test_capabilities(void **state)
{
	struct bench *bench = *state;
	unsigned int at = config_get(bench, PCI_CAPABILITY_LIST, 1), flags;

	assert_true(config_get(bench, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_int_equal(config_get(bench, at, 1), PCI_CAP_ID_EXP);
	flags = config_get(bench, at + PCI_EXP_FLAGS, 2);
	assert_int_equal((flags & PCI_EXP_FLAGS_TYPE) >> 4, PCI_EXP_TYPE_RC_END);
	at = config_get(bench, at + PCI_CAP_LIST_NEXT, 1);
	assert_int_equal(config_get(bench, at, 1), PCI_CAP_ID_MSIX);
	assert_int_equal(config_get(bench, at + PCI_MSIX_FLAGS, 2), VECTORS - 1);
	assert_int_equal(config_get(bench, at + PCI_MSIX_PBA, 4), 0x1000);
	assert_int_equal(config_get(bench, at + PCI_CAP_LIST_NEXT, 1), 0);
	config_put(bench, at, 4, 0); /* read-only */
	assert_int_equal(config_get(bench, at, 1), PCI_CAP_ID_MSIX);
}

static void test_reset(void **state)
{
	struct bench *bench = *state;
	uint32_t home = config_get(bench, PCI_BASE_ADDRESS_0, 4);
	unsigned int at = bench->device.msix->capability;

	config_put(bench, PCI_BASE_ADDRESS_0, 4, home + 0x100000);
	config_put(bench, PCI_INTERRUPT_LINE, 1, 11);
	config_put(bench, at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	pci_bus_reset(bench->vm.pci);
	assert_int_equal(bench->resets, 1);
	assert_int_equal(config_get(bench, PCI_BASE_ADDRESS_0, 4), home);
	assert_int_equal(config_get(bench, PCI_INTERRUPT_LINE, 1), 0);
	assert_int_equal(mmio_get(bench, home + 0x3000), 0x3000);
	assert_false(bench->device.msix->enabled);
}

/* ---- MSI-X --------------------------------------------------------------------------------------- */

static void put_entry(struct bench *bench, unsigned int vector, uint32_t data, uint32_t control)
{
	uint64_t entry = bench->device.bars[0].base + vector * MSIX_ENTRY_SIZE;

	mmio_put(bench, entry, 0xfee00000);
	mmio_put(bench, entry + 4, 0);
	mmio_put(bench, entry + 8, data);
	mmio_put(bench, entry + 12, control);
}

static uint32_t pending(struct bench *bench)
{
	return mmio_get(bench, bench->device.bars[0].base + 0x1000);
}

static void control(struct bench *bench, uint16_t flags)
{
	config_put(bench, bench->device.msix->capability + PCI_MSIX_FLAGS, 2, flags);
}

static void test_msix_pending(void **state)
{
	struct bench *bench = *state;
	struct pci_msix *msix = bench->device.msix;

	msix_notify(msix, 0); /* MSI-X is off: nothing is remembered */
	assert_int_equal(pending(bench), 0);
	control(bench, PCI_MSIX_FLAGS_ENABLE);
	msix_notify(msix, 0); /* masked, as after power-on */
	msix_notify(msix, 2);
	msix_notify(msix, VECTORS);
	msix_notify(msix, 0xffff);
	assert_int_equal(pending(bench), 5);
	mmio_put(bench, bench->device.bars[0].base + 0x1000, 0); /* the PBA is read-only */
	assert_int_equal(pending(bench), 5);
	control(bench, 0);
	pci_bus_reset(bench->vm.pci);
	assert_int_equal(pending(bench), 0);
}

static void test_msix_table(void **state)
{
	struct bench *bench = *state;
	uint64_t table = bench->device.bars[0].base, value = 0;

	put_entry(bench, 1, 0x4041, 0xffffffff);
	assert_int_equal(mmio_get(bench, table + 16), 0xfee00000);
	assert_int_equal(mmio_get(bench, table + 24), 0x4041);
	assert_int_equal(mmio_get(bench, table + 28), PCI_MSIX_ENTRY_CTRL_MASKBIT);
	bus_read(&bench->vm.mmio, table + 24, &value, 8);
	assert_int_equal(value, UINT64_C(0x100004041));
	/* narrow, unaligned and out-of-table accesses do nothing */
	bus_write(&bench->vm.mmio, table + 24, &value, 2);
	assert_int_equal(mmio_get(bench, table + 26), 0);
	mmio_put(bench, table + VECTORS * MSIX_ENTRY_SIZE, 1);
	assert_int_equal(mmio_get(bench, table + VECTORS * MSIX_ENTRY_SIZE), 0);
}

/* Sends a vector through the guest's local APIC: the route and irqfd are real. */
struct apic {
	int kvm_fd, vm_fd, vcpu_fd;
};

static int apic_open(struct apic *apic)
{
	struct kvm_lapic_state lapic;
	uint32_t spurious = 0x1ff; /* APIC software enable, vector 0xff */

	apic->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (apic->kvm_fd < 0)
		return -1;
	apic->vm_fd = ioctl(apic->kvm_fd, KVM_CREATE_VM, 0);
	if (apic->vm_fd < 0 || ioctl(apic->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return -1;
	apic->vcpu_fd = ioctl(apic->vm_fd, KVM_CREATE_VCPU, 0);
	if (apic->vcpu_fd < 0 || ioctl(apic->vcpu_fd, KVM_GET_LAPIC, &lapic) < 0)
		return -1;
	memcpy(lapic.regs + 0xf0, &spurious, sizeof(spurious));
	return ioctl(apic->vcpu_fd, KVM_SET_LAPIC, &lapic) < 0 ? -1 : 0;
}

static bool apic_requested(const struct apic *apic, unsigned int vector)
{
	struct kvm_lapic_state lapic;
	uint32_t word;

	assert_int_equal(ioctl(apic->vcpu_fd, KVM_GET_LAPIC, &lapic), 0);
	memcpy(&word, lapic.regs + 0x200 + vector / 32 * 0x10, sizeof(word));
	return word >> vector % 32 & 1;
}

/* The kernel may inject from a worker: soon, not at once. */
static bool apic_gets(const struct apic *apic, unsigned int vector)
{
	for (unsigned int i = 0; i < 2000 && !apic_requested(apic, vector); i++)
		usleep(1000);
	return apic_requested(apic, vector);
}

static void test_msix_delivery(void **state)
{
	struct bench *bench;
	struct pci_msix *msix;
	struct apic apic = {-1, -1, -1};

	if (apic_open(&apic) < 0) {
		print_message("no usable /dev/kvm\n");
		skip();
		return;
	}
	start(state, apic.vm_fd);
	bench = *state;
	msix = bench->device.msix;
	put_entry(bench, 0, 0x40, 0);
	put_entry(bench, 1, 0x81, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	control(bench, PCI_MSIX_FLAGS_ENABLE);
	msix_notify(msix, 0);
	assert_true(apic_gets(&apic, 0x40));
	/* masked: pending, and sent when the mask goes, to where the entry points by then */
	msix_notify(msix, 1);
	assert_int_equal(pending(bench), 2);
	assert_false(apic_requested(&apic, 0x81));
	put_entry(bench, 1, 0x82, 0);
	assert_true(apic_gets(&apic, 0x82));
	assert_int_equal(pending(bench), 0);
	assert_false(apic_requested(&apic, 0x81));
	/* the function mask holds all of them */
	put_entry(bench, 0, 0x43, 0);
	control(bench, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	msix_notify(msix, 0);
	assert_int_equal(pending(bench), 1);
	control(bench, PCI_MSIX_FLAGS_ENABLE);
	assert_true(apic_gets(&apic, 0x43));
	teardown(state);
	close(apic.vcpu_fd);
	close(apic.vm_fd);
	close(apic.kvm_fd);
}

#define TEST(function, name) {name, function, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity, "ECAM and the ports show the same header, which is read-only"),
		TEST(test_absent, "absent functions read as ones"),
		TEST(test_sizing, "BARs are placed at start and can be sized"),
		TEST(test_moving, "BARs move and follow memory decode"),
		TEST(test_hostile_places, "a BAR outside of the windows decodes nothing"),
		TEST(test_overlap, "a BAR over another one decodes once that one has moved"),
		TEST(test_capabilities, "the capability list is whole and read-only"),
		TEST(test_reset, "a reset restores config space, BARs and MSI-X"),
		TEST(test_msix_pending, "masked interrupts become pending bits"),
		TEST(test_msix_table, "the MSI-X table takes dwords and qwords only"),
		{"MSI-X reaches the local APIC; masked vectors wait", test_msix_delivery, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
