// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exits from the guest: port and memory accesses go to the buses, everything else is an end of some
 * kind. What the guest did wrong is said with the vCPU's registers, once.
 */
#include "vmm/vcpu_exit.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/options.h"

static bool exit_io(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)vcpu->run + run->io.data_offset;

	/* A string instruction brings several accesses to the same port at once. */
	for (__u32 i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(&vcpu->vm->pio, run->io.port, data, run->io.size);
		else
			bus_read(&vcpu->vm->pio, run->io.port, data, run->io.size);
	}
	return !vm_is_ending_life(vcpu->vm);
}

static bool exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned int size = run->mmio.len;

	if (size > sizeof(run->mmio.data))
		size = sizeof(run->mmio.data);
	if (run->mmio.is_write)
		bus_write(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, size);
	else
		bus_read(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, size);
	return !vm_is_ending_life(vcpu->vm);
}

/* ---- the end ----------------------------------------------------------------------------------- */

static void dump_registers(const struct vcpu *vcpu)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &s) < 0)
		return;
	fprintf(stderr,
		"  rip %016llx  rsp %016llx  rflags %08llx  cpl %u\n"
		"  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n"
		"  rsi %016llx  rdi %016llx  rbp %016llx  r8  %016llx\n"
		"  r9  %016llx  r10 %016llx  r11 %016llx  r12 %016llx\n"
		"  r13 %016llx  r14 %016llx  r15 %016llx\n"
		"  cr0 %08llx  cr2 %016llx  cr3 %016llx  cr4 %08llx  efer %08llx\n"
		"  cs %04x base %016llx %s  ss %04x  tr %04x  gdt %016llx+%04x  idt %016llx+%04x\n",
		r.rip, r.rsp, r.rflags, s.ss.dpl, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8,
		r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, s.cr0, s.cr2, s.cr3, s.cr4, s.efer,
		s.cs.selector, s.cs.base, s.cs.l ? "64-bit" : s.cs.db ? "32-bit" : "16-bit",
		s.ss.selector, s.tr.selector, s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit);
}

static bool exit_triple_fault(struct vcpu *vcpu)
{
	if (vcpu->vm->config->triple_fault_resets) {
		vm_reset(vcpu->vm, SHUTDOWN_CAUSE_GUEST_RESET);
		return false;
	}
	warn("vCPU %u: triple fault: the guest took an exception it had no working handler for",
		vcpu->index);
	dump_registers(vcpu);
	vm_failed(vcpu->vm, SHUTDOWN_CAUSE_GUEST_PANIC);
	return false;
}

static bool exit_system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_shutdown(vcpu->vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
		return false;
	case KVM_SYSTEM_EVENT_RESET:
		vm_reset(vcpu->vm, SHUTDOWN_CAUSE_GUEST_RESET);
		return false;
	default:
		warn("vCPU %u: the guest crashed (KVM system event %u)", vcpu->index,
			vcpu->run->system_event.type);
		dump_registers(vcpu);
		vm_failed(vcpu->vm, SHUTDOWN_CAUSE_GUEST_PANIC);
		return false;
	}
}

static bool exit_fail_entry(struct vcpu *vcpu)
{
	warn("vCPU %u: the processor refuses to enter the guest, hardware reason 0x%llx", vcpu->index,
		vcpu->run->fail_entry.hardware_entry_failure_reason);
	dump_registers(vcpu);
	vm_failed(vcpu->vm, SHUTDOWN_CAUSE_HOST_ERROR);
	return false;
}

static void print_instruction(const struct kvm_run *run)
{
	unsigned int size = run->emulation_failure.insn_size;

	if (run->emulation_failure.ndata < 3 ||
		!(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return;
	if (size > sizeof(run->emulation_failure.insn_bytes))
		size = sizeof(run->emulation_failure.insn_bytes);
	fprintf(stderr, "  instruction:");
	for (unsigned int i = 0; i < size; i++)
		fprintf(stderr, " %02x", run->emulation_failure.insn_bytes[i]);
	fprintf(stderr, "\n");
}

static bool exit_internal_error(struct vcpu *vcpu)
{
	bool emulation = vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION;

	warn("vCPU %u: KVM internal error %u%s", vcpu->index, vcpu->run->internal.suberror,
		emulation ? ": it cannot emulate the guest's instruction" : "");
	if (emulation)
		print_instruction(vcpu->run);
	dump_registers(vcpu);
	vm_failed(vcpu->vm, SHUTDOWN_CAUSE_HOST_ERROR);
	return false;
}

static bool exit_resume(struct vcpu *vcpu)
{
	(void)vcpu;
	return true;
}

static bool exit_unknown(struct vcpu *vcpu)
{
	warn("vCPU %u: KVM left the guest for reason %u, which vmm does not know", vcpu->index,
		vcpu->run->exit_reason);
	dump_registers(vcpu);
	vm_failed(vcpu->vm, SHUTDOWN_CAUSE_HOST_ERROR);
	return false;
}

static bool (*const handlers[])(struct vcpu *vcpu) = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_INTR] = exit_resume,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = exit_resume,
	[KVM_EXIT_SHUTDOWN] = exit_triple_fault,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
};

bool vcpu_handle_exit(struct vcpu *vcpu)
{
	__u32 reason = vcpu->run->exit_reason;

	if (reason >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[reason])
		return exit_unknown(vcpu);
	return handlers[reason](vcpu);
}

/*
 * EFAULT: guest RAM that the host cannot bring in. Huge pages that a balloon gave back may be another's by
 * now; nothing else takes them from a guest.
 */
static const char *why_failed(const struct vcpu *vcpu, int errnum)
{
	const struct vm_config *config = vcpu->vm->config;

	for (unsigned int i = 0; errnum == EFAULT && vcpu->vm->balloon && i < config->node_count; i++)
		if (config->nodes[i].pages == MEMORY_PAGES_2M)
			return " (the guest wants huge pages again that it had given back, and the host has none left)";
	return "";
}

void vcpu_run_failed(struct vcpu *vcpu, int errnum)
{
	warn("vCPU %u: KVM_RUN: %s%s", vcpu->index, strerror(errnum), why_failed(vcpu, errnum));
	dump_registers(vcpu);
	vm_failed(vcpu->vm, SHUTDOWN_CAUSE_HOST_ERROR);
}
