/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes samples. What it costs decides how often a thing is read:
 *   every sample     threads, memory sizes, KVM exits, host files, 1024 pages a guest (move_pages)
 *   DISCOVER_MS      a walk over all descriptors of all processes, for new guests
 *   HUGE_MS          smaps_rollup, which holds the guest's mmap lock; one guest a sample
 *   BALLOON_MS       one guest a sample by QMP; one that did not answer is left alone for QUIET_MS
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/proc.h"
#include "lib/xalloc.h"
#include "monitor/sample.h"

#define DISCOVER_MS    3000
#define HUGE_MS        10000
#define BALLOON_MS     5000
#define QUIET_MS       60000
#define QMP_TIMEOUT_MS 100  /* a sample waits no longer than this for the one guest it asks */
#define QMP_PATIENT_MS 1000 /* for the single frame that asks everybody and comes not again */

/* What is remembered of a guest between samples, beside struct guest. */
struct memory {
	pid_t pid;
	uint64_t start;
	uint64_t huge_due, balloon_due; /* next time, CLOCK_MONOTONIC ms */
	uint64_t anon_huge, balloon;
	bool seen;
};

struct sampler {
	struct root root;
	struct machine *machine;
	struct guest_list guests;
	struct memory *memories;
	unsigned int memory_count;
	unsigned int samples;
	uint64_t discover_due;
	pid_t ksmd;
};

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

struct sampler *sampler_new(const struct root *root, unsigned int samples, struct error *err)
{
	struct machine *machine = machine_read(root, err);
	struct sampler *sampler;

	if (!machine)
		return NULL;
	sampler = xcalloc(1, sizeof(*sampler));
	sampler->root = *root;
	sampler->machine = machine;
	sampler->samples = samples;
	sampler->ksmd = ksm_daemon(root);
	return sampler;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	machine_free(sampler->machine);
	guests_release(&sampler->guests);
	free(sampler->memories);
	free(sampler);
}

/* ---- slow questions --------------------------------------------------------------------------- */

static struct memory *memory_of(struct sampler *sampler, const struct guest *guest)
{
	struct memory *memory;

	for (unsigned int i = 0; i < sampler->memory_count; i++)
		if (sampler->memories[i].pid == guest->pid && sampler->memories[i].start == guest->start)
			return &sampler->memories[i];
	sampler->memories = xreallocarray(sampler->memories, sampler->memory_count + 1, sizeof(*memory));
	memory = &sampler->memories[sampler->memory_count++];
	*memory = (struct memory){ .pid = guest->pid, .start = guest->start, .balloon = GUEST_UNKNOWN,
		.anon_huge = guest->anon_huge };
	return memory;
}

static void forget_ended(struct sampler *sampler)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < sampler->memory_count; i++)
		if (sampler->memories[i].seen) {
			sampler->memories[kept] = sampler->memories[i];
			sampler->memories[kept++].seen = false;
		}
	sampler->memory_count = kept;
}

static void ask_balloon(struct guest *guest, struct memory *memory, uint64_t now_ms, int timeout_ms)
{
	guest_refresh_balloon(guest, timeout_ms);
	memory->balloon = guest->balloon;
	memory->balloon_due = now_ms + (guest->balloon == GUEST_UNKNOWN ? QUIET_MS : BALLOON_MS);
}

static void ask_huge(const struct sampler *sampler, struct guest *guest, struct memory *memory,
	uint64_t now_ms)
{
	guest_refresh_huge(&sampler->root, guest);
	memory->anon_huge = guest->anon_huge;
	memory->huge_due = now_ms + HUGE_MS;
}

static void ask_slowly(struct sampler *sampler, uint64_t now_ms, bool all)
{
	bool huge_asked = false, balloon_asked = false;

	for (unsigned int i = 0; i < sampler->guests.count; i++) {
		struct guest *guest = &sampler->guests.guests[i];
		struct memory *memory = memory_of(sampler, guest);

		memory->seen = true;
		if (guest->qmp && (all || (!balloon_asked && memory->balloon_due <= now_ms))) {
			ask_balloon(guest, memory, now_ms, all ? QMP_PATIENT_MS : QMP_TIMEOUT_MS);
			balloon_asked = true;
		}
		if (all || (!huge_asked && memory->huge_due <= now_ms)) {
			ask_huge(sampler, guest, memory, now_ms);
			huge_asked = true;
		}
		guest->balloon = memory->balloon;
		guest->anon_huge = memory->anon_huge;
	}
	forget_ended(sampler);
}

static void drop_guest(struct guest_list *list, unsigned int index)
{
	struct guest_list one = { .guests = xcalloc(1, sizeof(struct guest)), .count = 1 };

	one.guests[0] = list->guests[index];
	list->guests[index] = list->guests[--list->count];
	guests_release(&one);
}

