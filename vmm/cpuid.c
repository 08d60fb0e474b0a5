// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUID leaves. Everything KVM offers is passed on; the leaves that describe topology (Intel SDM 2A,
 * CPUID; AMD APM 3, appendix E) are rewritten by one function each, found through a table.
 */
#include "vmm/cpuid.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/xalloc.h"

#define ENTRIES_MAX   256
#define SPARE_ENTRIES 8
#define APIC_ID_MAX   254 /* 255 is the broadcast address */

/* CPUID.1:ECX and :EDX */
#define ECX_X2APIC       (1u << 21)
#define ECX_TSC_DEADLINE (1u << 24)
#define ECX_HYPERVISOR   (1u << 31)
#define EDX_HTT          (1u << 28)
/* CPUID.80000001:ECX */
#define ECX_CMP_LEGACY (1u << 1)

/* Levels of leaf 0xb */
#define LEVEL_SMT  1u
#define LEVEL_CORE 2u

static unsigned int bits_for(unsigned int count)
{
	unsigned int bits = 0;

	while ((1u << bits) < count)
		bits++;
	return bits;
}

static void one_socket(struct cpu_topology *topology, unsigned int cpus)
{
	topology->socket_cores = cpus;
	topology->core_bits = bits_for(cpus);
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		topology->apic_id[cpu] = cpu;
}

void cpu_topology_init(struct cpu_topology *topology, const struct vm_config *config)
{
	unsigned int most = 0, sockets = 0;

	*topology = (struct cpu_topology){0};
	for (unsigned int node = 0; node < config->node_count; node++) {
		unsigned int cores = idset_count(&config->nodes[node].cpus);

		most = cores > most ? cores : most;
		sockets += cores > 0;
	}
	topology->socket_cores = most;
	topology->core_bits = bits_for(most);
	if (((sockets - 1) << topology->core_bits | (most - 1)) > APIC_ID_MAX) {
		one_socket(topology, config->cpus);
		return;
	}
	for (unsigned int node = 0, socket = 0; node < config->node_count; node++) {
		const struct idset *cpus = &config->nodes[node].cpus;
		unsigned int core = 0;

		idset_for_each (cpu, cpus)
			topology->apic_id[cpu] = socket << topology->core_bits | core++;
		socket += !idset_empty(cpus);
	}
}

/* Room for all that KVM may tell, and for the leaves that are added. */
static struct kvm_cpuid2 *alloc_table(void)
{
	return xcalloc(1, sizeof(struct kvm_cpuid2) +
			(ENTRIES_MAX + SPARE_ENTRIES) * sizeof(struct kvm_cpuid_entry2));
}

struct kvm_cpuid2 *cpuid_copy(const struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid2 *copy = alloc_table();

	memcpy(copy, cpuid, sizeof(*cpuid) + cpuid->nent * sizeof(cpuid->entries[0]));
	return copy;
}

struct kvm_cpuid2 *cpuid_template(int kvm_fd, struct error *err)
{
	struct kvm_cpuid2 *cpuid = alloc_table();

	cpuid->nent = ENTRIES_MAX;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0) {
		error_errno(err, errno, "KVM_GET_SUPPORTED_CPUID");
		free(cpuid);
		return NULL;
	}
	return cpuid;
}

struct view {
	const struct cpu_topology *topology;
	unsigned int apic_id;
	bool amd; /* or Hygon */
};

static void leaf_features(struct kvm_cpuid_entry2 *leaf, const struct view *view)
{
	unsigned int package_ids = 1u << view->topology->core_bits;

	leaf->ebx = (leaf->ebx & 0xffff) | package_ids << 16 | view->apic_id << 24;
	/* The local APIC is KVM's: these two it can always do, though the host's CPU may not. */
	leaf->ecx |= ECX_HYPERVISOR | ECX_X2APIC | ECX_TSC_DEADLINE;
	leaf->edx &= ~EDX_HTT;
	if (view->topology->socket_cores > 1)
		leaf->edx |= EDX_HTT;
}

