// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A running guest, pinned against unpinned, by a command that prints a number. One of the two is how
 * the guest runs now; the other is made for each measurement and taken back after it, journaled, so
 * that a crash leaves nothing that revert does not know.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "host/guest.h"
#include "host/machine.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/bench/bench.h"
#include "tuner/capture.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/revert.h"

#define LOCK_WAIT_MS  5000
#define COMMAND_MS    600000
#define TEXT          4096

struct vm_bench {
	struct bench_options *options;
	struct action_context context;
	struct machine *machine;
	const struct guest *guest;
	int present; /* the arm that is how the guest runs now */
};

/* Narrower than all CPUs that are there. */
static bool is_pinned(const struct vm_bench *bench, const struct guest_thread *thread)
{
	return !idset_within(&bench->machine->online, &thread->allowed);
}

static bool guest_is_pinned(const struct vm_bench *bench)
{
	for (unsigned int i = 0; i < bench->guest->thread_count; i++)
		if (bench->guest->threads[i].kind == THREAD_VCPU &&
		    !is_pinned(bench, &bench->guest->threads[i]))
			return false;
	return true;
}

/* The node with the most CPUs that we may use. */
static const struct machine_node *widest(const struct machine *machine)
{
	const struct machine_node *best = NULL;
	unsigned int most = 0;

	for (unsigned int i = 0; i < machine->node_count; i++) {
		struct idset cpus = machine->nodes[i].cpus;

		idset_intersect(&cpus, &machine->allowed);
		if (idset_count(&cpus) > most) {
			most = idset_count(&cpus);
			best = &machine->nodes[i];
		}
	}
	return best;
}

/* Where vCPU @index goes when it is pinned for the benchmark: one CPU each, in order. */
static struct idset pin_of(const struct vm_bench *bench, int index)
{
	struct idset cpus = widest(bench->machine)->cpus, pin = {0};
	unsigned int count;
	int cpu = -1;

	idset_intersect(&cpus, &bench->machine->allowed);
	count = idset_count(&cpus);
	for (unsigned int i = 0; i <= (unsigned int)index % count; i++)
		cpu = idset_next(&cpus, cpu);
	idset_add(&pin, (unsigned int)cpu);
	return pin;
}

/* The actions that lead to the other arm. */
static void plan_other(const struct vm_bench *bench, struct action_list *list)
{
	char text[TEXT];

	for (unsigned int i = 0; i < bench->guest->thread_count; i++) {
		const struct guest_thread *thread = &bench->guest->threads[i];
		struct idset cpus;

		if (thread->kind != THREAD_VCPU)
			continue;
		cpus = bench->present == 0 ? bench->machine->online : pin_of(bench, thread->vcpu);
		action_add(list, ACTION_AFFINITY, CLASS_REVERSIBLE,
			xasprintf("%d:%" PRIu64 "/%d:%" PRIu64, (int)bench->guest->pid,
				bench->guest->start, (int)thread->tid, thread->start),
			xstrdup(thread->comm), NULL, xstrdup(idset_format(&cpus, text, sizeof(text))),
			xstrdup("vmtune bench"), bench->guest->name);
	}
}

static int run_command(const struct vm_bench *bench, double *value, struct error *err)
{
	return capture_number(bench->options->command, COMMAND_MS, value, err);
}

static int take_back(struct vm_bench *bench, struct journal *journal, unsigned long from,
	struct error *err)
{
	struct revert_options options = {.from = from};
	struct report report = {.rows = json_array()};
	struct revert_result result = {0};
	int status = revert_run(&bench->context, journal, &options, &report, &result, err);

	json_decref(report.rows);
	if (status >= 0 && revert_exit_status(&result))
		return error_set(err, EIO, "not every thread could be put back; vmtune status says why");
	return status;
}

/* Makes the other arm, measures, takes it back whatever happened. */
static int measure_other(struct vm_bench *bench, double *value, struct error *err)
{
	struct journal *journal = journal_open(&bench->options->common->root, true, LOCK_WAIT_MS, err);
	struct report report = {.rows = json_array()};
	struct action_list list = {0};
	unsigned long from;
	struct error ignored;
	int status, back;

	if (!journal) {
		json_decref(report.rows);
		return -EBUSY;
	}
	from = journal_next(journal);
	plan_other(bench, &list);
	status = apply_run(&bench->context, journal, &list, &report, err);
	if (status >= 0) {
		status = run_command(bench, value, err);
		back = take_back(bench, journal, from, status < 0 ? &ignored : err);
		status = status < 0 ? status : back;
	}
	action_list_release(&list);
	json_decref(report.rows);
	journal_close(journal);
	return status;
}

static int measure(void *opaque, int arm, double *value, struct error *err)
{
	struct vm_bench *bench = opaque;

	return arm == bench->present ? run_command(bench, value, err) : measure_other(bench, value, err);
}

static int take(struct vm_bench *bench, json_t *results, json_t *notes, struct error *err)
{
	struct bench_pair *pair = xcalloc(1, sizeof(*pair));
	int status;

	bench->present = guest_is_pinned(bench) ? 0 : 1;
	bench_note(bench->options, notes, "guest %s runs %s now, and does so again afterwards; the command "
		"is taken to print a time (less is better)", bench->guest->name,
		bench->present == 0 ? "pinned" : "unpinned");
	pair->name = bench->guest->name;
	pair->arms[0] = "pinned";
	pair->arms[1] = "unpinned";
	pair->unit = "by the command";
	status = bench_do(bench->options, pair, measure, bench, results, err);
	free(pair);
	return status;
}

int bench_vm(struct bench_options *options, json_t *results, json_t *notes, struct error *err)
{
	struct vm_bench bench = {.options = options};
	struct guest_list list;
	int status;

	context_init(&bench.context, &options->common->root);
	bench.machine = machine_read(&options->common->root, err);
	if (!bench.machine)
		return -EIO;
	guests_read(&options->common->root, &list);
	bench.guest = guest_find(&list, options->vm);
	if (!bench.guest)
		status = error_set(err, ENOENT, "no guest '%s' runs here; vmtune status lists them",
			options->vm);
	else if (!widest(bench.machine))
		status = error_set(err, ENOTSUP, "no node with usable CPUs");
	else
		status = take(&bench, results, notes, err);
	guests_release(&list);
	machine_free(bench.machine);
	return status;
}
