/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of vmm (man/vmm.1) as a checked configuration. */
#ifndef VMTUNE_VMM_OPTIONS_H
#define VMTUNE_VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/idset.h"
#include "vmm/memory.h"

#define VM_CPUS_MAX  255 /* xAPIC ids */
#define VM_DISKS_MAX 16
#define VM_NETS_MAX  8

enum net_backend { NET_USER, NET_TAP };

struct disk_config {
	char *path;
	bool readonly;
};

struct net_config {
	enum net_backend backend;
	char *tap;          /* interface name, for NET_TAP */
	uint8_t mac[6];
};

enum chardev_kind { CHARDEV_NONE, CHARDEV_STDIO, CHARDEV_FILE, CHARDEV_UNIX };

struct chardev_config {
	enum chardev_kind kind;
	char *path;
};

/* Features that the balloon offers, by QEMU's names. */
struct balloon_config {
	bool deflate_on_oom, page_poison, free_page_reporting, free_page_hint;
};

struct vm_config {
	char *name;
	char *kernel, *initrd, *append;
	unsigned int cpus;
	struct memory_node_config nodes[MEMORY_NODES_MAX];
	unsigned int node_count;          /* at least 1; its cpus cover all vCPUs exactly once */
	uint8_t distance[MEMORY_NODES_MAX][MEMORY_NODES_MAX]; /* guest SLIT; default 10 / 20 */
	bool prefault;                    /* default: when a node has host nodes */
	struct idset pin[VM_CPUS_MAX];    /* host CPUs of each vCPU; empty: not pinned */
	struct idset io_cpus;             /* host CPUs of the I/O thread; empty: not pinned */
	struct disk_config disks[VM_DISKS_MAX];
	unsigned int disk_count;
	struct net_config nets[VM_NETS_MAX];
	unsigned int net_count;
	struct chardev_config serial, console; /* console: the virtio one */
	bool rng, balloon;
	struct balloon_config balloon_config;
	char *qmp;                        /* socket path, or NULL */
	char *pidfile;                    /* or NULL */
	bool paused;                      /* wait for QMP "cont" before the first instruction */
	bool no_reboot;                   /* a guest reset ends vmm */
	bool triple_fault_resets;         /* instead of being an error */
};

/*
 * Parses argv. Returns 0; 1 when --help or --version was printed; -EINVAL with @err naming the
 * option, the value and what would be right. @config is released with vm_config_release().
 */
int vm_config_parse(int argc, char **argv, struct vm_config *config, struct error *err);
void vm_config_release(struct vm_config *config);

#endif
