// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One run of the benchmark guest in vmm, and the figure it printed. Where a counter of memory accesses
 * is given (the lab's simulator has one), the figure is the share of remote accesses instead of
 * time: a simulator's time says nothing about memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/bench/bench.h"
#include "tuner/capture.h"

#define GUEST_OWN   (64 * MIB) /* below the pool: image, page tables, rounding */
#define START_MS    60000      /* beside the measurement: start, building the chain */
#define ARGS_MAX    32

/* ---- the guest ------------------------------------------------------------------------------ */

static const struct {
	const char *job, *field, *unit;
	bool more_is_better;
} jobs[] = {
	{"latency", "ns_per_step", "ns per access", false},
	{"triad", "MiB_per_s", "MiB/s", true},
};

static size_t job_of(const struct bench_guest *guest)
{
	return strcmp(guest->job, "triad") ? 0 : 1;
}

uint64_t bench_guest_memory(const struct bench_guest *guest)
{
	return (guest->size + GUEST_OWN + 2 * MIB - 1) / (2 * MIB) * (2 * MIB);
}

const char *bench_guest_unit(const struct bench_guest *guest)
{
	return guest->counter ? "% of accesses remote" : jobs[job_of(guest)].unit;
}

struct arguments {
	char *list[ARGS_MAX + 1];
	unsigned int count;
};

static void add(struct arguments *arguments, const char *option, char *value)
{
	arguments->list[arguments->count++] = xstrdup(option);
	if (value)
		arguments->list[arguments->count++] = value;
}

static void release(struct arguments *arguments)
{
	for (unsigned int i = 0; i < arguments->count; i++)
		free(arguments->list[i]);
}

static char *numa_text(const struct bench_guest *guest, const struct bench_place *place)
{
	char *home = place->memory_node < 0 ? xstrdup("") : xasprintf(",host-node=%d", place->memory_node);
	char *text = xasprintf("cpus=0-%u,memory=%" PRIu64 "M%s%s", guest->threads - 1,
		bench_guest_memory(guest) / MIB, home, place->page_size > 4 * KIB ? ",pages=2M" : "");

	free(home);
	return text;
}

static char *pin_text(const struct bench_guest *guest, const struct bench_place *place)
{
	char *text = xasprintf("0=%u", place->cpus[0]);

	for (unsigned int i = 1; i < guest->threads; i++) {
		char *longer = xasprintf("%s,%u=%u", text, i, place->cpus[i]);

		free(text);
		text = longer;
	}
	return text;
}

static void make_arguments(const struct bench_guest *guest, const struct bench_place *place,
	struct arguments *arguments)
{
	add(arguments, guest->vmm, NULL);
	add(arguments, "--name", xstrdup("vmtune-bench"));
	add(arguments, "--kernel", xstrdup(guest->elf));
	add(arguments, "--append", xasprintf("job=%s size=%" PRIu64 "M threads=%u seconds=%.3f", guest->job,
		guest->size / MIB, guest->threads, guest->seconds));
	add(arguments, "--cpus", xasprintf("%u", guest->threads));
	add(arguments, "--numa", numa_text(guest, place));
	if (place->pinned)
		add(arguments, "--pin", pin_text(guest, place));
	add(arguments, "--serial", xstrdup("stdio"));
}

/* The figure in the line {"event":"result",...}; an error of the guest is in {"event":"error"}. */
static int read_result(const struct bench_guest *guest, char *output, double *value, struct error *err)
{
	const char *field = jobs[job_of(guest)].field;
	char *rest = NULL;
	bool found = false;

	for (char *line = strtok_r(output, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
		json_t *json = json_loads(line, 0, NULL);
		const char *event = json_string_value(json_object_get(json, "event"));
		const char *error = json_string_value(json_object_get(json, "error"));

		if (event && !strcmp(event, "error"))
			error_set(err, EIO, "the guest says: %s", error ? error : line);
		if (event && !strcmp(event, "result") && json_object_get(json, field)) {
			*value = json_number_value(json_object_get(json, field));
			found = true;
		}
		json_decref(json);
	}
	return found ? 0 : -EIO;
}

/* ---- counted accesses ----------------------------------------------------------------------- */

struct accesses {
	uint64_t local, remote;
};

static int read_counter(const char *path, struct accesses *accesses, struct error *err)
{
	FILE *file = fopen(path, "r");
	int got = file ? fscanf(file, "local %" SCNu64 " remote %" SCNu64, &accesses->local,
		&accesses->remote) : 0;

	if (file)
		fclose(file);
	if (got == 2)
		return 0;
	error_set(err, EIO, "%s does not say 'local N remote M'", path);
	return -EIO;
}

static int remote_share(const char *path, const struct accesses *before, double *value, struct error *err)
{
	struct accesses after;
	int status = read_counter(path, &after, err);
	uint64_t local, remote;

	if (status < 0)
		return status;
	local = after.local - before->local;
	remote = after.remote - before->remote;
	if (!(local + remote))
		return error_set(err, ENODATA, "%s counted no access of the guest", path);
	*value = 100.0 * (double)remote / (double)(local + remote);
	return 0;
}

int bench_guest_run(const struct bench_guest *guest, const struct bench_place *place, double *value,
	struct error *err)
{
	struct arguments arguments = {0};
	struct accesses before = {0};
	char *output = NULL;
	int status = guest->counter ? read_counter(guest->counter, &before, err) : 0;

	if (status < 0)
		return status;
	make_arguments(guest, place, &arguments);
	status = capture_text(arguments.list, START_MS + (int)(guest->seconds * 1000), &output, err);
	release(&arguments);
	if (status < 0)
		return status;
	error_set(err, EIO, "the guest printed no result");
	status = read_result(guest, output, value, err);
	free(output);
	if (status >= 0 && guest->counter)
		status = remote_share(guest->counter, &before, value, err);
	return status;
}
