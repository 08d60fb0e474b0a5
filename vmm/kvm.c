// SPDX-License-Identifier: GPL-2.0-or-later
/* /dev/kvm: what it must be able to do, and the VM made from it. */
#include "vmm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/layout.h"

#define API_VERSION 12 /* frozen since Linux 2.6.22; Documentation/virt/kvm/api.rst, 4.1 */

/* What vmm is built on. All of it is in every x86 KVM since Linux 4.13. */
static const struct {
	unsigned int extension;
	const char *what;
} needed[] = {
	{KVM_CAP_USER_MEMORY, "user memory regions (KVM_CAP_USER_MEMORY)"},
	{KVM_CAP_IRQCHIP, "interrupt controllers in the kernel (KVM_CAP_IRQCHIP)"},
	{KVM_CAP_IRQ_ROUTING, "interrupt routing (KVM_CAP_IRQ_ROUTING)"},
	{KVM_CAP_IRQFD, "interrupts by eventfd (KVM_CAP_IRQFD)"},
	{KVM_CAP_IOEVENTFD, "doorbells by eventfd (KVM_CAP_IOEVENTFD)"},
	{KVM_CAP_EXT_CPUID, "CPUID of the guest (KVM_CAP_EXT_CPUID)"},
	{KVM_CAP_MP_STATE, "state of guest processors (KVM_CAP_MP_STATE)"},
	{KVM_CAP_SET_TSS_ADDR, "placing of the TSS (KVM_CAP_SET_TSS_ADDR)"},
	{KVM_CAP_IMMEDIATE_EXIT, "pausing without races (KVM_CAP_IMMEDIATE_EXIT, Linux 4.13)"},
	{KVM_CAP_TSC_DEADLINE_TIMER, "the TSC deadline timer (KVM_CAP_TSC_DEADLINE_TIMER)"},
};

int kvm_extension(int kvm_fd, unsigned int extension)
{
	int ret = ioctl(kvm_fd, KVM_CHECK_EXTENSION, extension);

	return ret < 0 ? 0 : ret;
}

static int open_device(struct error *err)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case ENOENT:
		return error_set(err, ENOENT,
			"there is no /dev/kvm: load kvm-intel or kvm-amd, or switch on virtualisation in the "
			"firmware (in a virtual machine: nested virtualisation)");
	case EACCES:
	case EPERM:
		return error_set(err, errno,
			"no permission to open /dev/kvm: run as root or join the group that owns it (kvm)");
	default:
		return error_errno(err, errno, "cannot open /dev/kvm");
	}
}

int kvm_open(struct error *err)
{
	int fd = open_device(err), version;

	if (fd < 0)
		return fd;
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != API_VERSION) {
		close(fd);
		return error_set(err, ENODEV, "/dev/kvm speaks API version %d, vmm needs %d", version,
			API_VERSION);
	}
	for (unsigned int i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (kvm_extension(fd, needed[i].extension))
			continue;
		close(fd);
		return error_set(err, ENODEV, "/dev/kvm lacks %s", needed[i].what);
	}
	return fd;
}

int kvm_stats_fd(int kvm_fd, int object_fd)
{
	if (!kvm_extension(kvm_fd, KVM_CAP_BINARY_STATS_FD))
		return -1;
	return ioctl(object_fd, KVM_GET_STATS_FD, NULL);
}

/* KVM_CREATE_VM is interruptible, and says so under memory pressure. */
static int create(int kvm_fd)
{
	int fd;

	do {
		fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

static int register_memory(struct vm *vm, struct error *err)
{
	unsigned int slots = (unsigned int)kvm_extension(vm->kvm_fd, KVM_CAP_NR_MEMSLOTS);

	if (slots && vm->memory.region_count > slots)
		return error_set(err, EINVAL, "%u memory regions, and this KVM takes only %u",
			vm->memory.region_count, slots);
	for (unsigned int i = 0; i < vm->memory.region_count; i++) {
		const struct memory_region *region = &vm->memory.regions[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = region->gpa,
			.memory_size = region->size,
			.userspace_addr = (uintptr_t)region->host,
		};

		if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return error_errno(err, errno,
				"KVM refuses the memory of guest node %u: 0x%" PRIx64 " bytes at 0x%" PRIx64,
				region->node, region->size, region->gpa);
	}
	return 0;
}

static int place_kvm_pages(int kvm_fd, int vm_fd, struct error *err)
{
	__u64 identity = LAYOUT_IDENTITY_MAP;

	if (kvm_extension(kvm_fd, KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
		ioctl(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return error_errno(err, errno, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(vm_fd, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_TSS) < 0)
		return error_errno(err, errno, "KVM_SET_TSS_ADDR");
	return 0;
}

int kvm_create_vm(struct vm *vm, struct error *err)
{
	int ret;

	vm->vm_fd = create(vm->kvm_fd);
	if (vm->vm_fd < 0)
		return error_errno(err, errno, "KVM cannot create a virtual machine");
	vm->stats_fd = kvm_stats_fd(vm->kvm_fd, vm->vm_fd);
	ret = place_kvm_pages(vm->kvm_fd, vm->vm_fd, err);
	if (!ret)
		ret = register_memory(vm, err);
	if (!ret && ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		ret = error_errno(err, errno, "KVM_CREATE_IRQCHIP");
	return ret;
}
