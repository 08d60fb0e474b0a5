// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What placement and page size are worth on this host, by the benchmark guest: pinned against
 * unpinned, 2M against 4K pages, local against remote memory; each alone and beside a load.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/guest.h"
#include "host/machine.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/bench/bench.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/revert.h"

#define LOCK_WAIT_MS 5000
#define LOADS_MAX    256

struct host_bench {
	struct bench_options *options;
	struct machine *machine;
	const struct machine_node *near, *far; /* far: NULL on a host with one node */
	unsigned int *cpus;                    /* of the near node, one for each vCPU */
	struct bench_place places[2];          /* the arms of the pair that is being taken */
	json_t *results, *notes;
};

/* ---- where ---------------------------------------------------------------------------------- */

static struct idset usable(const struct host_bench *bench, const struct machine_node *node)
{
	struct idset cpus = node->cpus;

	idset_intersect(&cpus, &bench->machine->allowed);
	idset_subtract(&cpus, &bench->machine->isolated);
	return cpus;
}

/* The node with the most free memory among those with enough CPUs, and the one farthest from it. */
static int choose_nodes(struct host_bench *bench, struct error *err)
{
	const struct bench_guest *guest = &bench->options->guest;
	const struct machine *machine = bench->machine;

	for (unsigned int i = 0; i < machine->node_count; i++) {
		const struct machine_node *node = &machine->nodes[i];
		struct idset cpus = usable(bench, node);

		if (idset_count(&cpus) >= guest->threads && (!bench->near || node->free > bench->near->free))
			bench->near = node;
	}
	if (!bench->near || bench->near->free < 2 * bench_guest_memory(guest)) {
		error_set(err, ENOMEM, "no node has %u free CPUs and %" PRIu64 "M of free memory; "
			"choose a smaller --size or fewer --threads", guest->threads,
			2 * bench_guest_memory(guest) / MIB);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < machine->node_count; i++) {
		const struct machine_node *node = &machine->nodes[i];

		if (node != bench->near && node->free >= 2 * bench_guest_memory(guest) &&
		    (!bench->far || machine_distance(machine, (int)bench->near->os, (int)node->os) >
			machine_distance(machine, (int)bench->near->os, (int)bench->far->os)))
			bench->far = node;
	}
	return 0;
}

/* The last CPUs of the node: the first ones are where interrupts and housekeeping go. */
static void choose_cpus(struct host_bench *bench)
{
	unsigned int threads = bench->options->guest.threads, skip;
	struct idset cpus = usable(bench, bench->near);
	unsigned int count = 0;

	bench->cpus = xcalloc(threads, sizeof(*bench->cpus));
	skip = idset_count(&cpus) - threads;
	idset_for_each(cpu, &cpus) {
		if (skip) {
			skip--;
			continue;
		}
		bench->cpus[count++] = (unsigned int)cpu;
	}
}

/* ---- huge pages for the time of the benchmark ----------------------------------------------- */

struct pool {
	struct journal *journal;
	struct action_context context;
	unsigned long from; /* first change of ours in the journal */
};

static void give_back(struct pool *pool)
{
	struct revert_options options = {.from = pool->from};
	struct report report = {.rows = json_array()}; /* not for people */
	struct revert_result result = {0};
	struct error err;

	if (pool->journal && revert_run(&pool->context, pool->journal, &options, &report, &result, &err) < 0)
		warn("bench: giving huge pages back: %s", err.text);
	else if (pool->journal && revert_exit_status(&result))
		warn("bench: not all huge pages could be given back; vmtune status says why");
	json_decref(report.rows);
	journal_close(pool->journal);
	pool->journal = NULL;
}

/* Grows the near node's pool by what is missing. */
static int borrow(struct host_bench *bench, struct pool *pool, struct error *err)
{
	const struct machine_pool *had = machine_pool_of(bench->near, 2 * MIB);
	uint64_t need = bench_guest_memory(&bench->options->guest) / (2 * MIB);
	struct report report = {.rows = json_array()};
	struct action_list list = {0};
	int status;

	*pool = (struct pool){0};
	context_init(&pool->context, &bench->options->common->root);
	if (!had)
		return error_set(err, ENOTSUP, "node %u has no 2M pages", bench->near->os);
	pool->journal = journal_open(&bench->options->common->root, true, LOCK_WAIT_MS, err);
	if (!pool->journal)
		return -EBUSY;
	pool->from = journal_next(pool->journal);
	if (had->free < need)
		action_add(&list, ACTION_HUGEPAGES, CLASS_REVERSIBLE,
			xasprintf("/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages",
				bench->near->os),
			NULL, NULL, xasprintf("%" PRIu64, had->total + need - had->free),
			xstrdup("for the benchmark guest"), NULL);
	status = apply_run(&pool->context, pool->journal, &list, &report, err);
	json_decref(report.rows);
	action_list_release(&list);
	if (status < 0)
		give_back(pool);
	return status;
}

