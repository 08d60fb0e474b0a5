// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a trial's figures mean. Two samples are compared by Mann and Whitney's test (stats.c), which
 * assumes nothing of how the values are spread, only that windows of one phase are alike.
 */
#include "tuner/trial/trial.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define COVERAGE 0.95

/*
 * A difference counts when the whole interval is at least @threshold away from 0. The thresholds are what
 * an administrator would notice: a hundredth of a CPU, one page in fifty, 25 pages a second.
 */
static const struct metric {
	const char *name, *id, *unit;
	enum trial_better better;
	bool decides;
	double threshold;
} metrics[] = {
	[TRIAL_COMMAND] = {"the command's number", "command", "", TRIAL_NEITHER, true, 0},
	[TRIAL_READY] = {"ready time", "ready", " ms/s a vCPU", TRIAL_LOWER, true, 10},
	[TRIAL_REMOTE] = {"remote memory", "remote", " %", TRIAL_LOWER, true, 2},
	[TRIAL_SWAP] = {"swapping in the guest", "guest-swap", " KiB/s", TRIAL_LOWER, true, 100},
	[TRIAL_FAULTS] = {"major faults in the guest", "guest-faults", " /s", TRIAL_NEITHER, false, 0},
	[TRIAL_EXITS] = {"exits", "exits", " /s a vCPU", TRIAL_NEITHER, false, 0},
	[TRIAL_CPU] = {"CPU used", "cpu", " ms/s a vCPU", TRIAL_NEITHER, false, 0},
};
static_assert(sizeof(metrics) / sizeof(metrics[0]) == TRIAL_METRICS, "a row for each figure");

static const struct {
	const char *name, *figure, *verdict; /* the last two for people */
} outcomes[] = {
	[TRIAL_UNKNOWN] = {"unknown", "too few windows to tell", "it cannot be told"},
	[TRIAL_SAME] = {"same", "no difference that could be told from noise",
		"no difference that could be told from noise"},
	[TRIAL_SMALL] = {"small", NULL, "no difference that matters"},
	[TRIAL_CHANGED] = {"changed", "changed, which does not decide", ""},
	[TRIAL_BETTER] = {"better", "better", "better"},
	[TRIAL_WORSE] = {"worse", "worse", "worse"},
};

void trial_data_release(struct trial_data *data)
{
	for (unsigned int i = 0; i < data->guest_count; i++)
		free(data->guests[i].name);
	free(data->guests);
	*data = (struct trial_data){0};
}

/* ---- one figure ----------------------------------------------------------------------------- */

static bool known_in(const struct trial_series *series, enum trial_phase phase, unsigned int windows)
{
	for (unsigned int i = 0; i < windows; i++)
		if (!isfinite(series->values[phase][i]))
			return false;
	return windows > 0;
}

static bool known(const struct trial_series *series, const unsigned int windows[2])
{
	return known_in(series, TRIAL_BEFORE, windows[TRIAL_BEFORE]) &&
		known_in(series, TRIAL_AFTER, windows[TRIAL_AFTER]);
}

static enum trial_outcome outcome_of(const struct stats_shift *shift, double threshold,
	enum trial_better better)
{
	double least; /* the end of the interval next to 0 */

	if (shift->coverage < COVERAGE)
		return TRIAL_UNKNOWN;
	if (shift->low <= 0 && shift->high >= 0)
		return TRIAL_SAME;
	if (better == TRIAL_NEITHER)
		return TRIAL_CHANGED;
	least = shift->low > 0 ? shift->low : shift->high;
	if (fabs(least) < threshold)
		return TRIAL_SMALL;
	return (least > 0) == (better == TRIAL_HIGHER) ? TRIAL_BETTER : TRIAL_WORSE;
}

void trial_compare(enum trial_metric metric, const struct trial_series *series,
	const unsigned int windows[2], enum trial_better command_better,
	struct trial_comparison *comparison)
{
	const struct metric *row = &metrics[metric];

	*comparison = (struct trial_comparison){0};
	if (!known(series, windows) ||
		!stats_shift(series->values[TRIAL_BEFORE], windows[TRIAL_BEFORE],
			series->values[TRIAL_AFTER], windows[TRIAL_AFTER], &comparison->shift))
		return;
	comparison->known = true;
	for (int phase = TRIAL_BEFORE; phase <= TRIAL_AFTER; phase++)
		comparison->medians[phase] = stats_median(series->values[phase], windows[phase]);
	comparison->outcome = outcome_of(&comparison->shift, row->threshold,
		metric == TRIAL_COMMAND ? command_better : row->better);
}

/* ---- all guests ----------------------------------------------------------------------------- */

void trial_total(const struct trial_data *data, enum trial_metric metric, struct trial_series *total)
{
	double weight = 0;

	*total = (struct trial_series){0};
	for (unsigned int i = 0; i < data->guest_count; i++) {
		const struct trial_guest *guest = &data->guests[i];

		if (guest->gone || !known(&guest->series[metric], data->windows))
			continue;
		weight += guest->vcpus;
		for (int phase = TRIAL_BEFORE; phase <= TRIAL_AFTER; phase++)
			for (unsigned int w = 0; w < data->windows[phase]; w++)
				total->values[phase][w] += guest->vcpus * guest->series[metric].values[phase][w];
	}
	for (int phase = TRIAL_BEFORE; phase <= TRIAL_AFTER; phase++)
		for (unsigned int w = 0; w < data->windows[phase]; w++)
			total->values[phase][w] /= weight; /* of no guest: not a number */
}

