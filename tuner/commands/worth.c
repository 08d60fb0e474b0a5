// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune worth: what KSM would save, of which guest, before it is let loose on any. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/guest.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/command.h"
#include "tuner/interrupt.h"
#include "tuner/ksm/probe.h"

#define SECONDS     10
#define SECONDS_MAX 3600
#define TOO_FEW     8   /* equal pairs: an estimate that rests on fewer is a guess */

struct worth_options {
	struct command_common common;
	unsigned int seconds; /* between the looks */
};

static int set_interval(void *target, const char *text, struct error *err)
{
	char *end;
	unsigned long seconds = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !seconds || seconds > SECONDS_MAX)
		return error_set(err, EINVAL, "'%s' is no interval; write seconds, 1 to %d", text, SECONDS_MAX);
	((struct worth_options *)target)->seconds = (unsigned int)seconds;
	return 0;
}

static const struct option_row rows[] = {
	{ "interval", 'i', "SECONDS", "between the two looks at each page (10)", .set = set_interval },
	{ 0 },
};

/* A guest with its sample; @gone: it has ended, or its memory may not be read. */
struct row {
	const struct guest *guest;
	struct probe probe;
	bool gone;
};

struct table {
	struct row *rows;
	unsigned int count;
};

/* ---- looking -------------------------------------------------------------------------------- */

/* All guests, or those that are named. 0, or negative with @err: there is no such guest, its memory cannot be read. */
static int begin(const struct guest_list *guests, char **names, struct table *table, struct error *err)
{
	for (char **name = names; *name; name++)
		if (!guest_find(guests, *name))
			return error_set(err, ESRCH, "no guest %s runs", *name);
	table->rows = xcalloc(guests->count + 1, sizeof(*table->rows));
	for (unsigned int i = 0; i < guests->count; i++) {
		const struct guest *guest = &guests->guests[i];
		struct row *row = &table->rows[table->count];
		bool wanted = !*names;

		for (char **name = names; *name; name++)
			wanted = wanted || guest_find(guests, *name) == guest;
		if (!wanted)
			continue;
		row->guest = guest;
		table->count++;
		if (probe_begin(guest, &row->probe, err) < 0) {
			if (*names)
				return -EIO;
			row->gone = true; /* of all of them, the others are told */
		}
	}
	return 0;
}

