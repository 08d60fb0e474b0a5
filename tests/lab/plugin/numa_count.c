// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for QEMU's TCG that counts local and remote memory accesses.
 *
 * Under TCG time says nothing about NUMA, but every access can be seen: each load and store of the
 * instructions whose virtual address is in [start, end) - code of a guest in the lab, say - is
 * counted as local when the CPU that executes it and the memory that it ends up in belong to one
 * node, else as remote. Nested paging is resolved by then: what counts is the lab host's memory.
 *
 * The counts are the text in the file out=, mapped: "local N remote M", N and M padded with
 * blanks. It is brought up to date within each access, so once the counted code has stopped, the
 * file is exact; no flush, no thread, no delay. The price is a lock around each counted access.
 *
 * arguments: out=FILE start=ADDRESS end=ADDRESS, and for each node of the host, in order,
 * node=FIRST_CPU:CPUS:BYTES. tests/lab/run makes them from the shape.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lab/plugin/qemu_plugin.h"

int qemu_plugin_version = 1;

/* A node of the lab's host: its CPUs and where its memory is, in hwaddr_phys_addr()'s terms. */
struct node {
	unsigned int first_cpu, cpus;
	uint64_t start, size;
};

/* The text of the file. The numbers are aligned, so that a reader never sees half of one. */
struct text {
	char local_name[16], local[16];
	char remote_name[16], remote[16];
	char newline[16];
};

#define MAX_NODES 64

static struct node nodes[MAX_NODES];
static unsigned int node_count;
static uint64_t code_start, code_end;
static struct text *text;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int node_of_cpu(unsigned int cpu)
{
	for (unsigned int i = 0; i < node_count; i++)
		if (cpu - nodes[i].first_cpu < nodes[i].cpus)
			return (int)i;
	return -1;
}

static int node_of_memory(uint64_t address)
{
	for (unsigned int i = 0; i < node_count; i++)
		if (address - nodes[i].start < nodes[i].size)
			return (int)i;
	return -1;
}

/* Adds one to a right-aligned decimal number in blanks. */
static void increment(char number[16])
{
	char next[16];
	int digit = 15;

	memcpy(next, number, sizeof(next));
	while (digit > 0 && next[digit] == '9')
		next[digit--] = '0';
	next[digit] = next[digit] == ' ' ? '1' : (char)(next[digit] + 1);
	memcpy(number, next, sizeof(next));
}

static void count_access(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	struct qemu_plugin_hwaddr *address = qemu_plugin_get_hwaddr(info, vaddr);
	int cpu_node = node_of_cpu(cpu), memory_node;

	(void)data;
	if (!address || qemu_plugin_hwaddr_is_io(address))
		return;
	memory_node = node_of_memory(qemu_plugin_hwaddr_phys_addr(address));
	if (cpu_node < 0 || memory_node < 0)
		return;
	pthread_mutex_lock(&lock);
	increment(cpu_node == memory_node ? text->local : text->remote);
	pthread_mutex_unlock(&lock);
}

static void watch_instructions(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		if (address >= code_start && address < code_end)
			qemu_plugin_register_vcpu_mem_cb(insn, count_access, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW, NULL);
	}
}

/*
 * In QEMU 7.2 the "physical address" of RAM is the offset of its block among all blocks plus the
 * block's offset in its container plus the offset in it. The nodes are blocks, the first ones made
 * and laid end to end in both, so a node that begins at S is reported from 2 S on.
 */
static bool add_node(const char *value)
{
	static uint64_t total;
	struct node *node = &nodes[node_count];

	if (node_count == MAX_NODES ||
	    sscanf(value, "%u:%u:%" SCNu64, &node->first_cpu, &node->cpus, &node->size) != 3)
		return false;
	node->start = 2 * total;
	total += node->size;
	node_count++;
	return true;
}

static bool open_text(const char *path)
{
	static const struct text empty = {
		"local           ", "               0", " remote         ", "               0",
		"\n              ",
	};
	const size_t size = offsetof(struct text, newline) + 1;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return false;
	if (write(fd, &empty, size) == (ssize_t)size) {
		void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		text = map == MAP_FAILED ? NULL : map;
	}
	close(fd);
	return text != NULL;
}

static bool parse(const char *argument)
{
	const char *value = strchr(argument, '=');

	if (!value++)
		return false;
	if (!strncmp(argument, "node=", 5))
		return add_node(value);
	if (!strncmp(argument, "out=", 4))
		return open_text(value);
	if (!strncmp(argument, "start=", 6))
		return (code_start = strtoull(value, NULL, 0)) != 0;
	if (!strncmp(argument, "end=", 4))
		return (code_end = strtoull(value, NULL, 0)) != 0;
	return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!parse(argv[i])) {
			fprintf(stderr, "numa_count: cannot use argument '%s'\n", argv[i]);
			return 1;
		}
	}
	if (!text || !node_count || code_start >= code_end) {
		fprintf(stderr, "numa_count: needs out=, start=, end= and node=\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, watch_instructions);
	return 0;
}
