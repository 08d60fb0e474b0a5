// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filling guest memory before the guest runs. Every node has a crew of threads on the CPUs of its host
 * nodes (zeroing from another node's CPUs is several times slower), all crews work at once, and each
 * worker asks the kernel where the pages of its chunk came to lie.
 *
 * The workers wait until all are started: creating a thread maps its stack, and that waits for the page
 * faults of those already at work.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "vmm/host_node.h"
#include "vmm/memory_internal.h"

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

#define CHUNK        (64 * MIB)
#define WORKERS_MAX  16  /* a node; more do not make its memory faster */
#define VERIFY_BATCH 512

/* ---- before anything is mapped ----------------------------------------------------------------- */

static bool is_strict(const struct memory_node *node)
{
	return !idset_empty(&node->config.host_nodes) &&
		node->config.policy != MEMORY_POLICY_PREFERRED;
}

/* What all guest nodes that are confined to the same host nodes as @node need, in bytes. */
static uint64_t demand_of_kind(const struct guest_memory *memory, const struct memory_node *node)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < memory->node_count; i++) {
		const struct memory_node *other = &memory->nodes[i];

		if (memory_is_hugetlb(other) != memory_is_hugetlb(node) ||
			other->page_size != node->page_size || is_strict(other) != is_strict(node))
			continue;
		if (!is_strict(node) ||
			idset_within(&other->config.host_nodes, &node->config.host_nodes))
			sum += other->config.size;
	}
	return sum;
}

static void describe_place(const struct memory_node *node, char *text, size_t size)
{
	char list[128];

	if (is_strict(node))
		snprintf(text, size, "host node %s",
			idset_format(&node->config.host_nodes, list, sizeof(list)));
	else
		snprintf(text, size, "the host");
}

static int short_of_hugepages(const struct memory_node *node, unsigned int index, int64_t available,
	uint64_t needed, struct error *err)
{
	char unit[SIZE_TEXT_MAX], place[160];

	describe_place(node, place, sizeof(place));
	size_format(unit, node->page_size);
	if (available < 0)
		return error_set(err, ENOMEM, "guest node %u: %s has no hugepages of %s", index, place, unit);
	return error_set(err, ENOMEM,
		"guest node %u: %s has %" PRId64 " free %s pages, %" PRIu64 " needed", index, place,
		available, unit, needed);
}

static int check_hugepages(const struct guest_memory *memory, unsigned int index, struct error *err)
{
	const struct memory_node *node = &memory->nodes[index];
	const struct idset anywhere = {0};
	uint64_t needed = demand_of_kind(memory, node) / node->page_size;
	int64_t available =
		host_free_hugepages(is_strict(node) ? &node->config.host_nodes : &anywhere, node->page_size);

	if (available < 0 || (uint64_t)available < needed)
		return short_of_hugepages(node, index, available, needed, err);
	return 0;
}

/* A bound node that runs short while it is filled ends in the OOM killer: look before. */
static int check_free_memory(const struct guest_memory *memory, unsigned int index,
	struct error *err)
{
	const struct memory_node *node = &memory->nodes[index];
	char have[SIZE_TEXT_MAX], want[SIZE_TEXT_MAX], place[160];
	uint64_t needed, available;

	if (!is_strict(node) || !node->populate)
		return 0;
	needed = demand_of_kind(memory, node);
	available = host_available_memory(&node->config.host_nodes);
	if (available >= needed)
		return 0;
	describe_place(node, place, sizeof(place));
	return error_set(err, ENOMEM, "guest node %u: %s has %s available, %s needed", index, place,
		size_format(have, available / MIB * MIB), size_format(want, needed));
}

