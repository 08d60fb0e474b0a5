/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machine as its devices and its control socket see it: buses, interrupts, memory, vCPUs
 * and the run state. machine.c builds it in boot order and takes it down in reverse.
 */
#ifndef VMTUNE_VMM_VM_H
#define VMTUNE_VMM_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/irq.h"
#include "vmm/loop.h"
#include "vmm/memory.h"

struct vm_config; /* options.h */
struct vcpu;      /* vcpu.h */
struct pci_bus;   /* pci/pci.h */
struct balloon;   /* virtio/balloon.h */
struct ged;       /* hw/ged.h */
struct boot;      /* boot/boot.h */
struct devices;   /* machine.c */
struct reset_hook; /* runstate.c */
struct vcpu_state; /* vcpu_state.h */

/* Names as in QEMU's query-status. */
enum run_state { RUN_STATE_PRELAUNCH, RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_STATE_SHUTDOWN,
	RUN_STATE_INTERNAL_ERROR };

/* Why a guest was reset or ended; the names are QEMU's ShutdownCause ("guest-reset", ...). */
enum shutdown_cause { SHUTDOWN_CAUSE_NONE, SHUTDOWN_CAUSE_HOST_QMP_QUIT,
	SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET, SHUTDOWN_CAUSE_HOST_SIGNAL, SHUTDOWN_CAUSE_GUEST_SHUTDOWN,
	SHUTDOWN_CAUSE_GUEST_RESET, SHUTDOWN_CAUSE_GUEST_PANIC, SHUTDOWN_CAUSE_HOST_ERROR };

struct vm {
	const struct vm_config *config;
	struct idset host_cpus;    /* where the process was allowed to run when it started */
	int kvm_fd, vm_fd;
	int stats_fd;              /* KVM_GET_STATS_FD of the VM, -1 when the kernel has none */
	struct guest_memory memory;
	struct bus pio, mmio;
	struct irq_router irq;
	struct loop *loop;         /* the I/O thread's */
	struct pci_bus *pci;
	struct vcpu *vcpus;
	unsigned int vcpu_count;
	struct balloon *balloon;   /* NULL without a balloon device */
	struct ged *ged;           /* power button */

	struct boot *boot;         /* the kernel to load, at start and at each reset */
	struct devices *devices;   /* platform devices, private to machine.c */

	pthread_mutex_t state_lock;
	enum run_state state;
	enum shutdown_cause cause;
	atomic_uint requests;      /* private to runstate.c: verbs that wait for the I/O thread */
	enum shutdown_cause reset_cause;
	struct reset_hook *reset_hooks;

	/* The pause rendezvous, private to vcpu.c. */
	pthread_mutex_t cpus_lock;
	pthread_cond_t cpus_parked, cpus_go;
	bool cpus_paused, cpus_ending;
	struct vcpu_state *power_on; /* what a reset puts back */

	/* QMP events out: set by the QMP server, may be NULL; called from any thread. */
	void (*event)(void *opaque, const char *name, const char *data_json);
	void *event_opaque;
};

/* Run-state verbs: safe from any thread; what they do happens on the I/O thread. */
void vm_pause(struct vm *vm);                               /* STOP event */
void vm_resume(struct vm *vm);                              /* RESUME event */
void vm_powerdown(struct vm *vm);                           /* presses the power button; POWERDOWN */
void vm_reset(struct vm *vm, enum shutdown_cause cause);    /* RESET event; devices, RAM image, vCPUs */
void vm_shutdown(struct vm *vm, enum shutdown_cause cause); /* SHUTDOWN event; ends the loop */
/* Whether a reset or shutdown is under way: a vCPU that sees it stops running the guest. */
bool vm_is_ending_life(struct vm *vm);
enum run_state vm_state(struct vm *vm);
const char *run_state_name(enum run_state state);
const char *shutdown_cause_name(enum shutdown_cause cause);

/* Sends a QMP event; @data_json is a JSON object as text, or NULL. */
void vm_event(struct vm *vm, const char *name, const char *data_json);

/*
 * For vcpu.c: the guest cannot go on (@cause GUEST_PANIC or HOST_ERROR). Like vm_shutdown(), and
 * query-status says internal-error until the end.
 */
void vm_failed(struct vm *vm, enum shutdown_cause cause);

/* Devices register what a guest reset must do to them; called on the I/O thread, vCPUs stopped. */
void vm_on_reset(struct vm *vm, void (*fn)(void *opaque), void *opaque);

/* Sets up and frees what the verbs need. machine.c. */
void vm_state_init(struct vm *vm);
void vm_state_release(struct vm *vm);

#endif
