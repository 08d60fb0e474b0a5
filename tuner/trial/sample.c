// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The figures of a trial: counters of every guest (host/guest.h) at the two ends of a window, and where its
 * memory is at the later one. Threads are compared by number and start time, so that one which ends or
 * comes in the middle of a window is left out of that window only.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/guest.h"
#include "host/machine.h"
#include "lib/xalloc.h"
#include "tuner/home.h"
#include "tuner/trial/trial.h"

#define SAMPLES 2048 /* pages asked for: the share to about a percent, whatever the guest's size */
#define QMP_MS  200

/* The counters of one guest at one moment. */
struct mark {
	uint64_t taken_ns;
	struct guest_thread *threads;
	unsigned int thread_count;
	uint64_t exits;
	struct guest_stats stats;
	bool talks; /* it has given statistics once: others are not asked again */
};

struct trial_sampler {
	struct root root;
	struct machine *machine;
	struct guest_list list; /* the same guests as data->guests, in the same order */
	struct trial_data *data;
	struct mark *marks;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- counters ------------------------------------------------------------------------------- */

static void take_stats(const struct guest *guest, struct mark *mark)
{
	memset(&mark->stats, 0xff, sizeof(mark->stats)); /* GUEST_UNKNOWN */
	if (mark->talks)
		guest_read_stats(guest, QMP_MS, &mark->stats);
}

/* Takes over what guest_refresh() has just read. */
static void take_mark(const struct guest *guest, struct mark *mark)
{
	free(mark->threads);
	mark->threads = xcalloc(guest->thread_count + 1, sizeof(*mark->threads));
	memcpy(mark->threads, guest->threads, guest->thread_count * sizeof(*mark->threads));
	mark->thread_count = guest->thread_count;
	mark->exits = guest->exits;
	mark->taken_ns = now_ns();
	take_stats(guest, mark);
}

static double growth(uint64_t before, uint64_t now)
{
	return before == GUEST_UNKNOWN || now == GUEST_UNKNOWN || now < before ? NAN : (double)(now - before);
}

static const struct guest_thread *thread_in(const struct mark *mark, const struct guest_thread *thread)
{
	for (unsigned int i = 0; i < mark->thread_count; i++)
		if (mark->threads[i].tid == thread->tid && mark->threads[i].start == thread->start)
			return &mark->threads[i];
	return NULL;
}

/* ---- one window of one guest ---------------------------------------------------------------- */

/* What its vCPU threads ran and waited, ms a second and thread. */
static void measure_threads(const struct mark *before, const struct mark *now, double seconds,
	double values[TRIAL_METRICS])
{
	double ran = 0, waited = 0, count = 0;

	for (unsigned int i = 0; i < now->thread_count; i++) {
		const struct guest_thread *thread = &now->threads[i], *earlier = thread_in(before, thread);

		if (thread->kind != THREAD_VCPU || !earlier)
			continue;
		ran += growth(earlier->cpu_ns, thread->cpu_ns);
		waited += growth(earlier->wait_ns, thread->wait_ns);
		count++;
	}
	values[TRIAL_CPU] = ran / 1e6 / seconds / count; /* of no thread: not a number */
	values[TRIAL_READY] = waited / 1e6 / seconds / count;
}

static double remote_share(const struct machine *machine, const struct guest *guest)
{
	struct idset home = home_of(machine, guest, NULL);
	struct guest_memory_map map;
	double share = NAN;

	if (machine->node_count < 2 || idset_empty(&home))
		return NAN;
	if (guest_map_read(guest, machine, SAMPLES, &map) == 0 && map.resident)
		share = 100 * (double)home_bytes_outside(machine, &map, &home) / (double)map.resident;
	guest_map_release(&map);
	return share;
}

static void measure(const struct trial_sampler *sampler, const struct guest *guest,
	const struct mark *before, const struct mark *now, double values[TRIAL_METRICS])
{
	double seconds = (double)(now->taken_ns - before->taken_ns) / 1e9;

	measure_threads(before, now, seconds, values);
	values[TRIAL_EXITS] = growth(before->exits, now->exits) / seconds / guest->vcpu_count;
	values[TRIAL_FAULTS] = growth(before->stats.major_faults, now->stats.major_faults) / seconds;
	values[TRIAL_SWAP] = (growth(before->stats.swap_in, now->stats.swap_in) +
		growth(before->stats.swap_out, now->stats.swap_out)) / 1024 / seconds;
	values[TRIAL_REMOTE] = remote_share(sampler->machine, guest);
}

/* ---- all guests ----------------------------------------------------------------------------- */

static void mark_guest(struct trial_sampler *sampler, unsigned int i, double values[TRIAL_METRICS])
{
	struct guest *guest = &sampler->list.guests[i];
	struct mark *mark = &sampler->marks[i], before = *mark;

	mark->threads = NULL;
	take_mark(guest, mark);
	if (values)
		measure(sampler, guest, &before, mark, values);
	free(before.threads);
}

/* Guests that are still there, and notes those that are not. */
static bool there(struct trial_sampler *sampler, unsigned int i)
{
	struct trial_guest *row = &sampler->data->guests[i];

	row->gone = row->gone || !guest_refresh(&sampler->root, &sampler->list.guests[i]);
	return !row->gone;
}

void trial_sampler_mark(struct trial_sampler *sampler)
{
	for (unsigned int i = 0; i < sampler->list.count; i++)
		if (there(sampler, i))
			mark_guest(sampler, i, NULL);
}

void trial_sampler_window(struct trial_sampler *sampler, enum trial_phase phase)
{
	unsigned int window = sampler->data->windows[phase]++;

	for (unsigned int i = 0; i < sampler->list.count; i++) {
		double values[TRIAL_METRICS] = {0};

		if (!there(sampler, i))
			continue;
		mark_guest(sampler, i, values);
		for (int metric = 0; metric < TRIAL_METRICS; metric++)
			sampler->data->guests[i].series[metric].values[phase][window] = values[metric];
	}
}

static void add_guest(struct trial_sampler *sampler, unsigned int i)
{
	const struct guest *guest = &sampler->list.guests[i];
	struct trial_guest *row = &sampler->data->guests[i];
	struct guest_stats stats;

	row->pid = guest->pid;
	row->start = guest->start;
	row->name = xstrdup(guest->name);
	row->vcpus = guest->vcpu_count;
	guest_read_stats(guest, QMP_MS, &stats);
	sampler->marks[i].talks = stats.swap_in != GUEST_UNKNOWN || stats.major_faults != GUEST_UNKNOWN;
}

struct trial_sampler *trial_sampler_new(const struct root *root, struct trial_data *data, struct error *err)
{
	struct machine *machine = machine_read(root, err);
	struct trial_sampler *sampler;

