/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by options*.c: the state of one parse, and the setters that live in files of their own. */
#ifndef VMTUNE_VMM_OPTIONS_INTERNAL_H
#define VMTUNE_VMM_OPTIONS_INTERNAL_H

#include "vmm/options.h"

/* What is known only while the command line is read. */
struct parse {
	struct vm_config *config;
	bool has_memory, has_cpus, has_prefault, has_balloon, help, version;
	/* --numa distance=: the row of each node, as far as it was given */
	uint8_t distance[MEMORY_NODES_MAX][MEMORY_NODES_MAX];
	unsigned int distance_count[MEMORY_NODES_MAX];
	bool has_pages[MEMORY_NODES_MAX];
};

/* Setters of option rows; the target is the struct parse. */
int option_memory(void *target, const char *text, struct error *err);
int option_numa(void *target, const char *text, struct error *err);
int option_pin(void *target, const char *text, struct error *err);
int option_disk(void *target, const char *text, struct error *err);
int option_net(void *target, const char *text, struct error *err);
int option_serial(void *target, const char *text, struct error *err);
int option_console(void *target, const char *text, struct error *err);
int option_balloon(void *target, const char *text, struct error *err);
int option_no_balloon(void *target, const char *text, struct error *err);

/* After all options: fills the defaults of nodes and checks that nodes, CPUs and pins agree. */
int options_finish_nodes(struct parse *parse, struct error *err);

#endif
