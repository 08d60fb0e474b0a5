// SPDX-License-Identifier: GPL-2.0-or-later
/* Pairs: taking them, and what they say. */
#include "tuner/bench/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/command.h"

#define VERDICT_COVERAGE 0.9 /* five rounds give 94 %; an interval of fewer says nothing */

int bench_take(struct bench_pair *pair, bench_measure *measure, void *opaque, struct error *err)
{
	for (unsigned int round = 0; round < pair->rounds; round++)
		for (int arm = 0; arm < 2; arm++) {
			int status = measure(opaque, arm, &pair->values[arm][round], err);

			if (status < 0) {
				error_prefix(err, "%s, %s", pair->name, pair->arms[arm]);
				return status;
			}
		}
	return 0;
}

/* The difference in words, as a share of B. The caller frees. */
static char *verdict(const struct bench_pair *pair, const struct stats_ratio *ratio)
{
	double gain = pair->more_is_better ? ratio->estimate - 1 : 1 / ratio->estimate - 1;

	if (!stats_differs(ratio))
		return xstrdup("no difference");
	if (ratio->coverage < VERDICT_COVERAGE)
		return xstrdup("too few rounds for a verdict");
	if (gain >= 0)
		return xasprintf("%s is %.1f %% faster than %s", pair->arms[0], gain * 100, pair->arms[1]);
	return xasprintf("%s is %.1f %% slower than %s", pair->arms[0], -gain * 100, pair->arms[1]);
}

static double median(const struct bench_pair *pair, int arm)
{
	return stats_median(pair->values[arm], pair->rounds);
}

static bool ratio_of(const struct bench_pair *pair, struct stats_ratio *ratio)
{
	return !pair->shares && stats_ratio(pair->values[0], pair->values[1], pair->rounds, ratio);
}

void bench_print(const struct bench_pair *pair)
{
	struct stats_ratio ratio;
	char *words;

	printf("%s: %s %.4g, %s %.4g %s", pair->name, pair->arms[0], median(pair, 0), pair->arms[1],
		median(pair, 1), pair->unit);
	if (ratio_of(pair, &ratio)) {
		words = verdict(pair, &ratio);
		printf("; ratio %.3f (%.0f %% interval %.3f to %.3f): %s", ratio.estimate,
			ratio.coverage * 100, ratio.low, ratio.high, words);
		free(words);
	}
	printf("\n");
	fflush(stdout);
}

static json_t *values_json(const struct bench_pair *pair, int arm)
{
	json_t *values = json_array();

	for (unsigned int i = 0; i < pair->rounds; i++)
		json_array_append_new(values, json_real(pair->values[arm][i]));
	return values;
}

json_t *bench_to_json(const struct bench_pair *pair)
{
	json_t *json = json_pack("{s:s, s:s, s:i}", "name", pair->name, "unit", pair->unit, "rounds",
		(int)pair->rounds);
	json_t *arms = json_array();
	struct stats_ratio ratio;
	char *words;

	for (int arm = 0; arm < 2; arm++)
		json_array_append_new(arms, json_pack("{s:s, s:f, s:o}", "name", pair->arms[arm],
			"median", median(pair, arm), "values", values_json(pair, arm)));
	json_object_set_new(json, "arms", arms);
	if (ratio_of(pair, &ratio)) {
		words = verdict(pair, &ratio);
		json_object_set_new(json, "ratio", json_pack("{s:f, s:f, s:f, s:f}", "estimate",
			ratio.estimate, "low", ratio.low, "high", ratio.high, "coverage",
			ratio.coverage));
		json_object_set_new(json, "verdict", json_string(words));
		free(words);
	}
	return json;
}

int bench_do(struct bench_options *options, struct bench_pair *pair, bench_measure *measure, void *opaque,
	json_t *results, struct error *err)
{
	int status;

	pair->rounds = options->rounds;
	status = bench_take(pair, measure, opaque, err);
	if (status < 0)
		return status;
	if (!options->common->json)
		bench_print(pair);
	json_array_append_new(results, bench_to_json(pair));
	return 0;
}

static void note(const struct bench_options *options, json_t *notes, const char *fmt, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, args);
	if (!options->common->json)
		printf("note: %s\n", text);
	json_array_append_new(notes, json_string(text));
}

void bench_note(const struct bench_options *options, json_t *notes, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note(options, notes, fmt, args);
	va_end(args);
}
