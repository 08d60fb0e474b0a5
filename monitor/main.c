/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmtop: the command line (man/vmtop.1). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/options.h"
#include "lib/version.h"
#include "monitor/live.h"

#define SAMPLES_DEFAULT 1024 /* three points either way with 95 % certainty, about 0.1 ms a guest */
#define ONCE_INTERVAL   0.5

struct options {
	struct live_config config;
	struct root root;
	unsigned int samples;
	bool once, batch, help, version;
};

/* ---- setters ---------------------------------------------------------------------------------- */

static int set_count(void *target, const char *text, struct error *err)
{
	char *end;
	long count = strtol(text, &end, 10);

	if (end == text || *end || count < 1)
		return error_set(err, EINVAL, "'%s' is not a number of samples, 1 or more", text);
	((struct options *)target)->config.count = count;
	return 0;
}

static int set_interval(void *target, const char *text, struct error *err)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600))
		return error_set(err, EINVAL, "'%s' is not a time; give seconds from 0.1 to 3600", text);
	((struct options *)target)->config.interval = seconds;
	return 0;
}

static int set_sort(void *target, const char *text, struct error *err)
{
	enum field_id field = field_find(text);

	if (field == FIELD_COUNT)
		return error_set(err, EINVAL, "'%s' is no column; use a head such as %%CPU or a member of "
			"--json such as cpu_percent", text);
	((struct options *)target)->config.sort = field;
	return 0;
}

static int set_samples(void *target, const char *text, struct error *err)
{
	char *end;
	unsigned long samples = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || samples > 10000000)
		return error_set(err, EINVAL, "'%s' is not a number of pages, 0 (all) to 10000000", text);
	((struct options *)target)->samples = (unsigned int)samples;
	return 0;
}

static int set_sysroot(void *target, const char *text, struct error *err)
{
	return root_init(&((struct options *)target)->root, text, err);
}

static const struct option_row rows[] = {
	{"once", '1', NULL, "print one frame and end", .at = offsetof(struct options, once)},
	{"batch", 'b', NULL, "print frames as text", .at = offsetof(struct options, batch)},
	{"count", 'n', "N", "end after N samples", .set = set_count},
	{"delay", 'd', "SECONDS", "time between samples (1)", .set = set_interval},
	{"json", 0, NULL, "print one JSON object a sample", .at = offsetof(struct options, config.json)},
	{"sort", 's', "COLUMN", "order of the rows (%CPU)", .set = set_sort},
	{"pages", 0, "N", "pages asked for a guest's node shares, 0 all (1024)", .set = set_samples},
	{"sysroot", 0, "DIR", "read /proc and /sys of a captured machine", .set = set_sysroot},
	{"help", 'h', NULL, "print this", .at = offsetof(struct options, help)},
	{"version", 0, NULL, "print the version", .at = offsetof(struct options, version)},
	{0},
};

/* ---- main ------------------------------------------------------------------------------------- */

/* A descriptor is kept for each vCPU of QEMU and vmm. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* What follows from the combination of options. */
static void complete(struct options *options)
{
	if (options->once || (options->config.json && !options->batch && !options->config.count))
		options->config.count = 1;
	if (options->once || options->config.json)
		options->batch = true;
	if (!options->config.interval)
		options->config.interval = options->config.count == 1 && options->batch ? ONCE_INTERVAL : 1;
}

int main(int argc, char **argv)
{
	struct options options = { .config = { .sort = FIELD_CPU }, .samples = SAMPLES_DEFAULT };
	struct sampler *sampler;
	struct error err = {{0}};
	int operands, result;

	result = options_parse(argc, argv, rows, &options, 0, &operands, &err);
	if (!result && operands < argc)
		result = error_set(&err, EINVAL, "unexpected argument '%s'; --help lists the options",
			argv[operands]);
	if (result < 0) {
		warn("%s", err.text);
		return EXIT_USAGE;
	}
	if (options.help) {
		printf("usage: vmtop [OPTION]...\nShows the KVM guests of this machine, whoever runs them.\n\n");
		options_help(rows);
		return EXIT_SUCCESS;
	}
	if (options.version) {
		puts("vmtop " VMTUNE_VERSION);
		return EXIT_SUCCESS;
	}
	complete(&options);
	raise_file_limit();
	sampler = sampler_new(&options.root, options.samples, &err);
	if (!sampler)
		die("%s", err.text);
	if (options.batch) {
		result = batch_run(sampler, &options.config, &err);
		sampler_free(sampler);
	} else {
		result = live_run(sampler, &options.config, &err);
	}
	if (result < 0)
		die("%s", err.text);
	return EXIT_SUCCESS;
}