/* Leaf 4 and, of the same layout, 0x8000001d: EAX[7:5] level, [25:14] ids that share the cache - 1. */
static void leaf_caches(struct kvm_cpuid_entry2 *leaf, const struct view *view)
{
	unsigned int package_ids = 1u << view->topology->core_bits;
	unsigned int level = leaf->eax >> 5 & 7, kind = leaf->eax & 0x1f;

	if (!kind)
		return;
	leaf->eax &= 0x3fff;
	if (level >= 3)
		leaf->eax |= (package_ids - 1) << 14;
	if (leaf->function == 4)
		leaf->eax |= (package_ids - 1) << 26; /* core ids in the package - 1 */
}

static void leaf_amd_legacy(struct kvm_cpuid_entry2 *leaf, const struct view *view)
{
	leaf->ecx &= ~ECX_CMP_LEGACY;
	if (view->topology->socket_cores > 1)
		leaf->ecx |= ECX_CMP_LEGACY;
}

/* AMD: ECX[7:0] cores - 1, [15:12] bits of the core id; EAX (address widths) stays the host's. */
static void leaf_amd_cores(struct kvm_cpuid_entry2 *leaf, const struct view *view)
{
	if (view->amd)
		leaf->ecx = (view->topology->socket_cores - 1) | view->topology->core_bits << 12;
}

static void leaf_amd_topology(struct kvm_cpuid_entry2 *leaf, const struct view *view)
{
	unsigned int core = view->apic_id & ((1u << view->topology->core_bits) - 1);

	leaf->eax = view->apic_id;
	leaf->ebx = core; /* one thread a core: [15:8] is 0 */
	leaf->ecx = view->apic_id >> view->topology->core_bits; /* node id, one a socket */
}

static const struct {
	__u32 function;
	void (*rewrite)(struct kvm_cpuid_entry2 *leaf, const struct view *view);
} rewrites[] = {
	{0x00000001, leaf_features},
	{0x00000004, leaf_caches},
	{0x80000001, leaf_amd_legacy},
	{0x80000008, leaf_amd_cores},
	{0x8000001d, leaf_caches},
	{0x8000001e, leaf_amd_topology},
};

static struct kvm_cpuid_entry2 *find_leaf(struct kvm_cpuid2 *cpuid, __u32 function)
{
	for (__u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function)
			return &cpuid->entries[i];
	return NULL;
}

static void remove_leaf(struct kvm_cpuid2 *cpuid, __u32 function)
{
	__u32 kept = 0;

	for (__u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function != function)
			cpuid->entries[kept++] = cpuid->entries[i];
	cpuid->nent = kept;
}

/* Leaf 0xb: level @index has ids of @shift bits below the next level. Level type 0 ends the list. */
static void add_level(struct kvm_cpuid2 *cpuid, unsigned int index, unsigned int type,
	unsigned int shift, unsigned int count, unsigned int apic_id)
{
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = 0xb,
		.index = index,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = shift,
		.ebx = count,
		.ecx = type << 8 | index,
		.edx = apic_id,
	};
}

/* The vendor's name is in EBX, EDX, ECX; its first four letters tell. */
static bool is_amd(const struct kvm_cpuid_entry2 *first)
{
	return !memcmp(&first->ebx, "Auth", 4) || !memcmp(&first->ebx, "Hygo", 4);
}

void cpuid_for_vcpu(struct kvm_cpuid2 *cpuid, const struct cpu_topology *topology,
	unsigned int index)
{
	struct kvm_cpuid_entry2 *first = find_leaf(cpuid, 0);
	struct view view = {topology, topology->apic_id[index], first && is_amd(first)};

	for (__u32 i = 0; i < cpuid->nent; i++)
		for (size_t k = 0; k < sizeof(rewrites) / sizeof(rewrites[0]); k++)
			if (cpuid->entries[i].function == rewrites[k].function)
				rewrites[k].rewrite(&cpuid->entries[i], &view);
	remove_leaf(cpuid, 0xb);
	remove_leaf(cpuid, 0x1f); /* the longer form of 0xb; the host's dies are not ours */
	if (!first || first->eax < 0xb)
		return;
	add_level(cpuid, 0, LEVEL_SMT, 0, 1, view.apic_id);
	add_level(cpuid, 1, LEVEL_CORE, topology->core_bits, topology->socket_cores, view.apic_id);
	add_level(cpuid, 2, 0, 0, 0, view.apic_id);
}

unsigned int cpuid_address_bits(const struct kvm_cpuid2 *cpuid)
{
	for (__u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000008)
			return cpuid->entries[i].eax & 0xff;
	return 36; /* what processors before that leaf have */
}