/* ---- copying ---------------------------------------------------------------------------------- */

static void *copy_array(const void *from, size_t count, size_t size)
{
	void *to = xcalloc(count ? count : 1, size);

	if (count)
		memcpy(to, from, count * size);
	return to;
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static void copy_guest(const struct sampler *sampler, const struct guest *from, struct guest_sample *to)
{
	struct guest_memory_map map;

	to->taken_ns = monotonic_ns();
	to->guest = *from;
	to->guest.handles = NULL;
	to->guest.argv = NULL;
	to->guest.name = copy_text(from->name);
	to->guest.vmm = copy_text(from->vmm);
	to->guest.qmp = copy_text(from->qmp);
	to->guest.cgroup = copy_text(from->cgroup);
	to->guest.threads = copy_array(from->threads, from->thread_count, sizeof(*from->threads));
	to->guest.ram = copy_array(from->ram, from->ram_count, sizeof(*from->ram));
	to->map_error = guest_map_read(from, sampler->machine, sampler->samples, &map);
	to->map_exact = map.exact;
	to->node_count = map.node_count;
	if (!to->map_error)
		to->node_bytes = copy_array(map.node_bytes, map.node_count, sizeof(*map.node_bytes));
	guest_map_release(&map);
}

static void copy_nodes(const struct machine *machine, struct sample *sample)
{
	sample->node_count = machine->node_count;
	sample->nodes = xcalloc(machine->node_count, sizeof(*sample->nodes));
	for (unsigned int i = 0; i < machine->node_count; i++) {
		const struct machine_node *node = &machine->nodes[i];
		struct node_sample *copy = &sample->nodes[i];

		copy->os = node->os;
		copy->total = node->memory;
		copy->free = node->free;
		copy->available = node->available;
		copy->pool_count = node->pool_count;
		memcpy(copy->pools, node->pools, sizeof(copy->pools));
	}
}

static void read_host(struct sampler *sampler, struct sample *sample)
{
	const struct root *root = &sampler->root;
	struct proc_stat ksmd;
	char load[64];

	sample->cpus = idset_count(&sampler->machine->online);
	sample->cpu_known = cpustat_read(root, &sample->cpu) == 0;
	sample->load1 = root_read_line(root, load, sizeof(load), "/proc/loadavg") > 0 ? strtod(load, NULL)
										       : NAN;
	meminfo_read(root, &sample->memory);
	ksm_read(root, &sample->ksm);
	sample->ksmd_ns = GUEST_UNKNOWN;
	if (sampler->ksmd && !proc_stat_read(root, sampler->ksmd, 0, &ksmd))
		sample->ksmd_ns = ksmd.cpu_ns;
	psi_read(root, "/proc/pressure/cpu", &sample->psi_cpu);
	psi_read(root, "/proc/pressure/memory", &sample->psi_memory);
	psi_read(root, "/proc/pressure/io", &sample->psi_io);
	machine_refresh(sampler->machine, root);
	copy_nodes(sampler->machine, sample);
}

struct sample *sampler_take(struct sampler *sampler, bool all)
{
	struct sample *sample = xcalloc(1, sizeof(*sample));
	uint64_t now_ms = monotonic_ns() / 1000000;
	struct timespec wall;

	/* What is slow first: it must not fall between a clock and the counters it belongs to. */
	if (all || sampler->discover_due <= now_ms) {
		guests_update(&sampler->root, &sampler->guests);
		sampler->discover_due = now_ms + DISCOVER_MS;
	}
	ask_slowly(sampler, now_ms, all);
	sample->taken_ns = monotonic_ns();
	clock_gettime(CLOCK_REALTIME, &wall);
	sample->epoch = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
	read_host(sampler, sample);
	sample->hidden = sampler->guests.hidden;
	sample->guests = xcalloc(sampler->guests.count ? sampler->guests.count : 1,
		sizeof(*sample->guests));
	for (unsigned int i = sampler->guests.count; i > 0; i--) {
		if (guest_refresh(&sampler->root, &sampler->guests.guests[i - 1]))
			copy_guest(sampler, &sampler->guests.guests[i - 1],
				&sample->guests[sample->guest_count++]);
		else
			drop_guest(&sampler->guests, i - 1);
	}
	return sample;
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	for (unsigned int i = 0; i < sample->guest_count; i++) {
		free(sample->guests[i].guest.name);
		free(sample->guests[i].guest.vmm);
		free(sample->guests[i].guest.qmp);
		free(sample->guests[i].guest.cgroup);
		free(sample->guests[i].guest.threads);
		free(sample->guests[i].guest.ram);
		free(sample->guests[i].node_bytes);
	}
	free(sample->guests);
	free(sample->nodes);
	free(sample);
}
