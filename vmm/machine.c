// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine as a list of stages: each is built after those above it and taken down before them. The
 * order is not free. The I/O thread goes to its place before it allocates. What can be refused is looked at first (kernel, KVM, host memory). Memory comes
 * before the VM, whose regions must be there before the irqchip (kvm.h); the irqchip before vCPUs
 * (each gets its local APIC with it); PCI before the devices on it.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "vmm/acpi/acpi.h"
#include "vmm/boot/boot.h"
#include "vmm/host_node.h"
#include "vmm/hw/ged.h"
#include "vmm/hw/pm.h"
#include "vmm/hw/rtc.h"
#include "vmm/hw/serial.h"
#include "vmm/kvm.h"
#include "vmm/pci/pci.h"
#include "vmm/thread.h"
#include "vmm/vcpu.h"
#include "vmm/virtio/balloon.h"
#include "vmm/virtio/blk.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/net.h"
#include "vmm/virtio/rng.h"

struct devices {
	struct serial *serial;
	struct rtc *rtc;
};

static int build_place(struct vm *vm, struct error *err)
{
	thread_get_cpus(&vm->host_cpus);
	if (idset_empty(&vm->config->io_cpus) || !thread_pin(&vm->config->io_cpus, err))
		return 0;
	error_prefix(err, "--io-cpus");
	return -EINVAL;
}

static int build_boot(struct vm *vm, struct error *err)
{
	vm->boot = boot_open(vm->config, err);
	return vm->boot ? 0 : -EINVAL;
}

static void release_boot(struct vm *vm)
{
	boot_free(vm->boot);
}

static int build_kvm(struct vm *vm, struct error *err)
{
	vm->kvm_fd = kvm_open(err);
	return vm->kvm_fd < 0 ? vm->kvm_fd : 0;
}

static void release_kvm(struct vm *vm)
{
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
}

/* A balloon that this memory makes useless is said before the memory is looked for. */
static int build_memory(struct vm *vm, struct error *err)
{
	if (vm->config->balloon && balloon_check(vm->config, err) < 0) {
		error_prefix(err, "--balloon");
		return -EINVAL;
	}
	return memory_create(&vm->memory, vm->config->nodes, vm->config->node_count,
		vm->config->prefault, err);
}

static void release_memory(struct vm *vm)
{
	memory_release(&vm->memory);
}

static void release_vm(struct vm *vm)
{
	if (vm->stats_fd >= 0)
		close(vm->stats_fd);
	if (vm->vm_fd >= 0)
		close(vm->vm_fd);
}

static void reset_irq(void *opaque)
{
	irq_reset(opaque);
}

static int build_irq(struct vm *vm, struct error *err)
{
	vm_on_reset(vm, reset_irq, &vm->irq);
	return irq_init(&vm->irq, vm->vm_fd, err);
}

static void release_irq(struct vm *vm)
{
	irq_release(&vm->irq);
}

/* Up to here a signal may simply end the process; from here on there are terminals and sockets. */
static int build_loop(struct vm *vm, struct error *err)
{
	thread_block_signals();
	bus_init(&vm->pio);
	bus_init(&vm->mmio);
	vm->loop = loop_new(err);
	return vm->loop ? 0 : -EIO;
}

static void release_loop(struct vm *vm)
{
	loop_free(vm->loop);
	bus_release(&vm->mmio);
	bus_release(&vm->pio);
}

static int build_platform(struct vm *vm, struct error *err)
{
	vm->devices = xcalloc(1, sizeof(*vm->devices));
	vm->devices->serial = serial_new(vm, &vm->config->serial, err);
	if (!vm->devices->serial)
		return -EIO;
	vm->devices->rtc = rtc_new(vm, err);
	vm->ged = vm->devices->rtc ? ged_new(vm, err) : NULL;
	return vm->ged ? pm_add(vm, err) : -EIO;
}

static void release_platform(struct vm *vm)
{
	ged_free(vm->ged);
	if (vm->devices) {
		rtc_free(vm->devices->rtc);
		serial_free(vm->devices->serial);
	}
	free(vm->devices);
}

static int build_pci(struct vm *vm, struct error *err)
{
	vm->pci = pci_bus_new(vm, err);
	return vm->pci ? 0 : -EIO;
}

static int build_virtio(struct vm *vm, struct error *err)
{
	const struct vm_config *config = vm->config;
	int ret = 0;

	for (unsigned int i = 0; i < config->disk_count && !ret; i++)
		ret = blk_add(vm, &config->disks[i], err);
	for (unsigned int i = 0; i < config->net_count && !ret; i++)
		ret = net_add(vm, &config->nets[i], err);
	if (!ret && config->console.kind != CHARDEV_NONE)
		ret = console_add(vm, &config->console, err);
	if (!ret && config->rng)
		ret = rng_add(vm, err);
	if (!ret && config->balloon)
		ret = balloon_add(vm, err);
	return ret;
}

/* Frees the devices on it as well. */
static void release_pci(struct vm *vm)
{
	pci_bus_free(vm->pci);
}

/*
 * The guest node the devices are near to: the one whose memory is on the host node of the I/O thread.
 * -1 when that is not one node, or not known.
 */
static int pci_node(const struct vm_config *config)
{
	int host = host_node_of_cpus(&config->io_cpus), found = -1;

	for (unsigned int i = 0; host >= 0 && i < config->node_count; i++) {
		const struct idset *nodes = &config->nodes[i].host_nodes;

		if (!idset_has(nodes, (unsigned int)host) || idset_count(nodes) != 1)
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}

int machine_load(struct vm *vm, struct error *err)
{
	uint64_t rsdp;
	int ret = acpi_write(&vm->memory, vm->config, pci_node(vm->config), &rsdp, err);

	pm_write_reset_vector(&vm->memory);
	if (!ret)
		ret = boot_load(vm->boot, &vm->memory, rsdp, err);
	return ret ? ret : vcpus_reset(vm, err);
}

static const struct stage {
	int (*build)(struct vm *vm, struct error *err);
	void (*release)(struct vm *vm); /* also after a build that failed half way */
} stages[] = {
	{build_place, NULL},
	{build_boot, release_boot},
	{build_kvm, release_kvm},
	{build_memory, release_memory},
	{kvm_create_vm, release_vm},
	{build_irq, release_irq},
	{vcpus_create, vcpus_release},
	{build_loop, release_loop},
	{build_platform, release_platform},
	{build_pci, release_pci},
	{build_virtio, NULL},
	{machine_load, NULL},
};

#define STAGES (sizeof(stages) / sizeof(stages[0]))

static void release_from(struct vm *vm, size_t stage)
{
	vcpus_stop(vm);
	for (size_t i = stage; i-- > 0;)
		if (stages[i].release)
			stages[i].release(vm);
	vm_state_release(vm);
}

int machine_create(struct vm *vm, const struct vm_config *config, struct error *err)
{
	*vm = (struct vm){.config = config, .kvm_fd = -1, .vm_fd = -1, .stats_fd = -1};
	vm_state_init(vm);
	for (size_t i = 0; i < STAGES; i++) {
		int ret = stages[i].build(vm, err);

		if (ret) {
			release_from(vm, i + 1);
			return ret;
		}
	}
	return 0;
}

void machine_release(struct vm *vm)
{
	release_from(vm, STAGES);
}
