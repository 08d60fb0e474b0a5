// SPDX-License-Identifier: GPL-2.0-or-later
/* The platform's devices as the guest's ACPI sees them, one function each. */
#include "vmm/acpi/dsdt.h"

#include "vmm/acpi/aml.h"
#include "vmm/hw/ged.h"
#include "vmm/hw/pm.h"
#include "vmm/layout.h"

#define NOTIFY_BUTTON_PRESSED 0x80

static void named_eisaid(struct bytes *aml, const char *name, const char *id)
{
	aml_name(aml, name);
	aml_eisaid(aml, id);
}

static void named_integer(struct bytes *aml, const char *name, uint64_t value)
{
	aml_name(aml, name);
	aml_integer(aml, value);
}

static void pci_windows(struct bytes *aml, const struct guest_memory *memory)
{
	size_t resources;

	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_bus_window(aml, 0, LAYOUT_PCI_BUSES - 1);
	aml_memory_window32(aml, LAYOUT_MMIO32_BASE, LAYOUT_MMIO32_SIZE);
	aml_memory_window64(aml, layout_mmio64_base(memory), LAYOUT_MMIO64_SIZE);
	aml_resources_end(aml, resources);
}

/* The bridge's devices interrupt by MSI-X only, so there is no _PRT. */
static void pci_bridge(struct bytes *aml, const struct guest_memory *memory, int node)
{
	size_t device = aml_device(aml, "PCI0"), method;

	named_eisaid(aml, "_HID", "PNP0A08");
	named_eisaid(aml, "_CID", "PNP0A03");
	named_integer(aml, "_UID", 0);
	named_integer(aml, "_SEG", 0);
	named_integer(aml, "_BBN", 0);
	named_integer(aml, "_CCA", 1);
	if (node >= 0)
		named_integer(aml, "_PXM", (uint64_t)node);
	pci_windows(aml, memory);
	/* The guest may control every PCI Express feature it asks for (PCI firmware 3.2, 4.5.1). */
	method = aml_method(aml, "_OSC", 4, false);
	aml_return(aml);
	aml_argument(aml, 3);
	aml_end(aml, method);
	aml_end(aml, device);
}

/* Reserves ECAM, so that the guest believes MCFG (PCI firmware 3.2, 4.1.2). */
static void motherboard(struct bytes *aml)
{
	size_t device = aml_device(aml, "MBRD"), resources;

	named_eisaid(aml, "_HID", "PNP0C02");
	named_integer(aml, "_UID", 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_fixed_memory(aml, LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE);
	aml_ports(aml, LAYOUT_PM_PORT, LAYOUT_PM_SIZE);
	aml_ports(aml, LAYOUT_GED_PORT, LAYOUT_GED_SIZE);
	aml_resources_end(aml, resources);
	aml_end(aml, device);
}

/* A device of the PC's: ports and an ISA interrupt. */
static void legacy_device(struct bytes *aml, const char *name, const char *id, uint16_t port,
	uint8_t ports, unsigned int irq)
{
	size_t device = aml_device(aml, name), resources;

	named_eisaid(aml, "_HID", id);
	named_integer(aml, "_UID", 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_ports(aml, port, ports);
	aml_irq(aml, irq);
	aml_resources_end(aml, resources);
	aml_end(aml, device);
}

static void power_button(struct bytes *aml)
{
	size_t device = aml_device(aml, "PWRB");

	named_eisaid(aml, "_HID", "PNP0C0C");
	named_integer(aml, "_UID", 0);
	aml_end(aml, device);
}

/* _EVT is called for the interrupt: Local0 = EVTS; If (Local0 & 1) Notify(PWRB, 0x80). */
static void event_device(struct bytes *aml)
{
	size_t device = aml_device(aml, "GED_"), resources, method, condition;

	aml_name(aml, "_HID");
	aml_string(aml, "ACPI0013");
	named_integer(aml, "_UID", 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_interrupt(aml, LAYOUT_GED_IRQ);
	aml_resources_end(aml, resources);
	aml_port_field(aml, "EREG", LAYOUT_GED_PORT, LAYOUT_GED_SIZE, "EVTS");

	method = aml_method(aml, "_EVT", 1, true);
	aml_store(aml);
	aml_path(aml, "EVTS");
	aml_local(aml, 0);
	condition = aml_if(aml);
	aml_and(aml);
	aml_local(aml, 0);
	aml_integer(aml, GED_POWER_BUTTON);
	aml_integer(aml, 0); /* the result goes nowhere */
	aml_notify(aml);
	aml_path(aml, "PWRB");
	aml_integer(aml, NOTIFY_BUTTON_PRESSED);
	aml_end(aml, condition);
	aml_end(aml, method);
	aml_end(aml, device);
}

/* What the guest writes as SLP_TYP to power off; without it Linux does not know how. */
static void sleep_states(struct bytes *aml)
{
	size_t package;

	aml_name(aml, "\\_S5_");
	package = aml_package(aml, 4);
	aml_integer(aml, PM_SLEEP_TYPE_S5);
	for (int i = 0; i < 3; i++)
		aml_integer(aml, 0);
	aml_end(aml, package);
}

void dsdt_write(struct bytes *aml, const struct guest_memory *memory,
	const struct vm_config *config, int pci_node)
{
	size_t scope = aml_scope(aml, "\\_SB_");

	pci_bridge(aml, memory, pci_node);
	motherboard(aml);
	if (config->serial.kind != CHARDEV_NONE)
		legacy_device(aml, "COM1", "PNP0501", LAYOUT_SERIAL_PORT, 8, LAYOUT_SERIAL_IRQ);
	legacy_device(aml, "RTC_", "PNP0B00", LAYOUT_RTC_PORT, 2, LAYOUT_RTC_IRQ);
	power_button(aml);
	event_device(aml);
	aml_end(aml, scope);
	sleep_states(aml);
}
