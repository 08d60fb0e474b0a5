// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run-state verbs. A verb called on the I/O thread acts at once where that is safe (pause, resume);
 * otherwise it leaves a request and the I/O thread serves it. Reset and shutdown are always requests:
 * the QMP reply or the vCPU's exit that asked for them comes to its end first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "vmm/boot/boot.h"
#include "vmm/hw/ged.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

enum request {
	REQUEST_PAUSE = 1,
	REQUEST_RESUME = 2,
	REQUEST_RESET = 4,
	REQUEST_SHUTDOWN = 8,
	SHUTDOWN_DONE = 16, /* nothing is served any more */
};

struct reset_hook {
	void (*fn)(void *opaque);
	void *opaque;
	struct reset_hook *next;
};

static const char *const state_names[] = {
	[RUN_STATE_PRELAUNCH] = "prelaunch",
	[RUN_STATE_RUNNING] = "running",
	[RUN_STATE_PAUSED] = "paused",
	[RUN_STATE_SHUTDOWN] = "shutdown",
	[RUN_STATE_INTERNAL_ERROR] = "internal-error",
};

static const struct {
	const char *name;
	bool guest; /* the guest's own doing, as the events tell */
} causes[] = {
	[SHUTDOWN_CAUSE_NONE] = {"none", false},
	[SHUTDOWN_CAUSE_HOST_QMP_QUIT] = {"host-qmp-quit", false},
	[SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET] = {"host-qmp-system-reset", false},
	[SHUTDOWN_CAUSE_HOST_SIGNAL] = {"host-signal", false},
	[SHUTDOWN_CAUSE_GUEST_SHUTDOWN] = {"guest-shutdown", true},
	[SHUTDOWN_CAUSE_GUEST_RESET] = {"guest-reset", true},
	[SHUTDOWN_CAUSE_GUEST_PANIC] = {"guest-panic", true},
	[SHUTDOWN_CAUSE_HOST_ERROR] = {"host-error", false},
};

const char *run_state_name(enum run_state state)
{
	return state_names[state];
}

const char *shutdown_cause_name(enum shutdown_cause cause)
{
	return causes[cause].name;
}

void vm_state_init(struct vm *vm)
{
	pthread_mutex_init(&vm->state_lock, NULL);
	pthread_mutex_init(&vm->cpus_lock, NULL);
	pthread_cond_init(&vm->cpus_parked, NULL);
	pthread_cond_init(&vm->cpus_go, NULL);
	vm->state = RUN_STATE_PRELAUNCH;
}

void vm_state_release(struct vm *vm)
{
	while (vm->reset_hooks) {
		struct reset_hook *next = vm->reset_hooks->next;

		free(vm->reset_hooks);
		vm->reset_hooks = next;
	}
	pthread_cond_destroy(&vm->cpus_go);
	pthread_cond_destroy(&vm->cpus_parked);
	pthread_mutex_destroy(&vm->cpus_lock);
	pthread_mutex_destroy(&vm->state_lock);
}

void vm_event(struct vm *vm, const char *name, const char *data_json)
{
	if (vm->event)
		vm->event(vm->event_opaque, name, data_json);
}

static void cause_event(struct vm *vm, const char *name, enum shutdown_cause cause)
{
	char data[96];

	snprintf(data, sizeof(data), "{\"guest\": %s, \"reason\": \"%s\"}",
		causes[cause].guest ? "true" : "false", causes[cause].name);
	vm_event(vm, name, data);
}

enum run_state vm_state(struct vm *vm)
{
	enum run_state state;

	pthread_mutex_lock(&vm->state_lock);
	state = vm->state;
	pthread_mutex_unlock(&vm->state_lock);
	return state;
}

/* Moves from one of two states to @to; false when the VM is in another one. */
static bool change_state(struct vm *vm, enum run_state from, enum run_state or_from,
	enum run_state to)
{
	bool changed;

	pthread_mutex_lock(&vm->state_lock);
	changed = vm->state == from || vm->state == or_from;
	if (changed)
		vm->state = to;
	pthread_mutex_unlock(&vm->state_lock);
	return changed;
}

bool vm_is_ending_life(struct vm *vm)
{
	return atomic_load_explicit(&vm->requests, memory_order_relaxed) &
		(REQUEST_RESET | REQUEST_SHUTDOWN);
}

/* ---- on the I/O thread ------------------------------------------------------------------------- */

static void do_pause(struct vm *vm)
{
	if (!change_state(vm, RUN_STATE_RUNNING, RUN_STATE_RUNNING, RUN_STATE_PAUSED))
		return;
	vcpus_pause(vm);
	vm_event(vm, "STOP", NULL);
}

