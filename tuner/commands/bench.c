// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune bench: options and frame; the measuring is in bench/host.c and bench/vm.c. */
#include <errno.h>
#include <string.h>

#include "lib/size.h"
#include "tuner/bench/bench.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/interrupt.h"

#define ROUNDS_DEFAULT 7 /* six pairs are the fewest with a 95 % interval */
#define SIZE_DEFAULT   (256 * MIB)
#define THREADS_MAX    64
#define SECONDS_MAX    600

struct bench_command_options {
	struct command_common common;
	struct bench_options bench;
};

static struct bench_options *of(void *target)
{
	return &((struct bench_command_options *)target)->bench;
}

static int number(const char *text, long min, long max, unsigned int *value, struct error *err)
{
	char *end;
	long parsed = strtol(text, &end, 10);

	if (end == text || *end || parsed < min || parsed > max)
		return error_set(err, EINVAL, "'%s' is not a number from %ld to %ld", text, min, max);
	*value = (unsigned int)parsed;
	return 0;
}

static int set_rounds(void *target, const char *text, struct error *err)
{
	return number(text, 1, STATS_PAIRS_MAX, &of(target)->rounds, err);
}

static int set_threads(void *target, const char *text, struct error *err)
{
	return number(text, 1, THREADS_MAX, &of(target)->guest.threads, err);
}

static int set_size(void *target, const char *text, struct error *err)
{
	int status = size_parse(text, &of(target)->guest.size, err);

	if (status >= 0 && (of(target)->guest.size < MIB || of(target)->guest.size % MIB))
		return error_set(err, EINVAL, "'%s' is not a multiple of 1M", text);
	return status;
}

static int set_seconds(void *target, const char *text, struct error *err)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.001) || seconds > SECONDS_MAX)
		return error_set(err, EINVAL, "'%s' is not a time from 0.001 to %d seconds", text,
			SECONDS_MAX);
	of(target)->guest.seconds = seconds;
	return 0;
}

static int set_job(void *target, const char *text, struct error *err)
{
	if (strcmp(text, "latency") && strcmp(text, "triad"))
		return error_set(err, EINVAL, "'%s' is neither latency nor triad", text);
	of(target)->guest.job = text;
	return 0;
}

static const struct option_row rows[] = {
	{"rounds", 'n', "N", "measurements of each arm (7; from 6 on the interval covers 95 %)",
		.set = set_rounds},
	{"seconds", 's', "S", "length of one measurement (1)", .set = set_seconds},
	{"job", 'j', "JOB", "latency (pointer chase) or triad (bandwidth)", .set = set_job},
	{"size", 'm', "SIZE", "working set of the guest (256M)", .set = set_size},
	{"threads", 't', "N", "threads of the guest, each on a vCPU (1)", .set = set_threads},
	{"no-load", 0, NULL, "leave out the comparisons beside a load",
		.at = offsetof(struct bench_command_options, bench.no_load)},
	{"vm", 0, "NAME", "measure this running guest with the command after --",
		.at = offsetof(struct bench_command_options, bench.vm)},
	{0},
};

static int find_programs(struct bench_guest *guest, struct error *err)
{
	static char elf[PATH_MAX];
	struct action_context context;
	struct root live = {.dir = ""};

	context_init(&context, &live);
	guest->vmm = context.vmm;
	guest->elf = context_find(elf, "guest.elf", "../share/vmtune/guest.elf");
	guest->counter = getenv("VMTUNE_ACCESS_COUNTER");
	if (!guest->elf)
		return error_set(err, ENOENT, "guest.elf is neither beside vmtune nor in ../share/vmtune");
	return 0;
}

static int run(struct bench_options *options, json_t *results, json_t *notes, struct error *err)
{
	int status;

	if (!root_is_live(&options->common->root))
		return error_set(err, ENOTSUP, "a captured machine cannot be measured");
	interrupt_watch();
	if (options->vm)
		return bench_vm(options, results, notes, err);
	status = find_programs(&options->guest, err);
	return status < 0 ? status : bench_host(options, results, notes, err);
}

int bench_command(int argc, char **argv)
{
	struct bench_command_options options = {.bench = {.rounds = ROUNDS_DEFAULT,
		.guest = {.job = "latency", .size = SIZE_DEFAULT, .seconds = 1, .threads = 1}}};
	json_t *results, *notes;
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	options.bench.common = &options.common;
	options.bench.command = argv + operands;
	if (!options.bench.vm != !argv[operands]) {
		error_set(&err, EINVAL, "--vm NAME and a command after -- go together");
		command_failed(argv[0], &err);
		return EXIT_USAGE;
	}
	results = json_array();
	notes = json_array();
	status = run(&options.bench, results, notes, &err);
	if (options.common.json && status >= 0)
		command_print_json(json_pack("{s:O, s:O}", "results", results, "notes", notes));
	json_decref(results);
	json_decref(notes);
	return status < 0 ? command_failed(argv[0], &err) : EXIT_SUCCESS;
}