int memory_check_host(const struct guest_memory *memory, struct error *err)
{
	struct idset with_memory;

	host_nodes_with_memory(&with_memory);
	for (unsigned int i = 0; i < memory->node_count; i++) {
		const struct memory_node *node = &memory->nodes[i];
		char asked[128], there[128];
		int ret;

		if (!idset_within(&node->config.host_nodes, &with_memory))
			return error_set(err, EINVAL,
				"guest node %u: host-node=%s, but this host has memory on node %s only", i,
				idset_format(&node->config.host_nodes, asked, sizeof(asked)),
				idset_format(&with_memory, there, sizeof(there)));
		ret = memory_is_hugetlb(node) ? check_hugepages(memory, i, err)
					      : check_free_memory(memory, i, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- filling ----------------------------------------------------------------------------------- */

/* The work of one guest node, shared by its workers. */
struct crew {
	struct guest_memory *memory;
	unsigned int node;
	struct idset cpus;         /* of the target nodes; empty: anywhere */
	unsigned int workers;
	pthread_mutex_t *gate;     /* held by the starter until all workers exist */
	atomic_uint_fast64_t next; /* offset in the node of the next chunk to take */
	atomic_bool failed;
	pthread_mutex_t lock;
	struct error err;          /* of the first failure, under @lock */
};

/* Takes the next piece of the node: at most a chunk, within one region. False when all is taken. */
static bool take_chunk(struct crew *crew, uint8_t **host, uint64_t *size)
{
	const struct memory_node *node = &crew->memory->nodes[crew->node];
	uint64_t chunk = node->page_size > CHUNK ? node->page_size : CHUNK;
	uint64_t offset = atomic_fetch_add(&crew->next, chunk);

	for (unsigned int i = 0; i < crew->memory->region_count; i++) {
		const struct memory_region *region = &crew->memory->regions[i];

		if (region->node != crew->node)
			continue;
		if (offset < region->size) {
			*host = region->host + offset;
			*size = region->size - offset < chunk ? region->size - offset : chunk;
			return true;
		}
		/* The second region's chunks begin at its start, wherever the first one's ended. */
		offset -= (region->size + chunk - 1) / chunk * chunk;
	}
	return false;
}

/* Before Linux 5.14. The pages are new, so writing a zero changes nothing. */
static void touch(uint8_t *host, uint64_t size, uint64_t page)
{
	for (uint64_t offset = 0; offset < size; offset += page)
		*(volatile uint8_t *)(host + offset) = 0;
}

static int fill(struct crew *crew, uint8_t *host, uint64_t size, struct error *err)
{
	const struct memory_node *node = &crew->memory->nodes[crew->node];
	const struct idset *nodes = &node->config.host_nodes;
	char unit[SIZE_TEXT_MAX], place[160];

	while (madvise(host, size, MADV_POPULATE_WRITE) < 0) {
		if (errno == EAGAIN || errno == EINTR)
			continue;
		if (errno == EINVAL) {
			touch(host, size, node->page_size);
			return 0;
		}
		/* A hugetlb fault without a page is EFAULT here; in the guest it would be SIGBUS. */
		describe_place(node, place, sizeof(place));
		size_format(unit, node->page_size);
		if (memory_is_hugetlb(node))
			return error_set(err, ENOMEM,
				"guest node %u: %s ran out of %s pages: %" PRIu64 " needed, %" PRId64
				" free now",
				crew->node, place, unit, node->config.size / node->page_size,
				host_free_hugepages(nodes, node->page_size));
		return error_errno(err, errno, "guest node %u: cannot populate its memory on %s",
			crew->node, place);
	}
	return 0;
}

/* Whether KSM or the policy itself makes a fixed place impossible. */
static bool can_verify(const struct memory_node *node)
{
	return is_strict(node) && !node->config.mergeable;
}

static int verify_batch(const struct crew *crew, void **pages, int *where, unsigned int count,
	struct error *err)
{
	const struct memory_node *node = &crew->memory->nodes[crew->node];
	char asked[128];

	if (syscall(SYS_move_pages, 0, (unsigned long)count, pages, NULL, where, 0) < 0)
		return error_errno(err, errno, "guest node %u: cannot ask where its pages are", crew->node);
	for (unsigned int i = 0; i < count; i++) {
		if (where[i] >= 0 && idset_has(&node->config.host_nodes, (unsigned int)where[i]))
			continue;
		idset_format(&node->config.host_nodes, asked, sizeof(asked));
		if (where[i] < 0)
			return error_set(err, EIO, "guest node %u: a page that should be on host node %s: %s",
				crew->node, asked, strerror(-where[i]));
		return error_set(err, EIO, "guest node %u: a page is on host node %d instead of %s",
			crew->node, where[i], asked);
	}
	return 0;
}

static int verify(const struct crew *crew, uint8_t *host, uint64_t size, struct error *err)
{
	const struct memory_node *node = &crew->memory->nodes[crew->node];
	void *pages[VERIFY_BATCH];
	int where[VERIFY_BATCH];
	unsigned int count = 0;

	for (uint64_t offset = 0; offset < size; offset += node->page_size) {
		pages[count++] = host + offset;
		if (count < VERIFY_BATCH && offset + node->page_size < size)
			continue;
		if (verify_batch(crew, pages, where, count, err) < 0)
			return -EIO;
		count = 0;
	}
	return 0;
}

static void fail(struct crew *crew, const struct error *err)
{
	pthread_mutex_lock(&crew->lock);
	if (!atomic_exchange(&crew->failed, true))
		crew->err = *err;
	pthread_mutex_unlock(&crew->lock);
}

static void work(struct crew *crew)
{
	const struct memory_node *node = &crew->memory->nodes[crew->node];
	struct error err;
	uint8_t *host;
	uint64_t size;

	while (!atomic_load(&crew->failed) && take_chunk(crew, &host, &size))
		if (fill(crew, host, size, &err) < 0 ||
			(can_verify(node) && verify(crew, host, size, &err) < 0))
			fail(crew, &err);
}

static void *worker_main(void *opaque)
{
	struct crew *crew = opaque;

	pthread_setname_np(pthread_self(), "populate");
	/* Best effort: a cpuset may forbid these CPUs, and then it is slower, not wrong. */
	if (!idset_empty(&crew->cpus))
		sched_setaffinity(0, sizeof(crew->cpus.words), (const cpu_set_t *)crew->cpus.words);
	pthread_mutex_lock(crew->gate);
	pthread_mutex_unlock(crew->gate);
	work(crew);
	return NULL;
}

static unsigned int worker_count(const struct memory_node *node, const struct idset *cpus)
{
	unsigned int chunks = (unsigned int)((node->config.size + CHUNK - 1) / CHUNK);
	unsigned int most = idset_empty(cpus) ? (unsigned int)sysconf(_SC_NPROCESSORS_ONLN)
					      : idset_count(cpus);

	if (most > WORKERS_MAX)
		most = WORKERS_MAX;
	return chunks < most ? chunks : most;
}

static void crew_init(struct crew *crew, struct guest_memory *memory, unsigned int node,
	pthread_mutex_t *gate)
{
	struct idset where;

	*crew = (struct crew){.memory = memory, .node = node, .gate = gate};
	pthread_mutex_init(&crew->lock, NULL);
	if (!memory->nodes[node].populate)
		return;
	/* Memory without a place is filled by all CPUs, not just by those the I/O thread is on. */
	where = memory->nodes[node].config.host_nodes;
	if (idset_empty(&where))
		host_nodes_with_memory(&where);
	host_nodes_cpus(&where, &crew->cpus);
	crew->workers = worker_count(&memory->nodes[node], &crew->cpus);
}

/* Starts as many workers as the system allows; with none, the caller does the work. */
static unsigned int start_workers(struct crew *crews, unsigned int count, pthread_t *threads)
{
	unsigned int started = 0;

	for (unsigned int i = 0; i < count; i++) {
		unsigned int mine = 0;

		while (mine < crews[i].workers &&
			!pthread_create(&threads[started], NULL, worker_main, &crews[i])) {
			started++;
			mine++;
		}
	}
	return started;
}

int memory_populate(struct guest_memory *memory, struct error *err)
{
	struct crew *crews = xcalloc(memory->node_count, sizeof(*crews));
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	unsigned int started, total = 0;
	pthread_t *threads;
	int ret = 0;

	for (unsigned int i = 0; i < memory->node_count; i++) {
		crew_init(&crews[i], memory, i, &gate);
		total += crews[i].workers;
	}
	threads = xcalloc(total, sizeof(*threads));
	pthread_mutex_lock(&gate);
	started = start_workers(crews, memory->node_count, threads);
	pthread_mutex_unlock(&gate);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < memory->node_count; i++) {
		if (memory->nodes[i].populate)
			work(&crews[i]); /* nothing is left, unless no thread could be had */
		if (!ret && atomic_load(&crews[i].failed))
			ret = error_set(err, ENOMEM, "%s", crews[i].err.text);
		pthread_mutex_destroy(&crews[i].lock);
	}
	free(threads);
	free(crews);
	return ret;
}
