// SPDX-License-Identifier: GPL-2.0-or-later
/* The verdict of a trial, on samples whose right answer is known, and what a trial refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xalloc.h"
#include "tuner/trial/trial.h"

static const unsigned int full[2] = {TRIAL_WINDOWS, TRIAL_WINDOWS};

/* ---- generated samples ---------------------------------------------------------------------- */

static uint64_t seed = 20240607;

/* xorshift64*: the same numbers on every machine. In (0, 1). */
static double uniform(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return ((double)(seed * UINT64_C(2685821657736338717) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* Figures as they come: even, with a long tail, nearly always the same, and in coarse steps. */
static double level(void) { return 100 + 5 * normal(); }
static double tailed(void) { return -100 * log(uniform()); }
static double rare(void) { return uniform() < 0.1 ? 50 : 0; }
static double coarse(void) { return floor(4 * uniform()) * 10; }

static void fill(struct trial_series *series, double (*draw)(void), double added, double factor)
{
	for (unsigned int i = 0; i < TRIAL_WINDOWS; i++) {
		series->values[TRIAL_BEFORE][i] = draw();
		series->values[TRIAL_AFTER][i] = draw() * factor + added;
	}
}

static enum trial_outcome outcome(enum trial_metric metric, const struct trial_series *series,
	enum trial_better better)
{
	struct trial_comparison comparison;

	trial_compare(metric, series, full, better, &comparison);
	assert_true(comparison.known);
	return comparison.outcome;
}

/* How often, in 4000 draws, the user's number is called better or worse. */
static double alarms(double (*draw)(void), double added, double factor)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < 4000; i++) {
		struct trial_series series;
		enum trial_outcome found;

		fill(&series, draw, added, factor);
		found = outcome(TRIAL_COMMAND, &series, TRIAL_LOWER);
		assert_true(found == TRIAL_SAME || found == TRIAL_BETTER || found == TRIAL_WORSE);
		count += found != TRIAL_SAME;
	}
	return count / 4000.0;
}

/* The exact interval of ten and ten covers 95.7 %; 4000 draws know that to a third of a percent. */
static void false_alarms_are_as_rare_as_it_says(void **state)
{
	double rate;

	(void)state;
	rate = alarms(level, 0, 1);
	assert_true(rate > 0.03 && rate < 0.055);
	rate = alarms(tailed, 0, 1);
	assert_true(rate > 0.03 && rate < 0.055);
}

static void ties_make_alarms_rarer_never_more(void **state)
{
	(void)state;
	assert_true(alarms(rare, 0, 1) < 0.045);
	assert_true(alarms(coarse, 0, 1) < 0.045);
}

static void a_large_change_is_found_nearly_always(void **state)
{
	(void)state;
	assert_true(alarms(level, 15, 1) > 0.99);    /* three standard deviations */
	assert_true(alarms(tailed, 0, 0.05) > 0.99); /* a long tail that shrinks to a twentieth */
}

static void which_way_is_better_is_the_users_word(void **state)
{
	struct trial_series series;

	(void)state;
	fill(&series, level, 50, 1);
	assert_int_equal(outcome(TRIAL_COMMAND, &series, TRIAL_LOWER), TRIAL_WORSE);
	assert_int_equal(outcome(TRIAL_COMMAND, &series, TRIAL_HIGHER), TRIAL_BETTER);
	fill(&series, level, -50, 1);
	assert_int_equal(outcome(TRIAL_COMMAND, &series, TRIAL_LOWER), TRIAL_BETTER);
	assert_int_equal(outcome(TRIAL_COMMAND, &series, TRIAL_HIGHER), TRIAL_WORSE);
}

/* ---- thresholds ----------------------------------------------------------------------------- */

static void ladder(struct trial_series *series, double before, double after)
{
	for (unsigned int i = 0; i < TRIAL_WINDOWS; i++) {
		series->values[TRIAL_BEFORE][i] = before + i * 0.01;
		series->values[TRIAL_AFTER][i] = after + i * 0.01;
	}
}

static void what_nobody_would_notice_does_not_count(void **state)
{
	static const struct {
		enum trial_metric metric;
		double before, after;
		enum trial_outcome outcome;
	} cases[] = {
		{TRIAL_READY, 1, 1, TRIAL_SAME},
		{TRIAL_READY, 1, 9, TRIAL_SMALL},
		{TRIAL_READY, 1, 12, TRIAL_WORSE},
		{TRIAL_READY, 12, 1, TRIAL_BETTER},
		{TRIAL_READY, 5, 1, TRIAL_SMALL},
		{TRIAL_REMOTE, 0, 1.5, TRIAL_SMALL},
		{TRIAL_REMOTE, 0, 3, TRIAL_WORSE},
		{TRIAL_REMOTE, 60, 0, TRIAL_BETTER},
		{TRIAL_SWAP, 0, 50, TRIAL_SMALL},
		{TRIAL_SWAP, 0, 200, TRIAL_WORSE},
		{TRIAL_EXITS, 1000, 100000, TRIAL_CHANGED},
		{TRIAL_CPU, 1000, 10, TRIAL_CHANGED},
		{TRIAL_FAULTS, 0, 5, TRIAL_CHANGED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial_series series;
		enum trial_outcome found;

		ladder(&series, cases[i].before, cases[i].after);
		found = outcome(cases[i].metric, &series, TRIAL_NEITHER);
		if (found != cases[i].outcome)
			fail_msg("case %zu: %s, wanted %s", i, trial_outcome_name(found),
				trial_outcome_name(cases[i].outcome));
	}
}

/* A mean of 30 ms/s with a spread of as much is not surely 10 ms/s worse. */
static void a_wide_interval_is_not_surely_beyond_the_threshold(void **state)
{
	struct trial_series series;

	(void)state;
	for (unsigned int i = 0; i < TRIAL_WINDOWS; i++) {
		series.values[TRIAL_BEFORE][i] = i;
		series.values[TRIAL_AFTER][i] = i * 6.5;
	}
	assert_int_equal(outcome(TRIAL_READY, &series, TRIAL_NEITHER), TRIAL_SMALL);
}

static void few_windows_cannot_tell(void **state)
{
	const unsigned int three[2] = {3, 3}, four[2] = {4, 4}, none[2] = {4, 0};
	struct trial_comparison comparison;
	struct trial_series series;

	(void)state;
	ladder(&series, 1, 1000);
	trial_compare(TRIAL_READY, &series, three, TRIAL_NEITHER, &comparison);
	assert_true(comparison.known);
	assert_int_equal(comparison.outcome, TRIAL_UNKNOWN);
	trial_compare(TRIAL_READY, &series, four, TRIAL_NEITHER, &comparison);
	assert_int_equal(comparison.outcome, TRIAL_WORSE);
	trial_compare(TRIAL_READY, &series, none, TRIAL_NEITHER, &comparison);
	assert_false(comparison.known);
	assert_int_equal(comparison.outcome, TRIAL_UNKNOWN);
}

static void a_figure_that_was_missing_once_is_not_known(void **state)
{
	struct trial_comparison comparison;
	struct trial_series series;

	(void)state;
	ladder(&series, 1, 1000);
	series.values[TRIAL_AFTER][3] = NAN;
	trial_compare(TRIAL_READY, &series, full, TRIAL_NEITHER, &comparison);
	assert_false(comparison.known);
}

/* ---- all guests ----------------------------------------------------------------------------- */

static void guests_count_by_their_vcpus_and_ended_ones_not(void **state)
{
	struct trial_guest guests[4] = {{.vcpus = 1}, {.vcpus = 3}, {.vcpus = 8, .gone = true}, {.vcpus = 9}};
	struct trial_data data = {.guests = guests, .guest_count = 4,
		.windows = {TRIAL_WINDOWS, TRIAL_WINDOWS}};
	struct trial_series total;

	(void)state;
	ladder(&guests[0].series[TRIAL_READY], 100, 500);
	ladder(&guests[1].series[TRIAL_READY], 20, 20);
	ladder(&guests[2].series[TRIAL_READY], 9999, 0);
	ladder(&guests[3].series[TRIAL_READY], 9999, 0);
	guests[3].series[TRIAL_READY].values[TRIAL_BEFORE][5] = NAN;
	trial_total(&data, TRIAL_READY, &total);
	assert_true(fabs(total.values[TRIAL_BEFORE][0] - 40) < 1e-9);
	assert_true(fabs(total.values[TRIAL_AFTER][0] - 140) < 1e-9);
}

static void of_no_guest_nothing_is_known(void **state)
{
	struct trial_guest guest = {.vcpus = 2, .gone = true};
	struct trial_data data = {.guests = &guest, .guest_count = 1,
		.windows = {TRIAL_WINDOWS, TRIAL_WINDOWS}};
	struct trial_comparison comparison;
	struct trial_series total;

	(void)state;
	trial_total(&data, TRIAL_READY, &total);
	trial_compare(TRIAL_READY, &total, full, TRIAL_NEITHER, &comparison);
	assert_false(comparison.known);
}

static void a_trial_that_nothing_could_decide_is_seen_before_the_change(void **state)
{
	struct trial_guest guests[2] = {{.vcpus = 1}, {.vcpus = 1, .gone = true}};
	struct trial_data data = {.guests = guests, .guest_count = 2, .windows = {TRIAL_WINDOWS, 0}};

	(void)state;
	for (int metric = 0; metric < TRIAL_METRICS; metric++)
		guests[0].series[metric].values[TRIAL_BEFORE][0] = NAN;
	assert_false(trial_decidable(&data));
	guests[0].series[TRIAL_EXITS].values[TRIAL_BEFORE][0] = 5;
	assert_false(trial_decidable(&data));
	guests[0].series[TRIAL_REMOTE].values[TRIAL_BEFORE][0] = 5;
	assert_true(trial_decidable(&data));
	guests[0].gone = true;
	assert_false(trial_decidable(&data));
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static void the_verdict_of_each_combination(void **state)
{
	static const struct {
		const char *what;
		enum trial_outcome command, ready, remote, exits, verdict;
		bool has_command, keeps;
	} cases[] = {
		{"both better", TRIAL_UNKNOWN, TRIAL_BETTER, TRIAL_BETTER, TRIAL_SAME, TRIAL_BETTER, false, true},
		{"one better", TRIAL_UNKNOWN, TRIAL_BETTER, TRIAL_SAME, TRIAL_SAME, TRIAL_BETTER, false, true},
		{"they disagree", TRIAL_UNKNOWN, TRIAL_BETTER, TRIAL_WORSE, TRIAL_SAME, TRIAL_WORSE, false, false},
		{"the other way", TRIAL_UNKNOWN, TRIAL_WORSE, TRIAL_BETTER, TRIAL_SAME, TRIAL_WORSE, false, false},
		{"nothing", TRIAL_UNKNOWN, TRIAL_SAME, TRIAL_SAME, TRIAL_SAME, TRIAL_SAME, false, true},
		{"little", TRIAL_UNKNOWN, TRIAL_SMALL, TRIAL_SAME, TRIAL_SAME, TRIAL_SMALL, false, true},
		{"one node", TRIAL_UNKNOWN, TRIAL_SAME, TRIAL_UNKNOWN, TRIAL_SAME, TRIAL_SAME, false, true},
		{"no figures", TRIAL_UNKNOWN, TRIAL_UNKNOWN, TRIAL_UNKNOWN, TRIAL_CHANGED, TRIAL_UNKNOWN, false,
			false},
		{"exits do not decide", TRIAL_UNKNOWN, TRIAL_SAME, TRIAL_SAME, TRIAL_CHANGED, TRIAL_SAME, false,
			true},
		{"the command decides all", TRIAL_BETTER, TRIAL_WORSE, TRIAL_WORSE, TRIAL_SAME, TRIAL_BETTER,
			true, true},
		{"also for the worse", TRIAL_WORSE, TRIAL_BETTER, TRIAL_BETTER, TRIAL_SAME, TRIAL_WORSE, true,
			false},
		{"also when it sees nothing", TRIAL_SAME, TRIAL_WORSE, TRIAL_WORSE, TRIAL_SAME, TRIAL_SAME, true,
			true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial_comparison comparisons[TRIAL_METRICS] = {
			[TRIAL_COMMAND] = {.outcome = cases[i].command},
			[TRIAL_READY] = {.outcome = cases[i].ready},
			[TRIAL_REMOTE] = {.outcome = cases[i].remote},
			[TRIAL_EXITS] = {.outcome = cases[i].exits},
		};
		enum trial_outcome verdict = trial_judge(comparisons, cases[i].has_command);

		if (verdict != cases[i].verdict || trial_keeps(verdict) != cases[i].keeps)
			fail_msg("%s: %s", cases[i].what, trial_outcome_name(verdict));
	}
}

static void a_line_says_before_after_and_interval(void **state)
{
	struct trial_comparison comparison;
	struct trial_series series;
	char *text;

	(void)state;
	for (unsigned int i = 0; i < TRIAL_WINDOWS; i++) {
		series.values[TRIAL_BEFORE][i] = 500;
		series.values[TRIAL_AFTER][i] = 10;
	}
	trial_compare(TRIAL_READY, &series, full, TRIAL_NEITHER, &comparison);
	text = trial_comparison_text(TRIAL_READY, &comparison);
	assert_string_equal(text, "ready time: 500 -> 10 ms/s a vCPU, -98 % (difference -490, "
		"96 % interval -490 to -490): better");
	free(text);
}

/* ---- what is asked for ---------------------------------------------------------------------- */

static void durations(void **state)
{
	static const struct {
		const char *text;
		unsigned int seconds; /* 0: refused */
	} cases[] = {
		{"90", 90}, {"30s", 30}, {"10m", 600}, {"2h", 7200}, {"1.5m", 90}, {"10", 10}, {"168h", 604800},
		{"9", 0}, {"169h", 0}, {"", 0}, {"m", 0}, {"10x", 0}, {"10 m", 0}, {"-5m", 0}, {"nan", 0},
		{"infm", 0}, {"10mm", 0},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int seconds = 0;
		int status = trial_parse_duration(cases[i].text, &seconds, &err);

		if ((status == 0) != (cases[i].seconds > 0) || seconds != cases[i].seconds)
			fail_msg("'%s': %d, %u", cases[i].text, status, seconds);
	}
	assert_non_null(strstr(err.text, "'10mm' is not a time from 10s to 168h"));
}

static int check_one(enum action_kind kind, enum action_class class, const char *before, struct error *err)
{
	struct action_list list = {0};
	int status;

	action_add(&list, ACTION_SETTING, CLASS_REVERSIBLE, xstrdup("/proc/sys/vm/swappiness"), NULL,
		xstrdup("60"), xstrdup("10"), NULL, NULL);
	action_add(&list, kind, class, xstrdup("db"), NULL, before ? xstrdup(before) : NULL, xstrdup("1"),
		NULL, "db");
	status = trial_check(&list, err);
	action_list_release(&list);
	return status;
}

static void what_cannot_be_taken_back_is_refused(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(check_one(ACTION_BALLOON, CLASS_REVERSIBLE, "1048576", &err), 0);
	assert_int_equal(check_one(ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, "0", &err), 0);
	assert_true(check_one(ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, "0-1", &err) < 0);
	assert_non_null(strstr(err.text, "the memory of db: it is on nodes 0-1 now"));
	assert_true(check_one(ACTION_MOVE_PAGES, CLASS_IRREVERSIBLE, NULL, &err) < 0);
	assert_true(check_one(ACTION_START_GUEST, CLASS_IRREVERSIBLE, "stopped", &err) < 0);
	assert_non_null(strstr(err.text, "the start of guest db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(false_alarms_are_as_rare_as_it_says),
		cmocka_unit_test(ties_make_alarms_rarer_never_more),
		cmocka_unit_test(a_large_change_is_found_nearly_always),
		cmocka_unit_test(which_way_is_better_is_the_users_word),
		cmocka_unit_test(what_nobody_would_notice_does_not_count),
		cmocka_unit_test(a_wide_interval_is_not_surely_beyond_the_threshold),
		cmocka_unit_test(few_windows_cannot_tell),
		cmocka_unit_test(a_figure_that_was_missing_once_is_not_known),
		cmocka_unit_test(guests_count_by_their_vcpus_and_ended_ones_not),
		cmocka_unit_test(of_no_guest_nothing_is_known),
		cmocka_unit_test(a_trial_that_nothing_could_decide_is_seen_before_the_change),
		cmocka_unit_test(the_verdict_of_each_combination),
		cmocka_unit_test(a_line_says_before_after_and_interval),
		cmocka_unit_test(durations),
		cmocka_unit_test(what_cannot_be_taken_back_is_refused),
	};

	return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