/* ---- the pairs ------------------------------------------------------------------------------ */

static int measure(void *opaque, int arm, double *value, struct error *err)
{
	struct host_bench *bench = opaque;

	return bench_guest_run(&bench->options->guest, &bench->places[arm], value, err);
}

static int take(struct host_bench *bench, const char *name, const char *a, const char *b, bool loaded,
	struct error *err)
{
	struct bench_pair *pair = xcalloc(1, sizeof(*pair));
	unsigned int loads = loaded ? idset_count(&bench->machine->allowed) : 0;
	char *full = xasprintf("%s, %s", name, loaded ? "beside a load" : "alone");
	pid_t pids[LOADS_MAX];
	int status;

	if (loads > LOADS_MAX)
		loads = LOADS_MAX;
	pair->name = full;
	pair->arms[0] = a;
	pair->arms[1] = b;
	pair->unit = bench_guest_unit(&bench->options->guest);
	pair->shares = bench->options->guest.counter != NULL;
	pair->more_is_better = bench->options->guest.job[0] == 't';
	status = bench_load_start(loads, pids, err);
	if (status >= 0) {
		status = bench_do(bench->options, pair, measure, bench, bench->results, err);
		bench_load_stop(loads, pids);
	}
	free(full);
	free(pair);
	return status;
}

/* Alone, then beside a load. */
static int take_both(struct host_bench *bench, const char *name, const char *a, const char *b,
	struct error *err)
{
	int status = take(bench, name, a, b, false, err);

	if (status >= 0 && !bench->options->no_load)
		status = take(bench, name, a, b, true, err);
	return status;
}

static struct bench_place pinned(const struct host_bench *bench, const struct machine_node *memory,
	uint64_t page_size)
{
	return (struct bench_place){true, bench->cpus, (int)memory->os, page_size};
}

static int take_pages(struct host_bench *bench, struct error *err)
{
	struct pool pool;
	struct error why;
	int status;

	if (borrow(bench, &pool, &why) < 0) {
		bench_note(bench->options, bench->notes, "4K against 2M pages left out: %s", why.text);
		return 0;
	}
	bench->places[0] = pinned(bench, bench->near, 2 * MIB);
	bench->places[1] = pinned(bench, bench->near, 4 * KIB);
	status = take_both(bench, "page size", "2M", "4K", err);
	give_back(&pool);
	return status;
}

/* A counter sees the accesses of every guest that runs the same code, not only of ours. */
static void note_others(struct host_bench *bench)
{
	struct guest_list list;

	if (!bench->options->guest.counter)
		return;
	guests_read(&bench->options->common->root, &list);
	if (list.count)
		bench_note(bench->options, bench->notes, "%u other guest%s: accesses of benchmark guests "
			"among them are counted as well", list.count, list.count == 1 ? " runs" : "s run");
	guests_release(&list);
}

static int take_all(struct host_bench *bench, struct error *err)
{
	int status;

	bench->places[0] = pinned(bench, bench->near, 4 * KIB);
	bench->places[1] = (struct bench_place){false, NULL, -1, 4 * KIB};
	status = take_both(bench, "placement", "pinned", "unpinned", err);
	if (status >= 0 && bench->far) {
		bench->places[1] = pinned(bench, bench->far, 4 * KIB);
		status = take_both(bench, "NUMA", "local memory", "remote memory", err);
	}
	return status < 0 ? status : take_pages(bench, err);
}

int bench_host(struct bench_options *options, json_t *results, json_t *notes, struct error *err)
{
	struct host_bench bench = {.options = options, .results = results, .notes = notes};
	int status;

	bench.machine = machine_read(&options->common->root, err);
	if (!bench.machine)
		return -EIO;
	status = choose_nodes(&bench, err);
	if (status >= 0) {
		choose_cpus(&bench);
		if (bench.machine->node_count == 1)
			bench_note(options, notes, "this host has one NUMA node: what NUMA placement is "
				"worth cannot be judged here");
		else if (!bench.far)
			bench_note(options, notes, "no other node has room for the guest: local against "
				"remote memory left out");
		note_others(&bench);
		status = take_all(&bench, err);
	}
	free(bench.cpus);
	machine_free(bench.machine);
	return status;
}
