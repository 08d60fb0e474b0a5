/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/smp.h"

#include "guest/apic.h"
#include "guest/clock.h"
#include "guest/job.h"
#include "guest/paging.h"

#define START_TIMEOUT_US 1000000 /* ring 0 may be emulated, and the host busy */
#define START_STEP_US    100

extern char trampoline[], trampoline_end[];
extern uint32_t ap_stack, ap_tss;
void ap_main(void) __attribute__((noreturn));

/* Where the other CPUs arrive in ring 3, and stay. */
void ap_main(void)
{
	struct cpu *cpu = this_cpu();
	work_fn *work;

	apic_enable();
	__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
	for (;;) {
		work = __atomic_load_n(&cpu->work, __ATOMIC_ACQUIRE);
		if (!work) {
			apic_sleep_us(0); /* a wake-up sent since the look above is still pending */
			continue;
		}
		work(cpu->thread, cpu->work_arg);
		__atomic_store_n(&cpu->work, NULL, __ATOMIC_RELEASE);
	}
}

static bool wait_online(struct cpu *cpu)
{
	unsigned int us;

	for (us = 0; us < START_TIMEOUT_US; us += START_STEP_US) {
		if (__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
			return true;
		if (us == START_TIMEOUT_US / 2)
			apic_sipi(cpu->apic_id); /* some hardware wants the second one */
		clock_spin_us(START_STEP_US);
	}
	return false;
}

static bool start_cpu(struct guest *guest, uint32_t id)
{
	unsigned int index = guest->cpu_count;
	struct cpu *cpu = boot_alloc(CPU_BLOCK, CPU_BLOCK);

	cpu->index = index;
	cpu->apic_id = id;
	cpu->node = guest->acpi.apic_node[id];
	ap_tss = cpu_prepare(index, cpu);
	ap_stack = (uint32_t)(uint64_t)cpu + CPU_STACK3;
	apic_start_cpu(id);
	if (!wait_online(cpu))
		return false;
	guest->cpu[guest->cpu_count++] = cpu;
	return true;
}

bool smp_start(struct guest *guest, uint32_t *missing)
{
	struct cpu *boot = this_cpu();
	const struct acpi *acpi = &guest->acpi;
	unsigned int i, count = (unsigned int)guest->options.cpus;
	uint32_t id;

	memcpy((void *)TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
	boot->apic_id = apic_id();
	boot->node = acpi->apic_node[boot->apic_id];
	boot->online = true;
	guest->cpu[guest->cpu_count++] = boot;
	if (!count)
		count = acpi->cpu_count ? acpi->cpu_count : 1;
	for (i = 0; i < (acpi->cpu_count ? acpi->cpu_count : count) && guest->cpu_count < count; i++) {
		id = acpi->cpu_count ? acpi->apic_id[i] : i;
		if (id != boot->apic_id && !start_cpu(guest, id)) {
			*missing = id;
			return false;
		}
	}
	return true;
}

const char *smp_choose_threads(struct guest *guest)
{
	const struct options *o = &guest->options;
	unsigned int i, available = 0;

	for (i = 0; i < guest->cpu_count; i++)
		if (o->run_node == NODE_ANY || guest->cpu[i]->node == o->run_node)
			guest->thread[available++] = guest->cpu[i];
	if (!available)
		return "no CPU is on the node of run-node";
	if (o->threads > available)
		return "more threads than CPUs";
	guest->thread_count = o->threads ? (unsigned int)o->threads : o->job->all_cpus ? available : 1;
	return NULL;
}

static void hand_out(struct cpu *cpu, unsigned int thread, work_fn *fn, void *arg)
{
	cpu->thread = thread;
	cpu->work_arg = arg;
	__atomic_store_n(&cpu->work, fn, __ATOMIC_RELEASE);
	apic_wake(cpu->apic_id);
}

void smp_run(struct guest *guest, work_fn *fn, void *arg)
{
	struct cpu *boot = guest->cpu[0];
	unsigned int i, own = UINT32_MAX;

	for (i = 0; i < guest->thread_count; i++) {
		if (guest->thread[i] == boot)
			own = i;
		else
			hand_out(guest->thread[i], i, fn, arg);
	}
	if (own != UINT32_MAX)
		fn(own, arg);
	for (i = 0; i < guest->thread_count; i++)
		while (guest->thread[i] != boot &&
			__atomic_load_n(&guest->thread[i]->work, __ATOMIC_ACQUIRE)) {
			job_pause(guest);
			apic_sleep_us(500);
		}
}

void smp_barrier(uint64_t *barrier, unsigned int count)
{
	uint64_t ticket = __atomic_fetch_add(barrier, 1, __ATOMIC_ACQ_REL);
	uint64_t target = (ticket / count + 1) * count;
	unsigned int spins = 0;

	while (__atomic_load_n(barrier, __ATOMIC_ACQUIRE) < target) {
		if (++spins < 10000)
			cpu_pause();
		else
			apic_sleep_us(200); /* the CPU we wait for may need our host CPU */
	}
}