static void do_resume(struct vm *vm)
{
	if (!change_state(vm, RUN_STATE_PAUSED, RUN_STATE_PRELAUNCH, RUN_STATE_RUNNING))
		return;
	vcpus_resume(vm);
	vm_event(vm, "RESUME", NULL);
}

static void do_shutdown(struct vm *vm)
{
	vcpus_pause(vm);
	pthread_mutex_lock(&vm->state_lock);
	if (vm->state != RUN_STATE_INTERNAL_ERROR)
		vm->state = RUN_STATE_SHUTDOWN;
	pthread_mutex_unlock(&vm->state_lock);
	atomic_fetch_or(&vm->requests, (unsigned int)SHUTDOWN_DONE);
	cause_event(vm, "SHUTDOWN", vm->cause);
	loop_stop(vm->loop);
}

static void do_reset(struct vm *vm)
{
	struct error err;

	vcpus_pause(vm);
	atomic_fetch_and(&vm->requests, ~(unsigned int)REQUEST_RESET);
	for (struct reset_hook *hook = vm->reset_hooks; hook; hook = hook->next)
		hook->fn(hook->opaque);
	if (machine_load(vm, &err) < 0) {
		warn("reset: %s", err.text);
		vm_failed(vm, SHUTDOWN_CAUSE_HOST_ERROR);
		return;
	}
	cause_event(vm, "RESET", vm->reset_cause);
	if (vm_state(vm) == RUN_STATE_RUNNING)
		vcpus_resume(vm);
}

static void serve(void *opaque, uint32_t events)
{
	struct vm *vm = opaque;
	/* Reset stays set until all vCPUs are parked, shutdown for good: vCPUs look at them. */
	unsigned int requests = atomic_fetch_and(&vm->requests,
		(unsigned int)(REQUEST_RESET | REQUEST_SHUTDOWN | SHUTDOWN_DONE));

	(void)events;
	if (requests & SHUTDOWN_DONE)
		return;
	if (requests & REQUEST_SHUTDOWN) {
		do_shutdown(vm);
		return;
	}
	if (requests & REQUEST_RESET)
		do_reset(vm);
	if (requests & REQUEST_PAUSE)
		do_pause(vm);
	if (requests & REQUEST_RESUME)
		do_resume(vm);
}

/* ---- from any thread --------------------------------------------------------------------------- */

static void request(struct vm *vm, enum request what)
{
	atomic_fetch_or(&vm->requests, (unsigned int)what);
	loop_post(vm->loop, serve, vm);
}

void vm_pause(struct vm *vm)
{
	if (loop_is_current(vm->loop))
		do_pause(vm);
	else
		request(vm, REQUEST_PAUSE);
}

void vm_resume(struct vm *vm)
{
	if (loop_is_current(vm->loop))
		do_resume(vm);
	else
		request(vm, REQUEST_RESUME);
}

void vm_powerdown(struct vm *vm)
{
	ged_press_power(vm->ged);
	vm_event(vm, "POWERDOWN", NULL);
}

void vm_reset(struct vm *vm, enum shutdown_cause cause)
{
	if (vm->config->no_reboot) {
		vm_shutdown(vm, cause);
		return;
	}
	pthread_mutex_lock(&vm->state_lock);
	vm->reset_cause = cause;
	pthread_mutex_unlock(&vm->state_lock);
	request(vm, REQUEST_RESET);
}

void vm_shutdown(struct vm *vm, enum shutdown_cause cause)
{
	pthread_mutex_lock(&vm->state_lock);
	if (vm->cause == SHUTDOWN_CAUSE_NONE)
		vm->cause = cause; /* the first reason is the reason */
	pthread_mutex_unlock(&vm->state_lock);
	request(vm, REQUEST_SHUTDOWN);
}

void vm_failed(struct vm *vm, enum shutdown_cause cause)
{
	pthread_mutex_lock(&vm->state_lock);
	vm->state = RUN_STATE_INTERNAL_ERROR;
	pthread_mutex_unlock(&vm->state_lock);
	vm_shutdown(vm, cause);
}

void vm_on_reset(struct vm *vm, void (*fn)(void *opaque), void *opaque)
{
	struct reset_hook *hook = xmalloc(sizeof(*hook)), **end = &vm->reset_hooks;

	*hook = (struct reset_hook){fn, opaque, NULL};
	while (*end)
		end = &(*end)->next;
	*end = hook;
}
