// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for QEMU's TCG that counts local and remote memory accesses.
 *
 * Under TCG time says nothing about NUMA, but every access can be seen: each load and store of the
 * instructions whose virtual address is in a range - code of a guest in the lab, say - is
 * counted as local when the CPU that executes it and the memory that it ends up in belong to one
 * node, else as remote. Nested paging is resolved by then: what counts is the lab host's memory.
 *
 * The counts are the text in the file out=, mapped: a line "local N remote M" for each range, N and M
 * padded with blanks. It is brought up to date within each access, so once the counted code has stopped, the
 * file is exact; no flush, no thread, no delay. The price is a lock around each counted access.
 *
 * Nothing is counted while the file FILE.pause begins with 1: what is counted takes ten times as long, so
 * that a kernel, say, should not be counted while it boots.
 *
 * arguments: out=FILE, for each range code=START-END, and for each node of the host, in order,
 * node=FIRST_CPU:CPUS:BYTES. tests/lab/run makes them from the shape.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
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

struct range {
	uint64_t start, end;
};

/* A line of the file. The numbers are aligned, so that a reader never sees half of one. */
struct text {
	char local_name[16], local[16];
	char remote_name[16], remote[16];
	char newline[16];
};

#define MAX_NODES  64
#define MAX_RANGES 16

static struct node nodes[MAX_NODES];
static unsigned int node_count;
static struct range ranges[MAX_RANGES];
static unsigned int range_count;
static const char *path;
static struct text *texts; /* by range */
static const volatile char *paused;
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
	struct qemu_plugin_hwaddr *address;
	int cpu_node, memory_node;
	struct text *text = data;

	if (*paused == '1')
		return;
	cpu_node = node_of_cpu(cpu);
	address = qemu_plugin_get_hwaddr(info, vaddr);
	if (!address || qemu_plugin_hwaddr_is_io(address))
		return;
	memory_node = node_of_memory(qemu_plugin_hwaddr_phys_addr(address));
	if (cpu_node < 0 || memory_node < 0)
		return;
	pthread_mutex_lock(&lock);
	increment(cpu_node == memory_node ? text->local : text->remote);
	pthread_mutex_unlock(&lock);
}

/* Of the first range that the address is in, or NULL. */
static struct text *text_of(uint64_t address)
{
	for (unsigned int i = 0; i < range_count; i++)
		if (address >= ranges[i].start && address < ranges[i].end)
			return &texts[i];
	return NULL;
}

static void watch_instructions(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct text *text = text_of(qemu_plugin_insn_vaddr(insn));

		if (text)
			qemu_plugin_register_vcpu_mem_cb(insn, count_access, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW, text);
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

static bool add_range(const char *value)
{
	struct range *range = &ranges[range_count];
	char *end;

	if (range_count == MAX_RANGES)
		return false;
	range->start = strtoull(value, &end, 16);
	range->end = *end == '-' ? strtoull(end + 1, &end, 16) : 0;
	range_count++;
	return !*end && range->start < range->end;
}

/* Maps a new file of @count times @size bytes at @content; NULL: it cannot be written. */
static void *map_file(const char *name, const void *content, size_t size, unsigned int count)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	void *map = MAP_FAILED;
	unsigned int written = 0;

	if (fd < 0)
		return NULL;
	while (written < count && write(fd, content, size) == (ssize_t)size)
		written++;
	if (written == count)
		map = mmap(NULL, size * count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

static bool open_files(void)
{
	static const struct text empty = {
		"local           ", "               0", " remote         ", "               0",
		"               \n",
	};
	char pause[PATH_MAX];

	snprintf(pause, sizeof(pause), "%s.pause", path);
	texts = map_file(path, &empty, sizeof(empty), range_count);
	paused = map_file(pause, "0", 1, 1);
	return texts && paused;
}

static bool parse(const char *argument)
{
	const char *value = strchr(argument, '=');

	if (!value++)
		return false;
	if (!strncmp(argument, "node=", 5))
		return add_node(value);
	if (!strncmp(argument, "code=", 5))
		return add_range(value);
	if (!strncmp(argument, "out=", 4))
		return (path = value) != NULL;
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
	if (!path || !node_count || !range_count || !open_files()) {
		fprintf(stderr, "numa_count: needs out= (a file that can be written), code= and node=\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, watch_instructions);
	return 0;
}
