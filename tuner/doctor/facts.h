/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the doctor looks at: the snapshot, and facts that only he needs. Read once, through host/root.h
 * like everything; checks only look at this. What could not be read is NULL or FACT_UNKNOWN.
 */
#ifndef VMTUNE_TUNER_DOCTOR_FACTS_H
#define VMTUNE_TUNER_DOCTOR_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/snapshot.h"

#define FACT_UNKNOWN UINT64_MAX

/* A file of /sys/devices/system/cpu/vulnerabilities. */
struct vulnerability {
	char *name, *text;
};

/* Free memory of a node by what it is good for, bytes. */
struct node_blocks {
	unsigned int node;
	uint64_t free;
	uint64_t huge; /* of it, in blocks of 2M and more */
};

struct guest_facts {
	const struct guest *guest;
	struct guest_memory_map map; /* ->node_bytes NULL: could not be read */
	uint64_t swapped;            /* bytes of the process that are in swap */
};

struct facts {
	struct snapshot *snapshot;
	bool told;            /* settings and guests were looked at: not a bare topology */
	bool saved;           /* out of a file: what is not in the snapshot was not looked at */
	bool kvm_usable;      /* /dev/kvm may be opened by us */

	char *cpu_flags;      /* of the first CPU, "fpu vme ..." */
	char *vmx_flags;      /* "ept ept_1gb vpid ..." (Linux 5.8, Intel) */
	char *cmdline;        /* the kernel's */
	char *clock, *clocks; /* clock source in use; those that could be */
	char *smt;            /* "1": second threads run */
	char *swaps;          /* /proc/swaps */

	uint64_t iommu_groups;
	uint64_t iommu_translated; /* groups whose DMA is translated, not passed through */
	uint64_t swap_total, swap_used; /* bytes */
	uint64_t thp_fault_alloc, thp_fault_fallback; /* events since boot */

	struct vulnerability *vulnerabilities;
	unsigned int vulnerability_count; /* 0: unknown */
	struct node_blocks *blocks;
	unsigned int block_count;         /* 0: unknown */
	struct guest_facts *guests;       /* one a guest of the snapshot, same order */
};

/* Everything unknown, for a snapshot (taken over). */
struct facts *facts_new(struct snapshot *snapshot);
/* Of the machine under @root. NULL with @err. */
struct facts *facts_read(const struct root *root, struct error *err);
/* Of a snapshot file, an XML file or a synthetic machine: what the file does not say is unknown. */
struct facts *facts_load(const char *source, struct error *err);
void facts_free(struct facts *facts);

/* Whether @word is one of the blank-separated words of @text (NULL has none). */
bool facts_word(const char *text, const char *word);

#endif
