// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vCPU threads and the pause rendezvous.
 *
 * A vCPU parks only after KVM_RUN returned EINTR. An exit to a device is finished by the next KVM_RUN
 * (that is when KVM puts the value read into the guest's register), so a vCPU that parked straight
 * after an exit could not have its registers read or reset. To get one out: set immediate_exit, which makes
 * the next KVM_RUN finish the access and return, and send the kick signal, which ends the current one.
 * Set under cpus_lock and cleared under it when the vCPU leaves the park, so no request is lost.
 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "vmm/boot/boot.h"
#include "vmm/cpuid.h"
#include "vmm/kvm.h"
#include "vmm/layout.h"
#include "vmm/options.h"
#include "vmm/thread.h"
#include "vmm/vcpu_exit.h"
#include "vmm/vcpu_state.h"

#define KICK_SIGNAL SIGRTMIN

/* What all vCPUs are made from; only while they are being made. */
struct vcpu_plan {
	struct cpu_topology topology;
	struct kvm_cpuid2 *cpuid;
	size_t run_size;
};

static void on_kick(int signal_number)
{
	(void)signal_number; /* its arrival is the message: KVM_RUN returns EINTR */
}

/* ---- one vCPU ---------------------------------------------------------------------------------- */

static int map_run(struct vcpu *vcpu, size_t size, struct error *err)
{
	void *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);

	if (run == MAP_FAILED)
		return error_errno(err, errno, "cannot map the state page of vCPU %u", vcpu->index);
	vcpu->run = run;
	vcpu->run_size = size;
	return 0;
}

static int create_one(struct vcpu *vcpu, struct error *err)
{
	const struct vm *vm = vcpu->vm;
	const struct vcpu_plan *plan = vcpu->plan;
	struct kvm_cpuid2 *cpuid = cpuid_copy(plan->cpuid);
	int ret = 0;

	vcpu->apic_id = plan->topology.apic_id[vcpu->index];
	vcpu->fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->apic_id);
	if (vcpu->fd < 0)
		ret = error_errno(err, errno, "KVM cannot create vCPU %u", vcpu->index);
	if (!ret) {
		vcpu->stats_fd = kvm_stats_fd(vm->kvm_fd, vcpu->fd);
		cpuid_for_vcpu(cpuid, &plan->topology, vcpu->index);
		if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
			ret = error_errno(err, errno, "KVM refuses the CPUID of vCPU %u", vcpu->index);
	}
	free(cpuid);
	return ret ? ret : map_run(vcpu, plan->run_size, err);
}

/* ---- the thread -------------------------------------------------------------------------------- */

/* Waits until this vCPU may run. False when it is to end. */
static bool park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool go_on;

	pthread_mutex_lock(&vm->cpus_lock);
	vcpu->parked = true;
	pthread_cond_broadcast(&vm->cpus_parked);
	while ((vm->cpus_paused || vcpu->held) && !vm->cpus_ending)
		pthread_cond_wait(&vm->cpus_go, &vm->cpus_lock);
	vcpu->parked = false;
	vcpu->run->immediate_exit = 0;
	go_on = !vm->cpus_ending;
	pthread_mutex_unlock(&vm->cpus_lock);
	return go_on;
}

/* Keeps this vCPU from running on; the next KVM_RUN only finishes what the exit began. */
static void hold(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->vm->cpus_lock);
	vcpu->held = true;
	vcpu->run->immediate_exit = 1;
	pthread_mutex_unlock(&vcpu->vm->cpus_lock);
}

/* A name, a place, and then the vCPU: what KVM allocates for it comes from the node it will run on. */
static int begin(struct vcpu *vcpu, struct error *err)
{
	const struct idset *pin = &vcpu->vm->config->pin[vcpu->index];
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	thread_set_name(name);
	thread_block_signals();
	thread_allow_signal(KICK_SIGNAL);
	vcpu->tid = gettid();
	/* Not pinned means everywhere, but the thread that made this one is on --io-cpus. */
	if (idset_empty(pin) && !idset_empty(&vcpu->vm->config->io_cpus))
		pin = &vcpu->vm->host_cpus;
	if (!idset_empty(pin) && thread_pin(pin, err) < 0) {
		error_prefix(err, "--pin: vCPU %u", vcpu->index);
		return -EINVAL;
	}
	return create_one(vcpu, err);
}

static void *vcpu_main(void *opaque)
{
	struct vcpu *vcpu = opaque;
	int ret = begin(vcpu, &vcpu->failure);

	if (ret) {
		pthread_mutex_lock(&vcpu->vm->cpus_lock);
		vcpu->parked = true; /* for good */
		pthread_cond_broadcast(&vcpu->vm->cpus_parked);
		pthread_mutex_unlock(&vcpu->vm->cpus_lock);
		return NULL;
	}
	while (park(vcpu)) {
		while (!ioctl(vcpu->fd, KVM_RUN, 0))
			if (!vcpu_handle_exit(vcpu))
				hold(vcpu);
		if (errno != EINTR && errno != EAGAIN) {
			vcpu_run_failed(vcpu, errno);
			hold(vcpu);
		}
	}
	return NULL;
}

/* ---- all of them ------------------------------------------------------------------------------- */

static void wait_parked(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		while (vm->vcpus[i].started && !vm->vcpus[i].parked)
			pthread_cond_wait(&vm->cpus_parked, &vm->cpus_lock);
}

