// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Power-on state. KVM makes a vCPU in that state and has no way back to it, so it is read from the
 * boot vCPU before the guest runs: one copy serves all, since vCPUs differ only in APIC id and in who
 * is the boot processor.
 */
#include "vmm/vcpu_state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/xalloc.h"
#include "vmm/kvm.h"

#define MSRS_MAX        512
#define APIC_REG_ID     0x20 /* Intel SDM 3A, table 11-1 */
#define APIC_BASE_BSP   (1u << 8)
#define MSR_TSC         0x10
#define MSR_APIC_BASE   0x1b
#define MSR_MTRR_DEF    0x2ff
#define MTRR_WRITE_BACK 0x806 /* enabled, write-back: SDM 3A, 11.11.2.1 */

struct vcpu_state {
	struct kvm_nested_state nested; /* the header is all there is outside of a nested guest */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_lapic_state lapic;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	struct kvm_xsave xsave;
	struct kvm_msrs *msrs;
};

/* One part of the state, how to read it and how to write it. */
static const struct part {
	const char *name;
	unsigned long get, set;
	size_t offset;
	unsigned int extension; /* 0: always there */
} parts[] = {
	/* First: the registers below are the guest's own, not those of a guest in it. */
	{"nested state", KVM_GET_NESTED_STATE, KVM_SET_NESTED_STATE,
		offsetof(struct vcpu_state, nested), KVM_CAP_NESTED_STATE},
	{"general registers", KVM_GET_REGS, KVM_SET_REGS, offsetof(struct vcpu_state, regs), 0},
	{"system registers", KVM_GET_SREGS, KVM_SET_SREGS, offsetof(struct vcpu_state, sregs), 0},
	{"local APIC", KVM_GET_LAPIC, KVM_SET_LAPIC, offsetof(struct vcpu_state, lapic), 0},
	{"FPU", KVM_GET_XSAVE, KVM_SET_XSAVE, offsetof(struct vcpu_state, xsave), KVM_CAP_XSAVE},
	{"XCR0", KVM_GET_XCRS, KVM_SET_XCRS, offsetof(struct vcpu_state, xcrs), KVM_CAP_XCRS},
	{"debug registers", KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, offsetof(struct vcpu_state, debug),
		KVM_CAP_DEBUGREGS},
	{"pending events", KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
		offsetof(struct vcpu_state, events), KVM_CAP_VCPU_EVENTS},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void *part_data(const struct vcpu_state *state, const struct part *part)
{
	return (char *)state + part->offset;
}

static bool has_part(const struct vm *vm, const struct part *part)
{
	return !part->extension || kvm_extension(vm->kvm_fd, part->extension);
}

/* The MSRs KVM would migrate, without those that a reset leaves alone or another part holds. */
static struct kvm_msrs *list_msrs(const struct vm *vm, struct error *err)
{
	struct kvm_msr_list *list = xcalloc(1, sizeof(*list) + MSRS_MAX * sizeof(list->indices[0]));
	struct kvm_msrs *msrs = NULL;

	list->nmsrs = MSRS_MAX;
	if (ioctl(vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, list) < 0) {
		error_errno(err, errno, "KVM_GET_MSR_INDEX_LIST");
	} else {
		msrs = xcalloc(1, sizeof(*msrs) + (list->nmsrs + 1) * sizeof(msrs->entries[0]));
		for (__u32 i = 0; i < list->nmsrs; i++)
			if (list->indices[i] != MSR_TSC && list->indices[i] != MSR_APIC_BASE)
				msrs->entries[msrs->nmsrs++].index = list->indices[i];
		msrs->entries[msrs->nmsrs++].index = MSR_MTRR_DEF; /* KVM does not list it */
	}
	free(list);
	return msrs;
}

/*
 * KVM_GET_MSRS stops at the first MSR it cannot give (some are listed and yet absent with this
 * CPUID): that one is dropped from the list and the rest asked for again.
 */
static void read_msrs(const struct vcpu *vcpu, struct kvm_msrs *msrs)
{
	struct kvm_msrs *chunk = xcalloc(1, sizeof(*msrs) + msrs->nmsrs * sizeof(msrs->entries[0]));
	__u32 kept = 0, next = 0, total = msrs->nmsrs;

	while (next < total) {
		int got;

		chunk->nmsrs = total - next;
		memcpy(chunk->entries, msrs->entries + next, chunk->nmsrs * sizeof(chunk->entries[0]));
		got = ioctl(vcpu->fd, KVM_GET_MSRS, chunk);
		if (got < 0)
			break;
		memcpy(msrs->entries + kept, chunk->entries, (size_t)got * sizeof(chunk->entries[0]));
		kept += (__u32)got;
		next += (__u32)got + 1;
	}
	msrs->nmsrs = kept;
	free(chunk);
}

/* Firmware's job, and there is none: at power-on all memory is uncached, as far as MTRRs tell. */
static void enable_mtrrs(struct kvm_msrs *msrs)
{
	for (__u32 i = 0; i < msrs->nmsrs; i++)
		if (msrs->entries[i].index == MSR_MTRR_DEF)
			msrs->entries[i].data = MTRR_WRITE_BACK;
}

struct vcpu_state *vcpu_state_save(const struct vcpu *vcpu, struct error *err)
{
	struct vcpu_state *state = xcalloc(1, sizeof(*state));

	state->nested.size = sizeof(state->nested);
	for (size_t i = 0; i < PARTS; i++) {
		if (!has_part(vcpu->vm, &parts[i]))
			continue;
		if (ioctl(vcpu->fd, parts[i].get, part_data(state, &parts[i])) < 0) {
			error_errno(err, errno, "cannot read the %s of vCPU %u", parts[i].name, vcpu->index);
			vcpu_state_free(state);
			return NULL;
		}
	}
	state->msrs = list_msrs(vcpu->vm, err);
	if (!state->msrs) {
		vcpu_state_free(state);
		return NULL;
	}
	read_msrs(vcpu, state->msrs);
	enable_mtrrs(state->msrs);
	return state;
}

/* Writing stops at the first MSR that KVM refuses (a read-only one): it is skipped. */
static void write_msrs(const struct vcpu_state *state, const struct vcpu *vcpu)
{
	struct kvm_msrs *chunk =
		xcalloc(1, sizeof(*chunk) + state->msrs->nmsrs * sizeof(chunk->entries[0]));
	__u32 next = 0;

	while (next < state->msrs->nmsrs) {
		int set;

		chunk->nmsrs = state->msrs->nmsrs - next;
		memcpy(chunk->entries, state->msrs->entries + next,
			chunk->nmsrs * sizeof(chunk->entries[0]));
		set = ioctl(vcpu->fd, KVM_SET_MSRS, chunk);
		if (set < 0)
			break;
		next += (__u32)set + 1;
	}
	free(chunk);
}

/* What is @vcpu's own and not the template's. */
static void personalise(struct vcpu_state *state, const struct vcpu *vcpu)
{
	__u32 id = vcpu->apic_id << 24; /* xAPIC format: the id is the top byte */

	memcpy(state->lapic.regs + APIC_REG_ID, &id, sizeof(id));
	/* To KVM the boot processor is the one with id 0; that is another one when node 0 lacks vCPU 0. */
	state->sregs.apic_base &= ~(__u64)APIC_BASE_BSP;
	if (!vcpu->index)
		state->sregs.apic_base |= APIC_BASE_BSP;
}

int vcpu_state_restore(const struct vcpu_state *saved, const struct vcpu *vcpu, struct error *err)
{
	struct kvm_mp_state mp = {vcpu->index ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE};
	struct vcpu_state state = *saved;

	personalise(&state, vcpu);
	for (size_t i = 0; i < PARTS; i++)
		if (has_part(vcpu->vm, &parts[i]) &&
			ioctl(vcpu->fd, parts[i].set, part_data(&state, &parts[i])) < 0)
			return error_errno(err, errno, "cannot reset the %s of vCPU %u", parts[i].name,
				vcpu->index);
	write_msrs(saved, vcpu);
	if (ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp) < 0)
		return error_errno(err, errno, "cannot reset the run state of vCPU %u", vcpu->index);
	return 0;
}

void vcpu_state_free(struct vcpu_state *state)
{
	if (!state)
		return;
	free(state->msrs);
	free(state);
}
