/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's processors say they are: the host's CPUID as KVM can virtualise it, with the
 * guest's own topology. Each guest NUMA node is a socket of single-threaded cores that share one last
 * level cache, so that a guest scheduler sees the same borders in CPUID, SRAT and reality.
 */
#ifndef VMTUNE_VMM_CPUID_H
#define VMTUNE_VMM_CPUID_H

#include <linux/kvm.h>

#include "lib/error.h"
#include "vmm/options.h"

/* Local APIC ids (xAPIC: 0-254) of the vCPUs, and what they tell about sockets. */
struct cpu_topology {
	unsigned int core_bits;    /* APIC id = socket << core_bits | core */
	unsigned int socket_cores; /* cores of the largest socket */
	unsigned int apic_id[VM_CPUS_MAX];
};

/*
 * One socket a guest node. When the ids that takes do not fit into 8 bits (many uneven nodes), all
 * vCPUs become one socket with ids 0, 1, 2...
 */
void cpu_topology_init(struct cpu_topology *topology, const struct vm_config *config);

/* The CPUID table KVM supports, as a template. Free with free(). NULL with @err on failure. */
struct kvm_cpuid2 *cpuid_template(int kvm_fd, struct error *err);
/* A copy, also to be freed. */
struct kvm_cpuid2 *cpuid_copy(const struct kvm_cpuid2 *cpuid);
/* How many bits guest physical addresses have. */
unsigned int cpuid_address_bits(const struct kvm_cpuid2 *cpuid);
/* Rewrites @cpuid (a template or an earlier result) for vCPU @index. */
void cpuid_for_vcpu(struct kvm_cpuid2 *cpuid, const struct cpu_topology *topology,
	unsigned int index);

#endif