/* RAM and the PCI window above it must be within what the processors can address. */
static int check_address_bits(const struct vm *vm, const struct kvm_cpuid2 *cpuid, struct error *err)
{
	uint64_t end = layout_mmio64_base(&vm->memory) + LAYOUT_MMIO64_SIZE;
	unsigned int bits = cpuid_address_bits(cpuid);
	char size[SIZE_TEXT_MAX], most[SIZE_TEXT_MAX];

	if (bits >= 64 || end - 1 < UINT64_C(1) << bits)
		return 0;
	return error_set(err, EINVAL,
		"%s of memory: a guest here can have addresses of %u bits, and less than %s of memory",
		size_format(size, vm->memory.size), bits,
		size_format(most, (UINT64_C(1) << bits) - LAYOUT_MMIO64_SIZE));
}

static int make_plan(const struct vm *vm, struct vcpu_plan *plan, struct error *err)
{
	int run_size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned int most = (unsigned int)kvm_extension(vm->kvm_fd, KVM_CAP_MAX_VCPUS);

	if (run_size < (int)sizeof(struct kvm_run))
		return error_set(err, ENODEV, "KVM_GET_VCPU_MMAP_SIZE gives %d bytes", run_size);
	if (most && vm->config->cpus > most)
		return error_set(err, EINVAL, "--cpus %u: this KVM takes at most %u", vm->config->cpus, most);
	plan->run_size = (size_t)run_size;
	cpu_topology_init(&plan->topology, vm->config);
	plan->cpuid = cpuid_template(vm->kvm_fd, err);
	return plan->cpuid ? check_address_bits(vm, plan->cpuid, err) : -EIO;
}

static int start_threads(struct vm *vm, const struct vcpu_plan *plan, struct error *err)
{
	struct sigaction action = {.sa_handler = on_kick};

	sigaction(KICK_SIGNAL, &action, NULL);
	vm->cpus_paused = true;
	vm->vcpus = xcalloc(vm->config->cpus, sizeof(*vm->vcpus));
	vm->vcpu_count = vm->config->cpus;
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		vm->vcpus[i] = (struct vcpu){.vm = vm, .index = i, .fd = -1, .stats_fd = -1, .plan = plan};
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		int ret = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_main, &vm->vcpus[i]);

		if (ret)
			return error_errno(err, ret, "cannot start the thread of vCPU %u", i);
		vm->vcpus[i].started = true;
	}
	return 0;
}

int vcpus_create(struct vm *vm, struct error *err)
{
	struct vcpu_plan plan = {0};
	int ret = make_plan(vm, &plan, err);

	if (!ret)
		ret = start_threads(vm, &plan, err);
	pthread_mutex_lock(&vm->cpus_lock);
	wait_parked(vm); /* those that did start look at the plan until then */
	pthread_mutex_unlock(&vm->cpus_lock);
	free(plan.cpuid);
	for (unsigned int i = 0; i < vm->vcpu_count && !ret; i++)
		if (vm->vcpus[i].failure.text[0])
			ret = error_set(err, EINVAL, "%s", vm->vcpus[i].failure.text);
	if (!ret) {
		vm->power_on = vcpu_state_save(&vm->vcpus[0], err);
		ret = vm->power_on ? 0 : -EIO;
	}
	return ret;
}

int vcpus_reset(struct vm *vm, struct error *err)
{
	int ret = 0;

	for (unsigned int i = 0; i < vm->vcpu_count && !ret; i++)
		ret = vcpu_state_restore(vm->power_on, &vm->vcpus[i], err);
	if (!ret)
		ret = boot_set_registers(vm->boot, vm->vcpus[0].fd, err);
	pthread_mutex_lock(&vm->cpus_lock);
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		vm->vcpus[i].held = false;
	pthread_mutex_unlock(&vm->cpus_lock);
	return ret;
}

/* ---- the rendezvous ---------------------------------------------------------------------------- */

/* With cpus_lock held. */
static void kick_all(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		if (!vm->vcpus[i].started || vm->vcpus[i].parked)
			continue;
		vm->vcpus[i].run->immediate_exit = 1;
		pthread_kill(vm->vcpus[i].thread, KICK_SIGNAL);
	}
}

void vcpus_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->cpus_lock);
	vm->cpus_paused = true;
	kick_all(vm);
	wait_parked(vm);
	pthread_mutex_unlock(&vm->cpus_lock);
}

void vcpus_resume(struct vm *vm)
{
	/* Tells the guest's watchdogs that the time was not theirs; fails when it has no kvmclock. */
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		ioctl(vm->vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0);
	pthread_mutex_lock(&vm->cpus_lock);
	vm->cpus_paused = false;
	pthread_cond_broadcast(&vm->cpus_go);
	pthread_mutex_unlock(&vm->cpus_lock);
}

void vcpus_stop(struct vm *vm)
{
	pthread_mutex_lock(&vm->cpus_lock);
	vm->cpus_ending = true;
	kick_all(vm);
	pthread_cond_broadcast(&vm->cpus_go);
	pthread_mutex_unlock(&vm->cpus_lock);
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpus[i].started)
			pthread_join(vm->vcpus[i].thread, NULL);
		vm->vcpus[i].started = false;
	}
}

void vcpus_release(struct vm *vm)
{
	vcpus_stop(vm);
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (vcpu->run)
			munmap(vcpu->run, vcpu->run_size);
		if (vcpu->stats_fd >= 0)
			close(vcpu->stats_fd);
		if (vcpu->fd >= 0)
			close(vcpu->fd);
	}
	vcpu_state_free(vm->power_on);
	free(vm->vcpus);
	vm->power_on = NULL;
	vm->vcpus = NULL;
	vm->vcpu_count = 0;
}
