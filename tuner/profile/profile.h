/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile.conf as checked data. One schema table in profile.c holds every key with type, limits,
 * default and help; the file's line of each value is kept, so that the planner can name it as well.
 */
#ifndef VMTUNE_TUNER_PROFILE_H
#define VMTUNE_TUNER_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/knob.h"
#include "lib/error.h"
#include "lib/idset.h"
#include "tuner/planner/planner.h"

#define PROFILE_VCPUS_MAX 255
#define PROFILE_NAME_MAX  32 /* of a VM; the name becomes a folder and a cgroup */
#define PROFILE_NODES_MAX 64 /* guest nodes of a VM */
#define PROFILE_ALL_NODES (-1)
#define PROFILE_DEMAND_MEASURED 0

/* Where a value was written: for messages. line 0: it is a default. */
struct profile_at {
	const char *file; /* owned by the profile */
	int line;
};

enum page_choice { PAGES_4K, PAGES_THP, PAGES_2M, PAGES_1G };
enum placement_mode { PLACE_AUTO, PLACE_NODES, PLACE_PINS, PLACE_KEEP };
enum irq_policy { IRQ_KEEP, IRQ_HOUSEKEEPING, IRQ_NODE };

struct profile_disk {
	struct profile_at at;
	char *path;
	bool readonly;
};

struct profile_net {
	char *tap; /* NULL: user mode */
};

struct profile_vm {
	char *name;
	struct profile_at at, at_memory, at_vcpus, at_placement, at_nodes, at_pins, at_guest_nodes,
		at_dedicated, at_io_cpus, at_pages, at_ksm, at_balloon, at_floor, at_kernel, at_initrd,
		at_memory_high, at_memory_max, at_attach, at_goal, at_apart, at_together, at_near,
		at_overcommit, at_demand;
	char *attach;                  /* "name:X", "pid:N", ...: runs already; NULL: vmtune starts it */
	pid_t guest_pid;               /* the guest that attach_guests() found; 0: none */
	uint64_t guest_start;          /* its start time: the identity */
	unsigned int vcpus;
	uint64_t memory;               /* bytes */
	char *kernel, *initrd, *append;
	struct profile_disk *disks;
	unsigned int disk_count;
	struct profile_net *nets;
	unsigned int net_count;
	enum placement_mode placement;
	struct idset nodes;            /* PLACE_NODES: host nodes, memory and vCPUs in equal parts */
	struct idset *pins;            /* PLACE_PINS: host CPUs of each vCPU, vcpus rows */
	unsigned int pin_count;        /* rows given; equals vcpus once the profile is checked */
	unsigned int guest_nodes;      /* 0: as many as host nodes it lies on */
	bool dedicated;                /* a CPU of its own for each vCPU */
	struct idset io_cpus;          /* empty: chosen by the planner */
	enum planner_goal goal;
	char *apart, *together;        /* names of groups, or NULL */
	char **near;                   /* devices by name or PCI address */
	unsigned int near_count;
	double overcommit;             /* most vCPUs a CPU where it lives; 0: no limit */
	uint64_t demand;               /* busy percent of each vCPU; PROFILE_DEMAND_MEASURED */
	enum page_choice pages;
	bool ksm;
	uint64_t balloon_target;       /* bytes the guest shall keep; 0: all of memory */
	uint64_t balloon_floor;        /* never below; 0: none given */
	unsigned int cpu_weight;       /* cgroup v2 scale 1-10000, 0: leave alone */
	uint64_t cpu_quota;            /* percent of one CPU, 0: none */
	uint64_t memory_high, memory_max; /* bytes, 0: none */
};

/* hugepages { node = N size = 2M count = M }: the pool a node shall have, in pages. */
struct profile_pool {
	struct profile_at at;
	int node;                      /* PROFILE_ALL_NODES: every node with memory */
	uint64_t page_size, count;
	bool at_least;                 /* count is a minimum: the planner may add what guests need */
};

struct profile_setting {
	struct profile_at at;
	const struct knob *knob;
	char value[256];
	bool some;              /* only the files with these numbers: "1@2-7" */
	struct idset numbers;
};

/* A word that the kernel command line shall have. */
struct profile_word {
	struct profile_at at;
	char *text;
};

struct profile {
	char *file;
	bool attach_all;               /* every guest that runs, as if it had a vm section */
	struct profile_at at_attach_all;
	char *libvirt_uri;             /* where guests of libvirt are pinned through libvirt */
	struct profile_word *words;    /* kernel_cmdline */
	unsigned int word_count;
	enum irq_policy irq_policy;
	struct profile_at at_irq;
	bool isolate;                  /* the host's other work stays off the CPUs of dedicated vCPUs */
	struct profile_at at_isolate;
	struct profile_pool *pools;
	unsigned int pool_count;
	struct profile_setting *settings;
	unsigned int setting_count;
	struct profile_vm *vms;
	unsigned int vm_count;
};

/*
 * Reads and checks a profile. NULL with @err: "FILE:LINE: what is wrong; what would be right", with a
 * suggestion for a misspelt key. Files that VMs name (kernel, disks) are not opened here.
 */
struct profile *profile_read(const char *file, struct error *err);
/* The same from text in memory; @file is for messages and the folder of relative paths. */
struct profile *profile_parse(const char *text, size_t length, const char *file, struct error *err);
void profile_free(struct profile *profile);

/*
 * Whether the files that @vm names (kernel, initrd, disks) can be used by this process. Returns 0, or
 * negative with @err beginning "FILE:LINE: ".
 */
int profile_check_files(const struct profile_vm *vm, struct error *err);

/* "FILE:LINE: " in front of @err; a value that was left at its default is reported at @otherwise. */
int profile_fault(const struct profile_at *at, const struct profile_at *otherwise, struct error *err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * A name for a section out of a guest's, which may hold anything: 1 to PROFILE_NAME_MAX letters, digits,
 * '.', '_' and '-', and none of the names that @profile (may be NULL) has. The caller frees.
 */
char *profile_fit_name(const struct profile *profile, const char *text);
/* Whether the setting is about this file of its knob. */
bool profile_setting_covers(const struct profile_setting *setting, const char *path);

/* Prints every key with type, default and meaning (vmtune help profile; the man page's source). */
void profile_print_schema(void);
uint64_t page_choice_bytes(enum page_choice pages); /* 4096 for 4K and THP */
const char *page_choice_name(enum page_choice pages);

#endif