	if (!machine)
		return NULL;
	sampler = xcalloc(1, sizeof(*sampler));
	sampler->root = *root;
	sampler->machine = machine;
	sampler->data = data;
	if (root_is_live(root)) /* those of a captured machine do not run */
		guests_read(root, &sampler->list);
	data->guest_count = sampler->list.count;
	data->guests = xcalloc(data->guest_count + 1, sizeof(*data->guests));
	sampler->marks = xcalloc(data->guest_count + 1, sizeof(*sampler->marks));
	for (unsigned int i = 0; i < data->guest_count; i++)
		add_guest(sampler, i);
	return sampler;
}

void trial_sampler_free(struct trial_sampler *sampler)
{
	if (!sampler)
		return;
	for (unsigned int i = 0; i < sampler->list.count; i++)
		free(sampler->marks[i].threads);
	free(sampler->marks);
	guests_release(&sampler->list);
	machine_free(sampler->machine);
	free(sampler);
}

static bool known_guest(const struct trial_sampler *sampler, const struct guest *guest)
{
	for (unsigned int i = 0; i < sampler->data->guest_count; i++)
		if (sampler->data->guests[i].pid == guest->pid &&
			sampler->data->guests[i].start == guest->start)
			return true;
	return false;
}

char *trial_sampler_newcomers(const struct trial_sampler *sampler)
{
	struct guest_list list = {0};
	char *names = NULL;

	if (root_is_live(&sampler->root))
		guests_read(&sampler->root, &list);
	for (unsigned int i = 0; i < list.count; i++) {
		char *longer;

		if (known_guest(sampler, &list.guests[i]))
			continue;
		longer = xasprintf("%s%s%s", names ? names : "", names ? ", " : "", list.guests[i].name);
		free(names);
		names = longer;
	}
	guests_release(&list);
	return names;
}