bool trial_decidable(const struct trial_data *data)
{
	for (unsigned int i = 0; i < data->guest_count; i++)
		for (int metric = 0; metric < TRIAL_METRICS; metric++)
			if (metric != TRIAL_COMMAND && metrics[metric].decides && !data->guests[i].gone &&
				known_in(&data->guests[i].series[metric], TRIAL_BEFORE,
					data->windows[TRIAL_BEFORE]))
				return true;
	return false;
}

enum trial_outcome trial_judge(const struct trial_comparison comparisons[TRIAL_METRICS], bool command)
{
	enum trial_outcome verdict = TRIAL_UNKNOWN;

	if (command)
		return comparisons[TRIAL_COMMAND].outcome;
	for (int metric = 0; metric < TRIAL_METRICS; metric++)
		if (metrics[metric].decides && comparisons[metric].outcome > verdict)
			verdict = comparisons[metric].outcome;
	return verdict;
}

bool trial_keeps(enum trial_outcome verdict)
{
	return verdict != TRIAL_WORSE && verdict != TRIAL_UNKNOWN;
}

/* ---- for people ----------------------------------------------------------------------------- */

const char *trial_outcome_name(enum trial_outcome outcome)
{
	return outcomes[outcome].name;
}

const char *trial_verdict_text(enum trial_outcome verdict)
{
	return outcomes[verdict].verdict;
}

static char *outcome_text(const struct metric *metric, enum trial_outcome outcome)
{
	if (outcome == TRIAL_SMALL)
		return xasprintf("not surely as much as %g%s", metric->threshold, metric->unit);
	return xstrdup(outcomes[outcome].figure);
}

char *trial_comparison_text(enum trial_metric metric, const struct trial_comparison *comparison)
{
	const struct metric *row = &metrics[metric];
	const double *medians = comparison->medians;
	const struct stats_shift *shift = &comparison->shift;
	char *outcome = outcome_text(row, comparison->outcome), share[32] = "", *text;

	if (medians[TRIAL_BEFORE] > 0)
		snprintf(share, sizeof(share), ", %+.0f %%",
			100 * (medians[TRIAL_AFTER] / medians[TRIAL_BEFORE] - 1));
	text = xasprintf("%s: %.4g -> %.4g%s%s (difference %+.3g, %.0f %% interval %.3g to %.3g): %s",
		row->name, medians[TRIAL_BEFORE], medians[TRIAL_AFTER], row->unit, share,
		shift->estimate, shift->coverage * 100, shift->low, shift->high, outcome);
	free(outcome);
	return text;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *values_json(const struct trial_series *series, enum trial_phase phase, unsigned int count)
{
	json_t *values = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(values, json_real(series->values[phase][i]));
	return values;
}

static json_t *figure_json(enum trial_metric metric, const struct trial_series *series,
	const unsigned int windows[2], const struct trial_comparison *comparison)
{
	const struct stats_shift *shift = &comparison->shift;

	return json_pack("{s:s, s:b, s:{s:f, s:o}, s:{s:f, s:o}, s:{s:f, s:f, s:f, s:f}, s:s}",
		"figure", metrics[metric].id, "decides", metrics[metric].decides,
		"before", "median", comparison->medians[TRIAL_BEFORE], "values",
		values_json(series, TRIAL_BEFORE, windows[TRIAL_BEFORE]),
		"after", "median", comparison->medians[TRIAL_AFTER], "values",
		values_json(series, TRIAL_AFTER, windows[TRIAL_AFTER]),
		"difference", "estimate", shift->estimate, "low", shift->low, "high", shift->high,
		"coverage", shift->coverage, "outcome", outcomes[comparison->outcome].name);
}

static json_t *guest_json(const struct trial_data *data, const struct trial_guest *guest)
{
	json_t *figures = json_array();

	for (int metric = 0; metric < TRIAL_METRICS && !guest->gone; metric++) {
		const struct trial_series *series = &guest->series[metric];
		struct trial_comparison comparison;

		trial_compare((enum trial_metric)metric, series, data->windows, TRIAL_NEITHER, &comparison);
		if (metric != TRIAL_COMMAND && comparison.known)
			json_array_append_new(figures, figure_json((enum trial_metric)metric, series,
				data->windows, &comparison));
	}
	return json_pack("{s:s, s:i, s:i, s:b, s:o}", "name", guest->name, "pid", (int)guest->pid, "vcpus",
		(int)guest->vcpus, "gone", guest->gone, "figures", figures);
}

json_t *trial_to_json(const struct trial_data *data, const struct trial_comparison comparisons[TRIAL_METRICS])
{
	json_t *figures = json_array(), *guests = json_array();

	for (int metric = 0; metric < TRIAL_METRICS; metric++) {
		struct trial_series series = data->command;

		if (!comparisons[metric].known)
			continue;
		if (metric != TRIAL_COMMAND)
			trial_total(data, (enum trial_metric)metric, &series);
		json_array_append_new(figures, figure_json((enum trial_metric)metric, &series, data->windows,
			&comparisons[metric]));
	}
	for (unsigned int i = 0; i < data->guest_count; i++)
		json_array_append_new(guests, guest_json(data, &data->guests[i]));
	return json_pack("{s:o, s:o}", "figures", figures, "guests", guests);
}
