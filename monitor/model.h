/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What two samples say: rates and shares, ready to be drawn, sorted or exported. model_make() is a
 * pure function. Every figure is a double and NAN when it is not known: no permission, no such kernel
 * file, or no earlier sample to compare with. Bytes, percent, per second.
 */
#ifndef VMTUNE_MONITOR_MODEL_H
#define VMTUNE_MONITOR_MODEL_H

#include "monitor/sample.h"

struct thread_row {
	pid_t tid;
	enum thread_kind kind;
	int vcpu, cpu;            /* -1 none, unknown */
	char comm[16];
	struct idset allowed;
	double cpu_percent;       /* of one CPU */
	double ready_percent;     /* of wall time, runnable and waiting for a CPU */
};

struct vm_row {
	pid_t pid;
	uint64_t start;
	const char *name, *vmm, *cgroup, *qmp; /* owned by the newer sample; may be NULL but for name, vmm */
	double vcpus;
	double cpu_percent;       /* all threads, of one CPU: 200 is two CPUs busy */
	double ready_percent;     /* mean over the vCPUs */
	double configured;        /* RAM given to the guest */
	double resident;          /* whole process, huge pages included */
	double *node_percent;     /* of guest RAM that is resident, by node index; NAN unknown */
	double *node_bytes;
	unsigned int node_count;
	bool exact;               /* every page was asked for */
	double huge;              /* hugetlb and transparent huge pages */
	double ksm;               /* merged pages, bytes */
	double balloon;           /* RAM left to the guest */
	double exits;             /* KVM exits per second */
	struct thread_row *threads;
	unsigned int thread_count;
	const struct guest_ram *ram; /* owned by the newer sample */
	unsigned int ram_count;
};

struct model {
	double epoch, interval;   /* seconds; interval NAN for a first sample */
	double cpus;
	double cpu_busy, cpu_guest, cpu_steal, cpu_iowait, load1; /* percent of all CPUs */
	double ksmd_percent;      /* of one CPU */
	double exits, vcpus;      /* sums over the VMs */
	struct vm_row *vms;
	unsigned int vm_count;
	const struct sample *sample; /* the newer one: memory, nodes, KSM, pressure */
};

/*
 * Compares @now with @before (NULL for a first sample). @now must live as long as the model.
 * Counters that went backwards give NAN, not a huge number.
 */
struct model *model_make(const struct sample *before, const struct sample *now);
void model_free(struct model *model);

#endif