/* False when it was interrupted. */
static bool wait_between(unsigned int seconds)
{
	struct timespec left = { .tv_sec = seconds };

	interrupt_watch();
	while (!interrupted() && nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return !interrupted();
}

static void look_again(struct table *table)
{
	for (unsigned int i = 0; i < table->count; i++)
		if (!table->rows[i].gone)
			table->rows[i].gone = probe_again(&table->rows[i].probe, NULL) < 0;
}

/* Fills @worths, those of guests that have ended stay 0. */
static void estimate(const struct table *table, struct worth *worths)
{
	struct worth_sample *samples = xcalloc(table->count + 1, sizeof(*samples));

	for (unsigned int i = 0; i < table->count; i++)
		if (!table->rows[i].gone)
			samples[i] = probe_sample(&table->rows[i].probe);
	worth_estimate(samples, table->count, probe_zero(), worths);
	free(samples);
}

/* ---- telling -------------------------------------------------------------------------------- */

static const char *verdict(const struct row *row, const struct worth *worth)
{
	if (row->gone)
		return "could not be looked at: it has ended, or you may not (root may)";
	if (!row->probe.count)
		return row->probe.elsewhere ? "not mergeable: its memory is a file's or of huge pages" : "has no memory yet";
	if (worth->profit <= 0)
		return "not worth it: scanning costs more memory than it saves";
	if (worth->matches < TOO_FEW && worth->zero * (double)row->probe.pages * KSM_PAGE <= (double)worth->metadata)
		return "a guess: too few equal pages were seen";
	return "worth it";
}

static const char *signed_size(char buf[SIZE_TEXT_MAX], int64_t bytes)
{
	char size[SIZE_TEXT_MAX];

	bytes = bytes / (int64_t)MIB * (int64_t)MIB;
	size_format(size, (uint64_t)(bytes < 0 ? -bytes : bytes));
	snprintf(buf, SIZE_TEXT_MAX, "%s%.*s", bytes < 0 ? "-" : "", SIZE_TEXT_MAX - 2, size);
	return buf;
}

static void print(const struct table *table, const struct worth *worths)
{
	char has[SIZE_TEXT_MAX], profit[SIZE_TEXT_MAX];

	if (!table->count)
		puts("no guest runs");
	else
		printf("%-20s %8s %7s %7s %7s %7s %8s  %s\n", "GUEST", "HAS", "STABLE", "ZERO", "COMMON", "TWIN",
			"PROFIT", "VERDICT");
	for (unsigned int i = 0; i < table->count; i++) {
		const struct row *row = &table->rows[i];
		const struct worth *worth = &worths[i];

		printf("%-20s %8s %6.0f%% %6.0f%% %6.0f%% %6.0f%% %8s  %s", row->guest->name,
			signed_size(has, (int64_t)(row->probe.pages * KSM_PAGE)), 100 * worth->stable, 100 * worth->zero,
			100 * worth->common, 100 * worth->twin, signed_size(profit, worth->profit), verdict(row, worth));
		if (worth->partner >= 0 && worth->profit > 0)
			printf("; most in common with %s", table->rows[worth->partner].guest->name);
		putchar('\n');
	}
}

static json_t *to_json(const struct table *table, const struct worth *worths)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < table->count; i++) {
		const struct row *row = &table->rows[i];
		const struct worth *worth = &worths[i];

		json_array_append_new(list, json_pack("{s:s, s:i, s:I, s:i, s:f, s:f, s:f, s:f, s:I, s:s*, s:I, s:I, s:I, s:s}",
			"name", row->guest->name, "pid", (int)row->guest->pid, "mergeable", (json_int_t)(row->probe.pages * KSM_PAGE),
			"sampled", (int)row->probe.count, "stable", worth->stable, "zero", worth->zero, "common", worth->common,
			"twin", worth->twin, "matches", (json_int_t)worth->matches,
			"partner", worth->partner >= 0 ? table->rows[worth->partner].guest->name : NULL,
			"saved", (json_int_t)worth->saved, "metadata", (json_int_t)worth->metadata,
			"profit", (json_int_t)worth->profit, "verdict", verdict(row, worth)));
	}
	return json_pack("{s:o}", "guests", list);
}

static int run(const struct worth_options *options, const struct guest_list *guests, char **names)
{
	struct table table = { 0 };
	struct worth *worths;
	struct error err;
	int status = begin(guests, names, &table, &err) < 0 ? command_failed("worth", &err) : EXIT_SUCCESS;

	if (status == EXIT_SUCCESS && table.count && !wait_between(options->seconds)) {
		error_set(&err, EINTR, "interrupted");
		status = command_failed("worth", &err);
	}
	if (status == EXIT_SUCCESS) {
		worths = xcalloc(table.count + 1, sizeof(*worths));
		look_again(&table);
		estimate(&table, worths);
		if (options->common.json)
			command_print_json(to_json(&table, worths));
		else
			print(&table, worths);
		free(worths);
	}
	for (unsigned int i = 0; i < table.count; i++)
		probe_release(&table.rows[i].probe);
	free(table.rows);
	return status;
}

int worth_command(int argc, char **argv)
{
	struct worth_options options = { .seconds = SECONDS };
	struct guest_list guests;
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	if (!root_is_live(&options.common.root)) {
		error_set(&err, ENOTSUP, "a captured machine has no memory to be looked at; leave --sysroot out");
		return command_failed(argv[0], &err);
	}
	guests_read(&options.common.root, &guests);
	status = run(&options, &guests, argv + operands);
	guests_release(&guests);
	return status;
}
