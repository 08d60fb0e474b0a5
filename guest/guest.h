/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole guest: what was found at start, what is to be done, what runs. */
#ifndef VMTUNE_GUEST_GUEST_H
#define VMTUNE_GUEST_GUEST_H

#include "guest/acpi.h"
#include "guest/cpu.h"
#include "guest/options.h"
#include "guest/pool.h"
#include "guest/pvh.h"

struct balloon;

struct guest {
	struct pvh_info pvh;
	struct acpi acpi;
	struct options options;
	uint64_t ram;                   /* bytes, by the memory map */
	struct pool pool;
	struct cpu *cpu[CPUS_MAX];      /* online ones, the boot CPU first */
	unsigned int cpu_count;
	struct cpu *thread[CPUS_MAX];   /* the CPUs that run the job, by thread number */
	unsigned int thread_count;
	struct balloon *balloon;        /* NULL: none */
	uint64_t started, next_service; /* TSC */
	const char *phase;              /* what the job is at, for status */
	uint64_t stalls;                /* times that a job got less memory than it wanted */
	uint64_t job_wanted;            /* pages the job had before the balloon took some */
};

uint64_t guest_uptime_ms(const struct guest *guest);
/* The last line, with why it is the last, then power off. */
void guest_end(const struct guest *guest, const char *status) __attribute__((noreturn));

#endif
